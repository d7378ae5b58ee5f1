//! One request over HTTP, without redirects or retries: the only retry layer is `dispatch`.

use std::io;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method, Request, Response, Url, retry};

use super::access::{Access, KeyRing, ReadKey};
use super::headers::is_event_stream;
use super::key::Key;
use super::own_client::{ClientError, cause, chain, own_client};
use super::packed::{opens, packings, unpacked};
use super::piece::PieceSink;
use super::proxy;
use super::reply_limit::{MOST_BYTES, too_long};
use super::simulated::{as_marked, is_simulator};
use super::stream::Incoming;
use super::stream::asked::{asking, choices_asked_for};
use super::stream_redactor::StreamRedactor;
use super::verdict::{help_for, judge, judge_stream, judge_trouble};
use crate::clock;
use crate::diagnostic::secret_scan::looks_secret;
use crate::endpoint::Endpoint;
use crate::job::{KeySource, ModelSettings, Retry, units};
use crate::outcome::{Fault, FaultKind, Reply};
use crate::patience;
use crate::request::ChatRequest;
use crate::secrets;

/// Idle connections are dropped before a load balancer in between closes them, after 60 s and sometimes less.
const IDLE: Duration = Duration::from_secs(15);

/// A connection that takes longer than this will not succeed.
const CONNECT: Duration = Duration::from_secs(10);

/// How long a connection may take to end after the answer, to be used again.
const LEFTOVERS: Duration = Duration::from_millis(100);

/// A chat service over HTTP.
#[derive(Debug)]
pub struct HttpEndpoint {
    client: Client,
    base_url: String,
    url: Url,
    keys: KeyRing,
    /// The variable that would hold a key, if none is set.
    unset: Option<String>,
    idle_timeout: Duration,
    /// The proxy that the environment sets.
    proxy: Option<String>,
}

/// The settings of a client.
#[derive(Debug)]
pub struct ClientSettings<'a> {
    /// The address, without a slash at its end.
    pub base_url: &'a str,
    /// The key, if there is one.
    pub key: Option<Key>,
    /// How the key is read again after it was refused; `None` if it cannot change.
    pub read_key: Option<ReadKey>,
    /// The variable in which the key is looked for.
    pub unset: Option<String>,
    /// Headers of every request.
    pub headers: &'a [(String, String)],
    /// How long a stream may pause.
    pub idle_timeout: Duration,
}

impl<'a> ClientSettings<'a> {
    /// The settings for a job's service, without a key.
    pub fn of(model: &'a ModelSettings, retry: &Retry) -> Self {
        Self {
            base_url: &model.base_url,
            key: None,
            read_key: None,
            unset: match &model.key {
                KeySource::Variable { name, .. } => Some(name.clone()),
                KeySource::File(_) | KeySource::Command(_) => None,
            },
            headers: &model.headers,
            idle_timeout: retry.idle_timeout,
        }
    }
}

impl HttpEndpoint {
    /// A client for a service.
    ///
    /// # Errors
    ///
    /// When TLS or the environment's proxy settings cannot be set up, or the address or a header is invalid.
    pub fn new(settings: ClientSettings<'_>) -> Result<Self, ClientError> {
        let url = format!("{}/chat/completions", settings.base_url);
        let client = own_client(&url)
            .retry(retry::never())
            .http1_only()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::MAX)
            .tcp_nodelay(true)
            .build()?;
        let url = client.post(&url).build()?.url().clone();
        let key = settings.key.as_ref();
        let mut headers = more_headers(settings.headers)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let unset = settings.unset.filter(|_| key.is_none() && !headers.contains_key(AUTHORIZATION));
        let keys = KeyRing::new(headers, key, settings.read_key);
        let (idle_timeout, proxy) = (settings.idle_timeout, proxy::between(settings.base_url));
        let base_url = settings.base_url.to_owned();
        Ok(Self { client, base_url, url, keys, unset, idle_timeout, proxy })
    }

    /// Sends one request, and passes on the pieces of its answer as they arrive. An answer that arrives whole has no pieces,
    /// whether or not a stream was requested.
    pub async fn stream<'a>(&'a self, request: &ChatRequest, sink: &'a mut PieceSink<'a>) -> Reply {
        self.stream_with(&self.keys.access(), request, sink).await
    }

    async fn stream_with<'a>(
        &'a self,
        access: &'a Access,
        request: &ChatRequest,
        sink: &'a mut PieceSink<'a>,
    ) -> Reply {
        match AssertUnwindSafe(self.exchange(access, request, sink)).catch_unwind().await {
            Ok(Ok(answer)) => {
                access.has_worked();
                Ok(secrets::kept().out_of_answer(answer))
            }
            Ok(Err(mut fault)) => {
                if let (Some(401), Some(name)) = (fault.status, &self.unset) {
                    fault.message += &format!(" (no key was sent: the variable {name} is not set)");
                    fault.help = Some("`export` the variable with a key; the built-in simulator accepts any");
                }
                Err(secrets::kept().out_of_reply(fault))
            }
            // One row's panic is that row's failure.
            Err(_) => Err(Fault::panicked(FaultKind::Unusable)),
        }
    }

    async fn exchange<'a>(
        &'a self,
        access: &'a Access,
        request: &ChatRequest,
        sink: &'a mut PieceSink<'a>,
    ) -> Reply {
        let (body, idle) = match request.stream {
            true => (asking(&request.body), Some(self.idle_timeout)),
            false => (request.body.clone(), None),
        };
        let mut asking = Request::new(Method::POST, self.url.clone());
        asking.headers_mut().clone_from(&access.headers);
        *asking.body_mut() = Some(body.into());
        let sending = self.client.execute(asking);
        let mut response =
            within(idle, sending).await?.map_err(|error| before_the_reply(&error, self.proxy.as_deref()))?;
        let headers = std::mem::take(response.headers_mut());
        let read = self.read(request, (response, &headers), idle, sink).await;
        as_marked(&headers, read)
    }

    /// Reads a reply and judges it.
    async fn read<'a>(
        &'a self,
        request: &ChatRequest,
        (response, headers): (Response, &HeaderMap),
        idle: Option<Duration>,
        sink: &'a mut PieceSink<'a>,
    ) -> Reply {
        let status = response.status();
        let packings = packings(headers);
        if request.stream && status.is_success() && is_event_stream(headers) && !opens(&packings) {
            let veil = StreamRedactor::new(secrets::kept(), sink);
            return self.collect(response, headers, request, veil).await;
        }
        let body = whole_body(response, idle).await?;
        let body = match unpacked(&body, &packings, headers) {
            // The status shows what is wrong, even if the body cannot be read.
            Err(_) if !status.is_success() => body,
            unpacked => unpacked?.unwrap_or(body),
        };
        let body = secrets::kept().out_of_body(body);
        // Some servers omit the content type.
        if request.stream && status.is_success() && body.trim_ascii_start().starts_with(b"data:") {
            let mut incoming = Incoming::new(&request.body, MOST_BYTES);
            let taken = incoming.take(&body, sink).and_then(|()| incoming.end(sink));
            taken.map_err(|trouble| judge_trouble(status, headers, trouble, clock::now()))?;
            return judge_stream(status, headers, incoming, None);
        }
        judge(status, headers, &body, clock::now(), choices_asked_for(&request.body))
    }

    /// Reads an answer that arrives in pieces.
    async fn collect(
        &self,
        mut response: Response,
        headers: &HeaderMap,
        request: &ChatRequest,
        mut veil: StreamRedactor<'_>,
    ) -> Reply {
        let status = response.status();
        let broken = |trouble| judge_trouble(status, headers, trouble, clock::now());
        let mut incoming = Incoming::new(&request.body, MOST_BYTES);
        while !incoming.is_done() {
            match within(Some(self.idle_timeout), response.chunk()).await? {
                Ok(Some(bytes)) => incoming.take(&bytes, &mut |piece| veil.take(piece)).map_err(broken)?,
                Ok(None) => {
                    incoming.end(&mut |piece| veil.take(piece)).map_err(broken)?;
                    break;
                }
                Err(error) => return judge_stream(status, headers, incoming, Some(&cause(&error))),
            }
        }
        veil.finish();
        // A connection can be used again only if it was read to its end, which follows at once or is not waited for.
        let _ = tokio::time::timeout(LEFTOVERS, async { while let Ok(Some(_)) = response.chunk().await {} })
            .await;
        judge_stream(status, headers, incoming, None)
    }
}

impl Endpoint for HttpEndpoint {
    async fn send(&self, request: &ChatRequest) -> Reply {
        let access = self.keys.access();
        let reply = self.stream_with(&access, request, &mut |_| {}).await;
        if !matches!(&reply, Err(Fault { status: Some(401), .. })) {
            return reply;
        }
        match self.keys.renewed(&access).await {
            Some(access) => self.stream_with(&access, request, &mut |_| {}).await,
            None => reply,
        }
    }

    async fn is_simulator(&self) -> Result<Option<bool>, String> {
        is_simulator(&self.base_url).await.map_err(|error| error.to_string())
    }
}

/// The headers of the job.
fn more_headers(headers: &[(String, String)]) -> Result<HeaderMap, ClientError> {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        let wrong = || ClientError::Header(name.clone());
        let header = HeaderName::try_from(name).map_err(|_| wrong())?;
        let mut content = HeaderValue::try_from(value).map_err(|_| wrong())?;
        content.set_sensitive(looks_secret(name, value));
        map.insert(header, content);
    }
    Ok(map)
}

/// Waits for a future, up to a limit.
async fn within<T>(limit: Option<Duration>, coming: impl Future<Output = T>) -> Result<T, Fault> {
    let Some(limit) = limit else { return Ok(coming.await) };
    patience::within(limit, coming).await.ok_or_else(|| {
        let message = format!("nothing was received for {}", units::shown(limit));
        Fault::new(FaultKind::Transient, "idle_timeout", message)
    })
}

async fn whole_body(mut response: Response, idle: Option<Duration>) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::with_capacity(response.content_length().unwrap_or(0).min(1 << 20) as usize);
    loop {
        match within(idle, response.chunk()).await? {
            Ok(Some(chunk)) if body.len() + chunk.len() > MOST_BYTES => return Err(too_long()),
            Ok(Some(chunk)) => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(body),
            Err(error) => {
                let message = format!("the reply was cut off after {} bytes: {}", body.len(), cause(&error));
                return Err(Fault::new(FaultKind::Transient, "cut_body", message));
            }
        }
    }
}

/// The fault of a request that failed before any reply. `proxy`: the proxy in between.
fn before_the_reply(error: &reqwest::Error, proxy: Option<&str>) -> Fault {
    let message = cause(error);
    if error.is_connect() {
        let (kind, code) = match message.contains("certificate") {
            // A wrong certificate is not a passing fault, and nothing is sent past it.
            true => (FaultKind::JobRefused, "bad_certificate"),
            false => (FaultKind::Unreachable, "unreachable"),
        };
        let way = proxy.map(|proxy| format!(", through the proxy {proxy} of the environment"));
        let message = message + &way.unwrap_or_default();
        return Fault { help: help_for(code, &message), ..Fault::new(kind, code, message) };
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
        false => Fault::new(FaultKind::Transient, "transport", message),
    }
}
