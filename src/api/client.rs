//! One request over HTTP. No redirects, no retries of its own: there is one retry layer, and it is not here.

use std::error::Error;
use std::io;
use std::time::{Duration, SystemTime};

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, Response, redirect, retry};

use super::key::Key;
use super::verdict::judge;
use crate::endpoint::Endpoint;
use crate::outcome::{Fault, FaultKind, Reply};
use crate::request::ChatRequest;

/// Idle connections are dropped before a load balancer in between closes them, which is at 60 s and sometimes less.
const IDLE: Duration = Duration::from_secs(15);

/// A connection that is not there by then will not be.
const CONNECT: Duration = Duration::from_secs(10);

/// The longest reply that is taken: far above any model's longest answer.
const MAX_REPLY_BYTES: usize = 64 * 1024 * 1024;

/// A chat service over HTTP.
#[derive(Debug)]
pub struct HttpEndpoint {
    client: Client,
    url: String,
    key: Option<Key>,
    headers: HeaderMap,
}

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
#[error("the HTTP client cannot be set up: {0}")]
pub struct ClientError(#[from] reqwest::Error);

impl HttpEndpoint {
    /// A client for the service at an address, which has no slash at its end.
    ///
    /// # Errors
    ///
    /// When TLS or the proxy settings of the environment cannot be set up, or the address is none.
    pub fn new(base_url: &str, key: Option<Key>) -> Result<Self, ClientError> {
        // An error means that a provider is installed already, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let url = format!("{base_url}/chat/completions");
        let mut builder = Client::builder()
            .user_agent(concat!("fanfold/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .http1_only()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::MAX)
            .tcp_nodelay(true);
        if url.starts_with("http://") {
            // A server on this machine is never behind a proxy, and needs no certificates to be there.
            builder = builder.no_proxy().tls_certs_only([]);
        }
        let client = builder.build()?;
        client.post(&url).build()?;
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(value) = key.as_ref().and_then(Key::header) {
            headers.insert(AUTHORIZATION, value);
        }
        Ok(Self { client, url, key, headers })
    }

    async fn exchange(&self, request: &ChatRequest) -> Reply {
        let sent =
            self.client.post(&self.url).headers(self.headers.clone()).body(request.body.clone()).send().await;
        let response = sent.map_err(|error| before_the_reply(&error))?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = self.without_key(whole_body(response).await?);
        judge(status, &headers, &body, SystemTime::now())
    }
}

impl HttpEndpoint {
    /// Some servers echo the key. It is taken out of the reply before anything is made of it.
    fn without_key(&self, body: Vec<u8>) -> Vec<u8> {
        let hidden = self.key.as_ref().and_then(|key| key.hide(&String::from_utf8_lossy(&body)));
        hidden.map_or(body, String::into_bytes)
    }
}

impl Endpoint for HttpEndpoint {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let reply = self.exchange(request).await;
        match &self.key {
            Some(key) => reply.map_err(|fault| without(key, fault)),
            None => reply,
        }
    }
}

/// Some servers echo the key in their errors. It is stored and shown nowhere.
fn without(key: &Key, fault: Fault) -> Fault {
    let message = key.hide(&fault.message).unwrap_or(fault.message);
    let code = key.hide(&fault.code).unwrap_or(fault.code);
    let evidence = fault.evidence.map(|bytes| match key.hide(&String::from_utf8_lossy(&bytes)) {
        Some(hidden) => hidden.into_bytes(),
        None => bytes,
    });
    let request_id = fault.request_id.map(|id| key.hide(&id).unwrap_or(id));
    Fault { message, code, evidence, request_id, ..fault }
}

async fn whole_body(mut response: Response) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::with_capacity(response.content_length().unwrap_or(0).min(1 << 20) as usize);
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() > MAX_REPLY_BYTES => {
                let message = format!("the reply is longer than {} MiB", MAX_REPLY_BYTES >> 20);
                return Err(Fault::new(FaultKind::Unusable, "reply_too_long", message));
            }
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let message = format!("the reply broke off after {} bytes: {}", body.len(), cause(&error));
                return Err(Fault::new(FaultKind::Passing, "cut_body", message));
            }
        }
    }
}

/// A fault before any reply came.
fn before_the_reply(error: &reqwest::Error) -> Fault {
    let message = cause(error);
    if error.is_connect() {
        let certificate = message.contains("certificate") || message.contains("UnknownIssuer");
        return match certificate {
            // A wrong certificate is no glitch, and nothing is sent past it.
            true => Fault::new(FaultKind::JobRefused, "bad_certificate", message),
            false => Fault::new(FaultKind::Unreachable, "unreachable", message),
        };
    }
    let kinds = [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::ConnectionAborted];
    let reset = chain(error).any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| kinds.contains(&error.kind()))
            || cause
                .downcast_ref::<hyper::Error>()
                .is_some_and(|error| error.is_incomplete_message() || error.is_canceled())
    });
    match reset {
        true => Fault::new(FaultKind::StaleConnection, "connection_reset", message),
        false => Fault::new(FaultKind::Passing, "transport", message),
    }
}

/// The deepest cause of an error, which says most, without the address: it stands in the job.
fn cause(error: &reqwest::Error) -> String {
    chain(error).last().map_or_else(String::new, ToString::to_string)
}

fn chain<'a>(error: &'a reqwest::Error) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    let first: &'a (dyn Error + 'static) = error;
    std::iter::successors(
        Some(first),
        |error: &&'a (dyn Error + 'static)| -> Option<&'a (dyn Error + 'static)> { (*error).source() },
    )
}
