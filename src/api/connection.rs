//! The connection to a service: one client, its address and its key. A request over it is sent once, without redirects or
//! retries: the only retry layers are above.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Request, Response, Url, retry};

use super::access::{Access, KeyRing, ReadKey};
use super::key::Key;
use super::own_client::{ClientError, cause, chain, own_client};
use super::packed::{packings, unpacked};
use super::proxy;
use super::reply_limit::{MOST_BYTES, too_long};
use super::verdict::help_for;
use crate::diagnostic::secret_scan::looks_secret;
use crate::job::{KeySource, ModelSettings, Retry, units};
use crate::outcome::{Fault, FaultKind};
use crate::patience;
use crate::secrets;

/// Idle connections are dropped before a load balancer in between closes them, after 60 s and sometimes less.
const IDLE: Duration = Duration::from_secs(15);

/// A connection that takes longer than this will not succeed.
const CONNECT: Duration = Duration::from_secs(10);

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
    /// How long a request may take.
    pub timeout: Duration,
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
            timeout: retry.timeout,
        }
    }
}

/// A service, and how it is reached.
#[derive(Debug)]
pub(super) struct Connection {
    client: Client,
    pub(super) base_url: String,
    keys: KeyRing,
    /// The variable that would hold a key, if none is set.
    unset: Option<String>,
    /// How long a reply may pause.
    pub(super) idle_timeout: Duration,
    /// How long a reply may take to begin, where the caller has no limit of its own.
    pub(super) timeout: Duration,
    /// The proxy that the environment sets.
    proxy: Option<String>,
}

impl Connection {
    /// A client for a service.
    ///
    /// # Errors
    ///
    /// When TLS or the environment's proxy settings cannot be set up, or a header is invalid.
    pub(super) fn new(settings: ClientSettings<'_>) -> Result<Self, ClientError> {
        let client = own_client(settings.base_url)
            .retry(retry::never())
            .http1_only()
            .connect_timeout(CONNECT)
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(usize::MAX)
            .tcp_nodelay(true)
            .build()?;
        let key = settings.key.as_ref();
        let mut headers = more_headers(settings.headers)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let unset = settings.unset.filter(|_| key.is_none() && !headers.contains_key(AUTHORIZATION));
        Ok(Self {
            client,
            base_url: settings.base_url.to_owned(),
            keys: KeyRing::new(headers, key, settings.read_key),
            unset,
            idle_timeout: settings.idle_timeout,
            timeout: settings.timeout,
            proxy: proxy::between(settings.base_url),
        })
    }

    /// The address of a path of the API.
    ///
    /// # Errors
    ///
    /// When the address is invalid.
    pub(super) fn url(&self, path: &str) -> Result<Url, ClientError> {
        Ok(self.client.get(format!("{}/{path}", self.base_url)).build()?.url().clone())
    }

    /// The present access.
    pub(super) fn access(&self) -> Arc<Access> {
        self.keys.access()
    }

    /// The access to use after the service refused a key that had worked; `None` if there is no other.
    pub(super) async fn renewed(&self, refused: &Arc<Access>) -> Option<Arc<Access>> {
        self.keys.renewed(refused).await
    }

    /// Sends a request, and waits for the beginning of its reply.
    pub(super) async fn execute(&self, asking: Request) -> Result<Response, Fault> {
        self.client.execute(asking).await.map_err(|error| before_the_reply(&error, self.proxy.as_deref()))
    }

    /// A fault, with what is known here of a refused key.
    pub(super) fn explained(&self, mut fault: Fault) -> Fault {
        if let (Some(401), Some(name)) = (fault.status, &self.unset) {
            fault.message += &format!(" (no key was sent: the variable {name} is not set)");
            fault.help = Some("`export` the variable with a key; the built-in simulator accepts any");
        }
        fault
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
pub(super) async fn within<T>(limit: Option<Duration>, coming: impl Future<Output = T>) -> Result<T, Fault> {
    let Some(limit) = limit else { return Ok(coming.await) };
    patience::within(limit, coming).await.ok_or_else(|| {
        let message = format!("nothing was received for {}", units::shown(limit));
        Fault::new(FaultKind::Transient, "idle_timeout", message)
    })
}

/// The whole body of a reply, up to a limit. `idle`: how long it may pause.
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

/// The body of a reply, unpacked and without secrets.
pub(super) async fn read_body(
    response: Response,
    headers: &HeaderMap,
    idle: Option<Duration>,
) -> Result<Vec<u8>, Fault> {
    let (status, packings) = (response.status(), packings(headers));
    let body = whole_body(response, idle).await?;
    let body = match unpacked(&body, &packings, headers) {
        // The status shows what is wrong, even if the body cannot be read.
        Err(_) if !status.is_success() => body,
        unpacked => unpacked?.unwrap_or(body),
    };
    Ok(secrets::kept().out_of_body(body))
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
