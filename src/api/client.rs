//! One request over HTTP, without redirects or retries: the only retry layer is `dispatch`.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, Response, Url};

use super::access::Access;
use super::batch::HttpBatchService;
pub use super::connection::ClientSettings;
use super::connection::{Connection, read_body, within};
use super::headers::is_event_stream;
use super::own_client::{ClientError, cause};
use super::packed::{opens, packings};
use super::piece::PieceSink;
use super::reply_limit::MOST_BYTES;
use super::simulated::{as_marked, is_simulator};
use super::stream::Incoming;
use super::stream::asked::{asking, choices_asked_for};
use super::stream_redactor::StreamRedactor;
use super::verdict::{judge, judge_stream, judge_trouble};
use crate::clock;
use crate::endpoint::Endpoint;
use crate::outcome::{Fault, FaultKind, Reply};
use crate::request::ChatRequest;
use crate::secrets;

/// How long a connection may take to end after the answer, to be used again.
const LEFTOVERS: Duration = Duration::from_millis(100);

/// A chat service over HTTP.
#[derive(Debug)]
pub struct HttpEndpoint {
    connection: Arc<Connection>,
    url: Url,
}

impl HttpEndpoint {
    /// A client for a service.
    ///
    /// # Errors
    ///
    /// When TLS or the environment's proxy settings cannot be set up, or the address or a header is invalid.
    pub fn new(settings: ClientSettings<'_>) -> Result<Self, ClientError> {
        let connection = Connection::new(settings)?;
        let url = connection.url("chat/completions")?;
        Ok(Self { connection: Arc::new(connection), url })
    }

    /// The Batch API of the same service, on the same connection.
    pub fn batches(&self) -> HttpBatchService {
        HttpBatchService::over(self.connection.clone())
    }

    /// Sends one request, and passes on the pieces of its answer as they arrive. An answer that arrives whole has no pieces,
    /// whether or not a stream was requested.
    pub async fn stream<'a>(&'a self, request: &ChatRequest, sink: &'a mut PieceSink<'a>) -> Reply {
        self.stream_with(&self.connection.access(), request, sink).await
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
            Ok(Err(fault)) => Err(secrets::kept().out_of_reply(self.connection.explained(fault))),
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
            true => (asking(&request.body), Some(self.connection.idle_timeout)),
            false => (request.body.clone(), None),
        };
        let mut asking = Request::new(Method::POST, self.url.clone());
        asking.headers_mut().clone_from(&access.headers);
        *asking.body_mut() = Some(body.into());
        let mut response = within(idle, self.connection.execute(asking)).await??;
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
        if request.stream && status.is_success() && is_event_stream(headers) && !opens(&packings(headers)) {
            let veil = StreamRedactor::new(secrets::kept(), sink);
            return self.collect(response, headers, request, veil).await;
        }
        let body = read_body(response, headers, idle).await?;
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
            match within(Some(self.connection.idle_timeout), response.chunk()).await? {
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
        let access = self.connection.access();
        let reply = self.stream_with(&access, request, &mut |_| {}).await;
        if !matches!(&reply, Err(Fault { status: Some(401), .. })) {
            return reply;
        }
        match self.connection.renewed(&access).await {
            Some(access) => self.stream_with(&access, request, &mut |_| {}).await,
            None => reply,
        }
    }

    async fn is_simulator(&self) -> Result<Option<bool>, String> {
        is_simulator(&self.connection.base_url).await.map_err(|error| error.to_string())
    }
}
