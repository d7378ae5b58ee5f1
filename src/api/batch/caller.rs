//! One call of a Batch API: sent once, read whole, and judged by the error table of live replies.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use reqwest::{Method, Request, Response, StatusCode, Url};
use serde::de::DeserializeOwned;

use super::objects::is_error;
use crate::api::access::Access;
use crate::api::connection::{Connection, read_body, within};
use crate::api::headers::is_dashscope;
use crate::api::simulated::is_marked;
use crate::api::verdict::judge_error;
use crate::clock;
use crate::near_json::read;
use crate::outcome::{Fault, FaultKind};
use crate::secrets;

/// Sends calls over the connection of a service.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) connection: Arc<Connection>,
    /// What the headers of replies have shown: the lines of a file have none.
    is_dashscope: AtomicBool,
    is_simulator: AtomicBool,
}

/// The body of a call.
pub(super) enum CallBody {
    None,
    Json(Vec<u8>),
}

impl Caller {
    /// Calls over a connection.
    pub(super) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, is_dashscope: AtomicBool::new(false), is_simulator: AtomicBool::new(false) }
    }

    /// The address of a path of the API.
    pub(super) fn url(&self, path: &str) -> Result<Url, Fault> {
        self.connection.url(path).map_err(|error| {
            Fault::new(FaultKind::JobRefused, "invalid_address", format!("{path} has no address: {error}"))
        })
    }

    /// A request with the headers of the job and the key.
    pub(super) fn request(&self, access: &Access, method: Method, url: Url, body: &CallBody) -> Request {
        let mut asking = Request::new(method, url);
        asking.headers_mut().clone_from(&access.headers);
        match body {
            CallBody::None => drop(asking.headers_mut().remove(CONTENT_TYPE)),
            CallBody::Json(body) => *asking.body_mut() = Some(body.clone().into()),
        }
        asking.headers_mut().insert(ACCEPT, HeaderValue::from_static("application/json"));
        asking
    }

    /// Calls a path, and reads the object in its reply.
    pub(super) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: CallBody,
    ) -> Result<T, Fault> {
        let url = self.url(path)?;
        let attempt = async |access: Arc<Access>| {
            let asking = self.request(&access, method.clone(), url.clone(), &body);
            let response = within(Some(self.connection.timeout), self.connection.execute(asking)).await??;
            self.object(response, &access).await
        };
        self.with_access(attempt).await
    }

    /// Makes a call with the present key, and again if that was refused and another has been found.
    pub(super) async fn with_access<T, F>(&self, attempt: impl Fn(Arc<Access>) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let access = self.connection.access();
        let mut result = attempt(access.clone()).await;
        if matches!(&result, Err(Fault { status: Some(401), .. }))
            && let Some(access) = self.connection.renewed(&access).await
        {
            result = attempt(access).await;
        }
        result.map_err(|fault| secrets::kept().out_of_reply(self.connection.explained(fault)))
    }

    /// The object in a reply.
    pub(super) async fn object<T: DeserializeOwned>(
        &self,
        response: Response,
        access: &Access,
    ) -> Result<T, Fault> {
        let (status, headers, body) = self.whole(response).await?;
        if !status.is_success() || is_error(&body) {
            return Err(self.judged(status, &headers, &body));
        }
        access.has_worked();
        read(&body).map_err(|error| {
            let message = format!("the reply is not what the Batch API should answer: {error}");
            let fault = Fault::new(FaultKind::Transient, "unreadable_reply", message);
            Fault { status: Some(status.as_u16()), foreign: true, ..fault }
        })
    }

    /// A reply that was read to its end, without secrets.
    async fn whole(&self, mut response: Response) -> Result<(StatusCode, HeaderMap, Vec<u8>), Fault> {
        let status = response.status();
        let headers = std::mem::take(response.headers_mut());
        self.learn(&headers);
        let body = read_body(response, &headers, Some(self.connection.idle_timeout)).await?;
        Ok((status, headers, body))
    }

    /// The fault of a reply that is an error.
    pub(super) async fn fault(&self, response: Response) -> Fault {
        match self.whole(response).await {
            Ok((status, headers, body)) => self.judged(status, &headers, &body),
            Err(fault) => fault,
        }
    }

    fn judged(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Fault {
        let fault = judge_error(status, headers, body, clock::now());
        let fault = Fault { simulated: is_marked(headers), evidence: None, ..fault };
        match fault.status {
            // For a chat this would be a wrong address; here it is an object that the service does not know.
            Some(404) if !fault.foreign => Fault { kind: FaultKind::RowRefused, help: None, ..fault },
            _ => fault,
        }
    }

    /// Remembers what the headers of a reply show of the service.
    pub(super) fn learn(&self, headers: &HeaderMap) {
        self.is_dashscope.fetch_or(is_dashscope(headers), Ordering::Relaxed);
        self.is_simulator.fetch_or(is_marked(headers), Ordering::Relaxed);
    }

    /// Headers that a live reply of this service would have had.
    pub(super) fn likely_headers(&self) -> HeaderMap {
        let marks =
            [(&self.is_dashscope, "x-dashscope-batch"), (&self.is_simulator, crate::api::simulated::HEADER)];
        let seen = marks.iter().filter(|(seen, _)| seen.load(Ordering::Relaxed));
        seen.map(|(_, name)| (HeaderName::from_static(name), HeaderValue::from_static("1"))).collect()
    }
}
