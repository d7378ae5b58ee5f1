//! Which call of the API a request is.

use hyper::Method;
use serde::Deserialize;

/// The calls of the API, and the lines of batches, which are answered like live requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum ApiCall {
    /// Everything that is not about files and batches.
    Chat,
    /// A line of a batch.
    Line,
    Upload,
    ListFiles,
    LookFile,
    Download,
    Delete,
    Create,
    ListBatches,
    Look,
    Cancel,
}

impl ApiCall {
    /// The call that a request is, and the id in its path.
    pub(in super::super) fn of(method: &Method, path: &str) -> (Self, String) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let rest = |room: &str| parts.iter().position(|part| *part == room).map(|at| &parts[at + 1..]);
        let is = |wanted: &Method| method == wanted;
        let found = match (rest("files"), rest("batches")) {
            (Some([]), _) if is(&Method::POST) => Some((Self::Upload, "")),
            (Some([]), _) if is(&Method::GET) => Some((Self::ListFiles, "")),
            (Some([id]), _) if is(&Method::GET) => Some((Self::LookFile, *id)),
            (Some([id]), _) if is(&Method::DELETE) => Some((Self::Delete, *id)),
            (Some([id, "content"]), _) if is(&Method::GET) => Some((Self::Download, *id)),
            (_, Some([])) if is(&Method::POST) => Some((Self::Create, "")),
            (_, Some([])) if is(&Method::GET) => Some((Self::ListBatches, "")),
            (_, Some([id])) if is(&Method::GET) => Some((Self::Look, *id)),
            (_, Some([id, "cancel"])) if is(&Method::POST) => Some((Self::Cancel, *id)),
            _ => None,
        };
        found.map_or((Self::Chat, String::new()), |(call, id)| (call, id.to_owned()))
    }

    /// Whether it is a request to a model.
    pub(in super::super) fn is_a_request(self) -> bool {
        matches!(self, Self::Chat | Self::Line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_call_is_known_by_its_method_and_its_path() {
        let call = |method: Method, path: &str| ApiCall::of(&method, &format!("/compatible-mode/v1/{path}"));
        assert_eq!(call(Method::POST, "chat/completions").0, ApiCall::Chat);
        assert_eq!(call(Method::GET, "models").0, ApiCall::Chat);
        assert_eq!(call(Method::POST, "files").0, ApiCall::Upload);
        assert_eq!(call(Method::GET, "files").0, ApiCall::ListFiles);
        assert_eq!(call(Method::GET, "files/f-1"), (ApiCall::LookFile, "f-1".into()));
        assert_eq!(call(Method::GET, "files/f-1/content"), (ApiCall::Download, "f-1".into()));
        assert_eq!(call(Method::DELETE, "files/f-1"), (ApiCall::Delete, "f-1".into()));
        assert_eq!(call(Method::POST, "batches").0, ApiCall::Create);
        assert_eq!(call(Method::GET, "batches").0, ApiCall::ListBatches);
        assert_eq!(call(Method::GET, "batches/b-1"), (ApiCall::Look, "b-1".into()));
        assert_eq!(call(Method::POST, "batches/b-1/cancel"), (ApiCall::Cancel, "b-1".into()));
        assert_eq!(call(Method::PUT, "batches/b-1").0, ApiCall::Chat);
    }
}
