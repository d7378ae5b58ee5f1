//! A request that was read to its end, with the time of its arrival.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use http_body_util::BodyExt;
use hyper::body::{Bytes, Incoming};
use hyper::header::AUTHORIZATION;
use hyper::{HeaderMap, Method, Request};
use serde_json::Value;

use super::fingerprint::RequestDigest;
use super::wire::Severed;

/// The maximum size of a body, in bytes: 6 MiB, as measured on the real service in 2026.
pub(super) const LARGEST_BODY: usize = 6 * 1024 * 1024;

/// A complete request.
pub(super) struct Received {
    pub(super) method: Method,
    pub(super) path: String,
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
        let mut body = Vec::new();
        let mut is_too_large = false;
        while let Some(frame) = incoming.frame().await {
            let Ok(data) = frame.map_err(|_| Severed)?.into_data() else { continue };
            // A body that is too large is still read to its end, or the client would not see the reply.
            is_too_large |= body.len() + data.len() > LARGEST_BODY;
            if !is_too_large {
                body.extend_from_slice(&data);
            }
        }
        let since_start = started.elapsed();
        #[expect(
            clippy::disallowed_methods,
            reason = "the simulator imports nothing, and has a clock of its own"
        )]
        let at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let json: Option<Value> = serde_json::from_slice(&body).ok();
        let fingerprint = match &json {
            Some(json) => RequestDigest::of_json(json),
            None => RequestDigest::of_bytes(&body),
        };
        Ok(Received {
            method: head.method,
            path: head.uri.path().to_owned(),
            headers: head.headers,
            body: body.into(),
            is_too_large,
            json,
            fingerprint,
            since_start,
            at,
            connection,
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
