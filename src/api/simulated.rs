//! How fanfold's simulator is told from a service: it marks all that it says. `simulator` has the same names, written anew.

use std::time::Duration;

use reqwest::Url;
use reqwest::header::HeaderMap;

use super::own_client::{ClientError, own_client};
use crate::outcome::Reply;

/// What the simulator calls itself in `system_fingerprint`, which gateways in between hand on.
pub(super) const MARK: &str = "fanfold-simulator";

/// The header of all its replies.
const HEADER: &str = "x-fanfold-simulator";

/// How long it may take to say who it is.
const PATIENCE: Duration = Duration::from_secs(10);

/// Of what is said there, so many bytes are looked at.
const MOST_BYTES: usize = 4096;

/// The reply, marked as the simulator's if the headers that it came with are.
pub(super) fn as_marked(headers: &HeaderMap, reply: Reply) -> Reply {
    if !headers.contains_key(HEADER) {
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

/// Asks whoever answers at an address whether it is a simulator: one request, without the key and the headers of the job.
/// `None` when nobody answers.
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
    // A gateway in between may keep headers to itself.
    let mut body = Vec::new();
    while let Ok(Some(piece)) = reply.chunk().await
        && body.len() < MOST_BYTES
    {
        body.extend_from_slice(&piece);
    }
    let said: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
    Ok(Some(said["simulator"] == "fanfold"))
}
