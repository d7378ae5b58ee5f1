//! A request that was read to its end, with the time of its arrival.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, Request};
use serde_json::Value;

use super::batches::ApiCall;
use super::fingerprint::RequestDigest;
use super::wire::Severed;

/// The maximum size of a body, in bytes: 6 MiB, as measured on the real service in 2026.
pub(super) const LARGEST_BODY: usize = 6 * 1024 * 1024;

/// The maximum size of an upload, in bytes: a form with a file of 500 MB.
const LARGEST_UPLOAD: usize = 501_000_000;

/// The line of a batch.
#[derive(Debug)]
pub(super) struct BatchedLine {
    pub(super) batch: String,
    pub(super) custom_id: String,
}

/// The time since 1970.
#[expect(clippy::disallowed_methods, reason = "the simulator imports nothing, and has a clock of its own")]
pub(super) fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// A complete request.
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) path: String,
    /// What follows the `?` of its address.
    pub(super) query: String,
    pub(super) call: ApiCall,
    /// The id of a file or a batch in the path.
    pub(super) id: String,
    pub(super) headers: HeaderMap,
    /// The stored body: all of it unless it is too large.
    pub(super) body: Bytes,
    pub(super) is_too_large: bool,
    /// `None` if the body is not JSON.
    pub(super) json: Option<Value>,
    pub(super) fingerprint: RequestDigest,
    /// When the last byte arrived, since the server started.
    pub(super) since_start: Duration,
    /// The same moment, since 1970.
    pub(super) at: Duration,
    /// The number of the connection on this server, from 1.
    pub(super) connection: u64,
    /// The line that it is, if it was not received live.
    pub(super) line: Option<BatchedLine>,
}

impl Received {
    /// Reads a request to its end.
    ///
    /// # Errors
    ///
    /// The client gave up earlier.
    pub(super) async fn read(
        request: Request<Incoming>,
        started: Instant,
        connection: u64,
    ) -> Result<Received, Severed> {
        let (head, mut incoming) = request.into_parts();
        let (call, id) = ApiCall::of(&head.method, head.uri.path());
        let most = if call == ApiCall::Upload { LARGEST_UPLOAD } else { LARGEST_BODY };
        let mut body = Vec::new();
        let mut is_too_large = false;
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame.map_err(|_| Severed)?.into_data() else { continue };
            // A body that is too large is still read to its end, or the client would not see the reply.
            is_too_large |= body.len() + data.len() > most;
            if !is_too_large {
                body.extend_from_slice(&data);
            }
        }
        let since_start = started.elapsed();
        let at = now();
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let fingerprint = match &json {
            Some(json) => RequestDigest::of_json(json),
            // Without a body, the address says what is asked for.
            None if body.is_empty() => {
                RequestDigest::of_bytes(format!("{} {}", head.method, head.uri).as_bytes())
            }
            None => RequestDigest::of_bytes(&body),
        };
        Ok(Received {
            method: head.method,
            path: head.uri.path().to_owned(),
            query: head.uri.query().unwrap_or_default().to_owned(),
            call,
            id,
            headers: head.headers,
            body: body.into(),
            is_too_large,
            json,
            fingerprint,
            since_start,
            at,
            connection,
            line: None,
        })
    }

    /// The key in the `Authorization` header, if there is one.
    pub(super) fn key(&self) -> Option<&str> {
        let value = self.headers.get(AUTHORIZATION)?.to_str().ok()?;
        let key = value.strip_prefix("Bearer ").or_else(|| value.strip_prefix("bearer "))?.trim();
        (!key.is_empty()).then_some(key)
    }

    pub(super) fn model(&self) -> Option<&str> {
        self.json.as_ref()?.get("model")?.as_str()
    }

    /// The body as text; invalid UTF-8 becomes replacement characters.
    pub(super) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }
}
