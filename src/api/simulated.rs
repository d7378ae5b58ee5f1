//! Recognises fanfold's simulator, which marks all its replies. `simulator` defines the same names independently.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::own_client::{ClientError, own_client};
use crate::outcome::Reply;

/// The simulator's name in `system_fingerprint`, which gateways in between pass on.
pub(super) const MARK: &str = "fanfold-simulator";

/// The header of all its replies.
pub(super) const HEADER: &str = "x-fanfold-simulator";

/// How long it may take to identify itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of its reply are examined.
const MOST_BYTES: usize = 4096;

/// Whether the headers of a reply are the simulator's.
pub(super) fn is_marked(headers: &HeaderMap) -> bool {
    headers.contains_key(HEADER)
}

/// The reply, marked as the simulator's if its headers say so.
pub(super) fn as_marked(headers: &HeaderMap, reply: Reply) -> Reply {
    if !is_marked(headers) {
        return reply;
    }
    match reply {
        Ok(mut answer) => {
            answer.simulated = true;
            Ok(answer)
        }
        Err(mut fault) => {
            fault.simulated = true;
            fault.partial.iter_mut().for_each(|answer| answer.simulated = true);
            Err(fault)
        }
    }
}

/// Asks the server at an address whether it is a simulator: one request, without the key and the headers of the job.
/// `None` if nobody answers.
///
/// # Errors
///
/// When no client can be set up.
pub async fn is_simulator(base_url: &str) -> Result<Option<bool>, ClientError> {
    let client = own_client(base_url).http1_only().pool_max_idle_per_host(0).timeout(PATIENCE).build()?;
    let Ok(url) = Url::parse(&format!("{base_url}/fanfold")) else { return Ok(None) };
    let Ok(mut reply) = client.get(url).send().await else { return Ok(None) };
    if reply.headers().contains_key(HEADER) {
        return Ok(Some(true));
    }
    // A gateway in between may remove headers.
    let mut body = Vec::new();
    while let Ok(Some(piece)) = reply.chunk().await
        && body.len() < MOST_BYTES
    {
        body.extend_from_slice(&piece);
    }
    let reply: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(reply["simulator"] == "fanfold"))
}
