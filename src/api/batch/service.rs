//! The Batch API of a service, behind the door that the rest of the program knows.

use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use reqwest::Method;
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::caller::{CallBody, Caller};
use super::download::download;
use super::line;
use super::objects::{WireBatch, WireFile, WireList, order_body};
use super::upload::upload;
use crate::api::connection::Connection;
use crate::api::stream::asked::choices_asked_for;
use crate::batch_service::{BatchOrder, BatchService, CreateFault, ProviderBatch};
use crate::outcome::{Fault, FaultKind, Reply};
use crate::request::ChatRequest;

/// How many objects a page of a list has at most, as far as all servers accept it.
const PAGE: usize = 100;

/// How much a clock of the provider may differ from ours.
const SKEW: Duration = Duration::from_secs(24 * 3600);

/// A Batch API over HTTP, on the connection of a chat service.
#[derive(Debug)]
pub struct HttpBatchService {
    caller: Caller,
}

impl HttpBatchService {
    /// The Batch API of a service.
    pub(in crate::api) fn over(connection: Arc<Connection>) -> Self {
        Self { caller: Caller::new(connection) }
    }

    /// The objects of a list that a function picks, page by page, until it says that the rest is of no interest.
    async fn picked<T: DeserializeOwned, P>(
        &self,
        path: &str,
        mut pick: impl FnMut(&[T]) -> (Vec<P>, bool),
    ) -> Result<Vec<P>, Fault> {
        let (mut found, mut seen, mut after) = (Vec::new(), HashSet::new(), String::new());
        loop {
            let asked = format!("{path}limit={PAGE}{after}");
            let page: WireList =
                self.caller.call(Method::GET, &asked, CallBody::None).await.map_err(without_api)?;
            let ids: Vec<String> = page.data.iter().filter_map(|object| id_of(object.get())).collect();
            let objects: Vec<T> =
                page.data.iter().filter_map(|object| serde_json::from_str(object.get()).ok()).collect();
            let (more, is_enough) = pick(&objects);
            found.extend(more);
            let goes_on = page.has_more.unwrap_or(page.data.len() >= PAGE);
            let Some(last) = ids.last().filter(|_| goes_on && !is_enough) else { return Ok(found) };
            after = format!("&after={last}");
            let news = ids.into_iter().filter(|id| seen.insert(id.clone())).count();
            if news == 0 {
                // The same page again: the rest cannot be seen.
                let message = "the service shows only the first page of its list";
                let fault = Fault::new(FaultKind::Unusable, "list_without_end", message);
                return if found.is_empty() { Err(fault) } else { Ok(found) };
            }
        }
    }
}

impl BatchService for HttpBatchService {
    async fn upload(&self, name: &str, file: &Path) -> Result<String, Fault> {
        upload(&self.caller, name, file).await.map_err(without_api)
    }

    async fn uploaded(&self, name: &str) -> Result<Vec<String>, Fault> {
        let named = |file: &&WireFile| file.filename.as_deref() == Some(name);
        self.picked("files?purpose=batch&", |files: &[WireFile]| {
            (files.iter().filter(named).map(|file| file.id.clone()).collect(), false)
        })
        .await
    }

    async fn create(&self, order: &BatchOrder) -> Result<ProviderBatch, CreateFault> {
        let body = CallBody::Json(order_body(order));
        match self.caller.call::<WireBatch>(Method::POST, "batches", body).await {
            Ok(batch) => Ok(batch.settled()),
            Err(fault) if is_refusal(&fault) => Err(CreateFault::Refused(without_api(fault))),
            Err(fault) => Err(CreateFault::Unknown(fault)),
        }
    }

    async fn made_of(
        &self,
        input_file: &str,
        tag: &str,
        since: SystemTime,
    ) -> Result<Vec<ProviderBatch>, Fault> {
        let since = since.checked_sub(SKEW).unwrap_or(since);
        let wire = |batches: &[WireBatch]| -> (Vec<ProviderBatch>, bool) {
            let batches: Vec<ProviderBatch> = batches.iter().cloned().map(WireBatch::settled).collect();
            let is_enough = end_before(&batches, since);
            let is_ours =
                |batch: &ProviderBatch| batch.input_file == input_file || batch.tag.as_deref() == Some(tag);
            (batches.into_iter().filter(is_ours).collect(), is_enough)
        };
        self.picked("batches?", wire).await
    }

    async fn look(&self, batch: &str) -> Result<ProviderBatch, Fault> {
        let batch: WireBatch = self
            .caller
            .call(Method::GET, &format!("batches/{batch}"), CallBody::None)
            .await
            .map_err(of_the_api)?;
        Ok(batch.settled())
    }

    async fn download(&self, file: &str, to: &Path) -> Result<(), Fault> {
        download(&self.caller, file, to).await.map_err(of_the_api)
    }

    async fn cancel(&self, batch: &str) -> Result<ProviderBatch, Fault> {
        let body = CallBody::Json(b"{}".to_vec());
        let batch: WireBatch = self
            .caller
            .call(Method::POST, &format!("batches/{batch}/cancel"), body)
            .await
            .map_err(of_the_api)?;
        Ok(batch.settled())
    }

    async fn delete(&self, file: &str) -> Result<(), Fault> {
        let path = format!("files/{file}");
        match self.caller.call::<IgnoredAny>(Method::DELETE, &path, CallBody::None).await {
            Ok(_) | Err(Fault { status: Some(404), .. }) => Ok(()),
            // Nothing else is said of a deletion.
            Err(Fault { status: Some(204), .. }) => Ok(()),
            Err(fault) => Err(fault),
        }
    }

    fn custom_id(&self, line: &[u8]) -> Option<String> {
        line::custom_id(line)
    }

    fn reply(&self, line: &[u8], request: &ChatRequest) -> Reply {
        let asked = choices_asked_for(&request.body);
        // One row's panic is that row's failure.
        let read = || line::reply(line, self.caller.likely_headers(), asked);
        catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| Err(Fault::panicked(FaultKind::Unusable)))
    }
}

/// The id of an object of a list.
fn id_of(object: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Id {
        id: String,
    }
    serde_json::from_str::<Id>(object).ok().map(|object| object.id)
}

/// Whether a page ends before a moment, and so do all later ones: that is known only of a list with the newest first.
fn end_before(page: &[ProviderBatch], moment: SystemTime) -> bool {
    let at = |batch: Option<&ProviderBatch>| batch.and_then(|batch| batch.created_at);
    match (at(page.first()), at(page.last())) {
        (Some(first), Some(last)) => first > last && last < moment,
        _ => false,
    }
}

/// Whether a call has certainly created nothing: the service refused it, or no byte of it was sent.
fn is_refusal(fault: &Fault) -> bool {
    use FaultKind::{JobRefused, RowRefused, Throttled, Unreachable};
    match fault.status {
        None => matches!(fault.kind, Unreachable | JobRefused),
        // A page of a gateway says nothing about what happened behind it, except that it knows no such path.
        Some(404 | 405) => true,
        Some(408 | 409 | 425 | 499) => false,
        Some(400..500) => !fault.foreign && matches!(fault.kind, Throttled | RowRefused | JobRefused),
        Some(_) => false,
    }
}

/// The fault of a call to a path that every Batch API has. A service that does not know it has none.
fn without_api(fault: Fault) -> Fault {
    match fault.status {
        Some(404 | 405 | 501) if fault.foreign || says_nothing(&fault) => Fault {
            kind: FaultKind::JobRefused,
            code: "no_batch_api".to_owned(),
            message: format!("the service has no Batch API ({})", fault.summary()),
            help: Some("leave out `transport = \"batch\"`, or use a service that has one"),
            ..fault
        },
        _ => fault,
    }
}

/// Whether an error only repeats its status.
fn says_nothing(fault: &Fault) -> bool {
    fault.code.starts_with("http_") && !fault.message.to_ascii_lowercase().contains("file")
}

/// A fault whose 404 is the service's own word about the object, and not that of a gateway which has lost its way.
fn of_the_api(fault: Fault) -> Fault {
    match fault.status {
        Some(404) if fault.foreign => Fault { status: None, kind: FaultKind::Transient, ..fault },
        _ => fault,
    }
}
