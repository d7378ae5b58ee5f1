//! The Batch API of a service that has none.

use std::path::Path;
use std::time::SystemTime;

use crate::batch_service::{BatchOrder, BatchService, CreateFault, ProviderBatch};
use crate::outcome::{Fault, FaultKind, Reply};
use crate::request::ChatRequest;

/// Refuses everything.
#[derive(Debug, Clone, Copy)]
pub struct NoBatchService;

fn none() -> Fault {
    Fault::new(FaultKind::JobRefused, "no_batch_api", "this service was given without a Batch API")
}

impl BatchService for NoBatchService {
    async fn upload(&self, _name: &str, _file: &Path) -> Result<String, Fault> {
        Err(none())
    }

    async fn uploaded(&self, _name: &str) -> Result<Vec<String>, Fault> {
        Err(none())
    }

    async fn create(&self, _order: &BatchOrder) -> Result<ProviderBatch, CreateFault> {
        Err(CreateFault::Refused(none()))
    }

    async fn made_of(
        &self,
        _file: &str,
        _tag: &str,
        _since: SystemTime,
    ) -> Result<Vec<ProviderBatch>, Fault> {
        Err(none())
    }

    async fn look(&self, _batch: &str) -> Result<ProviderBatch, Fault> {
        Err(none())
    }

    async fn download(&self, _file: &str, _to: &Path) -> Result<(), Fault> {
        Err(none())
    }

    async fn cancel(&self, _batch: &str) -> Result<ProviderBatch, Fault> {
        Err(none())
    }

    async fn delete(&self, _file: &str) -> Result<(), Fault> {
        Err(none())
    }

    fn custom_id(&self, _line: &[u8]) -> Option<String> {
        None
    }

    fn reply(&self, _line: &[u8], _request: &ChatRequest) -> Reply {
        Err(none())
    }
}
