//! Which kind of server is imitated.

use std::str::FromStr;

/// Which kind of server is imitated.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Profile {
    /// DashScope: its models, its rules for requests, its error bodies and headers.
    #[default]
    DashScope,
    /// Any other OpenAI-compatible server: every model name, few rules, no key, errors in the shapes of several servers, no
    /// request id and no usage details. Whole answers also imitate several servers, drawn from the request: without usage,
    /// with counts as floats or text, and so on.
    Plain,
}

impl FromStr for Profile {
    type Err = String;

    /// Reads `dashscope` or `plain`.
    fn from_str(text: &str) -> Result<Profile, String> {
        match text {
            "dashscope" => Ok(Profile::DashScope),
            "plain" => Ok(Profile::Plain),
            other => Err(format!("unknown profile `{other}`: write dashscope or plain")),
        }
    }
}
