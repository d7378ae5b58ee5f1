//! The flags and variables of a job, declared once: each job flag is a key of the job file.

use toml::Value;

use crate::config::overlay::{KeyOrigin, Overlay, literal};
use crate::diagnostic::secret_scan;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::format::endings;

/// A key of the job file that has its own flag and environment variable.
#[derive(Debug, Clone, Copy)]
pub struct JobFlag {
    /// The flag, without its dashes. The variable is `FANFOLD_` and the same in capitals.
    pub flag: &'static str,
    /// The key of the job file, dotted.
    pub key: &'static str,
    /// The form of its value.
    pub shape: ValueShape,
    /// The placeholder for its value in the help.
    pub value: &'static str,
    /// Its help, in a line.
    pub help: &'static str,
}

/// The form of a job flag's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueShape {
    /// Text, unchanged.
    Text,
    /// A number, or a word such as `auto`.
    Number,
    /// Several texts.
    List,
}

/// Every job flag, in the order of `fanfold run --help`.
pub const JOB_FLAGS: [JobFlag; 23] = [
    list(
        "input",
        "input.path",
        "FILE",
        "File, folder or glob of rows (JSONL, CSV, TSV, Parquet) or of documents; `-` is standard input; repeatable",
    ),
    text("output", "output.path", "FILE", concat!("Output file; its ending sets the format: ", endings!())),
    text(
        "journal",
        "output.journal",
        "FILE",
        "File to keep the answers in; by default OUTPUT.journal next to the output",
    ),
    text("id", "input.id", "COLUMN", "Column that identifies a row"),
    text("model", "model.name", "NAME", "Model"),
    text("base-url", "model.base_url", "URL", "Address of the API, without /chat/completions"),
    text(
        "region",
        "model.region",
        "NAME",
        "Region of DashScope, instead of an address: singapore, beijing, virginia, …",
    ),
    text(
        "tier",
        "model.tier",
        "NAME",
        "batch-chat: half the price in Beijing, through a queue of up to an hour; or standard",
    ),
    text("system", "prompt.system", "TEMPLATE", "Template of the system turn"),
    text(
        "prompt",
        "prompt.user",
        "TEMPLATE",
        "Template of the user turn, with the columns of a row: 'Summarise: {{ text }}'",
    ),
    number("limit", "input.limit", "N", "Read only the first N rows; never replaces a longer output"),
    number("qps", "limits.qps", "N", "Requests per second"),
    number("qpm", "limits.qpm", "N", "Requests per minute"),
    number("tpm", "limits.tpm", "N", "Tokens per minute, input and output"),
    number("concurrency", "limits.concurrency", "N", "Maximum requests in flight, or `auto`"),
    number("max-attempts", "retry.max_attempts", "N", "Tries per row while the service answers others"),
    text("timeout", "retry.timeout", "TIME", "Time limit of one request, such as 330s"),
    number("max-cost", "limits.max_cost", "MONEY", "Stop before spending more than this"),
    number("max-total-tokens", "limits.max_total_tokens", "N", "Stop before using more tokens than this"),
    text(
        "cap-period",
        "limits.cap_period",
        "PERIOD",
        "Period of the caps on cost and tokens: job, run, day or month",
    ),
    text("max-duration", "limits.max_duration", "TIME", "Stop after this time, such as 7h"),
    text("until", "limits.until", "TIME", "Stop at this time, such as 06:00, or a date and time"),
    text(
        "metrics-file",
        "output.metrics",
        "FILE",
        "File for figures of the run, in the Prometheus text format",
    ),
];

const fn text(flag: &'static str, key: &'static str, value: &'static str, help: &'static str) -> JobFlag {
    JobFlag { flag, key, shape: ValueShape::Text, value, help }
}

const fn number(flag: &'static str, key: &'static str, value: &'static str, help: &'static str) -> JobFlag {
    JobFlag { flag, key, shape: ValueShape::Number, value, help }
}

const fn list(flag: &'static str, key: &'static str, value: &'static str, help: &'static str) -> JobFlag {
    JobFlag { flag, key, shape: ValueShape::List, value, help }
}

/// Keys whose values name files. The user may choose any name for a file.
const PATHS: [&str; 3] = ["input.path", "output.path", "output.metrics"];

impl JobFlag {
    /// The environment variable of the job flag.
    pub fn variable(&self) -> String {
        format!("FANFOLD_{}", self.flag.replace('-', "_").to_ascii_uppercase())
    }

    /// The overlay of a flag with these values.
    pub fn of_flag(&self, values: &[String]) -> Overlay {
        self.overlay(KeyOrigin::Flag, &format!("--{}", self.flag), values)
    }

    /// The overlay of the job flag's variable; several paths are on a line each.
    pub fn of_variable(&self, value: &str) -> Overlay {
        let values: Vec<String> = match self.shape {
            ValueShape::List => value.lines().map(str::to_owned).collect(),
            ValueShape::Text | ValueShape::Number => vec![value.to_owned()],
        };
        self.overlay(KeyOrigin::Variable, &self.variable(), &values)
    }

    fn overlay(&self, origin: KeyOrigin, name: &str, values: &[String]) -> Overlay {
        let value = match self.shape {
            ValueShape::List => Value::Array(values.iter().cloned().map(Value::String).collect()),
            ValueShape::Text => Value::String(values.concat()),
            ValueShape::Number => literal(&values.concat()),
        };
        Overlay {
            origin,
            script: SourceText::new(name, values.join("\n")),
            key: self.key.into(),
            value,
            raw: values.concat(),
        }
    }
}

/// The overlay of one `--set KEY=VALUE`. A value that is not a TOML literal is text.
///
/// # Errors
///
/// When there is no `=`, or when the value looks like an API key, which belongs in the environment.
pub fn set(argument: &str) -> Result<Overlay, Diagnostic> {
    let script = SourceText::new("--set", argument);
    let Some((key, value)) = argument.split_once('=') else {
        let help = "write it as in the job file, dotted: --set limits.qps=5";
        return Err(Diagnostic::new("`--set` takes KEY=VALUE").at(&script, 0..argument.len()).help(help));
    };
    let parsed = literal(value.trim());
    if names_a_hook(key.trim(), &parsed) {
        let hidden = SourceText::new("--set", format!("{key}=…"));
        let help = "other users of this machine can read command-line arguments; put the address into a \
            variable, and name that with notify.url_env";
        return Err(Diagnostic::new("the address of a notification does not belong on the command line")
            .at(&hidden, 0..key.len())
            .help(help));
    }
    if holds_a_key(value) || has_secret_header(key.trim(), &parsed) || is_of_a_key(key.trim()) {
        let hidden = SourceText::new("--set", format!("{key}=…"));
        return Err(does_not_belong(&hidden, key.len()));
    }
    Ok(Overlay {
        origin: KeyOrigin::Flag,
        script,
        key: key.trim().to_owned(),
        value: parsed,
        raw: value.trim().to_owned(),
    })
}

/// Refuses a key in the text of a flag: it would appear in the command that fanfold shows for continuing.
///
/// # Errors
///
/// When the text contains a key.
pub fn check_keyless(overlay: &Overlay) -> Result<(), Diagnostic> {
    if PATHS.contains(&overlay.key.as_str()) || !holds_a_key(&overlay.raw) {
        return Ok(());
    }
    let hidden = SourceText::new(overlay.script.name.clone(), "…");
    Err(does_not_belong(&hidden, hidden.text.len()))
}

fn does_not_belong(hidden: &SourceText, length: usize) -> Diagnostic {
    let help = "other users of this machine can read command-line arguments; put the key into \
        DASHSCOPE_API_KEY, or use model.api_key_env, api_key_file or api_key_command; put a header into the job \
        file";
    Diagnostic::new("an API key does not belong on the command line").at(hidden, 0..length).help(help)
}

/// Whether a key is that of the API key, or nearly so.
fn is_of_a_key(key: &str) -> bool {
    let places = ["model.api_key_env", "model.api_key_file", "model.api_key_command"];
    let section = key.split_once('.').map_or("", |(section, _)| section);
    !places.contains(&key)
        && (section.is_empty() || section == "model")
        && !key.starts_with("model.headers")
        && secret_scan::is_secret(key)
}

/// Whether a value sets the address to notify, which is a secret.
fn names_a_hook(key: &str, value: &Value) -> bool {
    key == "notify.url" || (key == "notify" && value.get("url").is_some())
}

/// Whether a value is or contains a key.
fn holds_a_key(value: &str) -> bool {
    value.trim_matches(['"', '\'']).starts_with("sk-") || !secret_scan::places(value).is_empty()
}

/// Whether a value sets a header whose value looks like a key, at any depth.
fn has_secret_header(key: &str, value: &Value) -> bool {
    match value {
        Value::Table(table) => {
            table.iter().any(|(name, value)| has_secret_header(&format!("{key}.{name}"), value))
        }
        Value::String(text) => key
            .strip_prefix("model.headers.")
            .is_some_and(|name| secret_scan::looks_secret(name.trim_matches(['"', '\'']), text)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_value_is_a_literal_if_possible_and_text_otherwise() {
        let value = |argument: &str| set(argument).map(|overlay| overlay.value);
        assert_eq!(value("limits.qps=5"), Ok(Value::Integer(5)));
        assert_eq!(value("output.select=[\"a\", \"b\"]").map(|v| v.is_array()), Ok(true));
        assert_eq!(value("prompt.user=Say {{ text }}"), Ok(Value::String("Say {{ text }}".into())));
        assert_eq!(value("output.prefix="), Ok(Value::String(String::new())));
    }

    #[test]
    fn a_key_on_the_command_line_is_refused_and_not_shown() {
        let problem = set("model.x=sk-secret").expect_err("refused").to_string();
        assert!(!problem.contains("secret"), "{problem}");
        for argument in
            ["model.headers.X-Token=my-secret", "model={ headers = { X = \"Bearer my-secret\" } }"]
        {
            let problem = set(argument).expect_err("refused").to_string();
            assert!(!problem.contains("my-secret"), "{problem}");
        }
        for argument in [
            "prompt.user=my key is sk-4f1d9c7e2b0a, use it",
            "request.extra={ key = \"sk-4f1d9c7e2b0a\" }",
            "model.base_url=https://a.example/?key=sk-4f1d9c7e2b0a",
            "request.x=Authorization: bearer 4f1d9c7e2b0a",
        ] {
            let problem = set(argument).expect_err(argument).to_string();
            assert!(!problem.contains("4f1d9c7e2b0a"), "{problem}");
        }
        assert!(set("prompt.user=Explain sk-learn, ask-1234567890 and the bearer of bad news").is_ok());
        assert!(set("model.headers.X-DashScope-Wait-Timeout=5").is_ok());
        assert!(set("limits.qps").is_err());
    }
}
