//! The door to a provider's Batch API: a file of requests in, a file of their replies out, hours later and at a lower price.

use std::future::Future;
use std::path::Path;
use std::time::SystemTime;

use crate::outcome::{Fault, Reply};
use crate::request::ChatRequest;

/// A Batch API. Each call is one request, except that a list may have several pages; none is repeated inside.
///
/// All calls but [`create`](BatchService::create) may be repeated by the caller: done twice, they cost nothing more.
pub trait BatchService {
    /// Uploads a file of requests under a name, and returns its id. Memory does not grow with the file.
    ///
    /// # Errors
    ///
    /// The fault of the call, or that the file cannot be read (`code` is `io`).
    fn upload(&self, name: &str, file: &Path) -> impl Future<Output = Result<String, Fault>>;

    /// The ids of uploaded files of that name. A file whose upload ended in a fault may be among them, whole.
    ///
    /// # Errors
    ///
    /// The fault of a call.
    fn uploaded(&self, name: &str) -> impl Future<Output = Result<Vec<String>, Fault>>;

    /// Creates a batch. A server may make two of two calls, and then everything is paid for twice.
    ///
    /// # Errors
    ///
    /// [`CreateFault`], which says whether there may be a batch nevertheless.
    fn create(&self, order: &BatchOrder) -> impl Future<Output = Result<ProviderBatch, CreateFault>>;

    /// The batches made of a file or with a tag, in any state, if they were created after `since` by the server's clock, or
    /// up to a day before. A list may be behind the deeds: a batch created a moment ago may not be there yet.
    ///
    /// # Errors
    ///
    /// The fault of a call.
    fn made_of(
        &self,
        input_file: &str,
        tag: &str,
        since: SystemTime,
    ) -> impl Future<Output = Result<Vec<ProviderBatch>, Fault>>;

    /// A batch as it is now.
    ///
    /// # Errors
    ///
    /// The fault of the call; the status 404 means that the provider does not know it.
    fn look(&self, batch: &str) -> impl Future<Output = Result<ProviderBatch, Fault>>;

    /// Downloads a file. What is in `to` already is its beginning, and the rest is appended; a server that cannot send a part
    /// sends it whole, and `to` is written anew. Memory does not grow with the file.
    ///
    /// # Errors
    ///
    /// The fault of the call, or that `to` cannot be written (`code` is `io`). What was received is kept in `to`.
    fn download(&self, file: &str, to: &Path) -> impl Future<Output = Result<(), Fault>>;

    /// Asks the provider to cancel a batch, which takes a while; requests that it has answered are paid for.
    ///
    /// # Errors
    ///
    /// The fault of the call. A provider refuses (400 or 409) when the batch is about to end or has ended.
    fn cancel(&self, batch: &str) -> impl Future<Output = Result<ProviderBatch, Fault>>;

    /// Deletes a file. One that is no longer there is deleted.
    ///
    /// # Errors
    ///
    /// The fault of the call.
    fn delete(&self, file: &str) -> impl Future<Output = Result<(), Fault>>;

    /// The id that the caller gave the request that a line of an output or error file is about; `None` if it has none, or
    /// the line is not JSON.
    fn custom_id(&self, line: &[u8]) -> Option<String>;

    /// The reply in a line of an output or error file, judged like a live one.
    ///
    /// # Errors
    ///
    /// The fault of the request, as for a live one. `code` is `batch_expired` or `batch_cancelled` (kind
    /// [`Transient`](crate::outcome::FaultKind::Transient)) if the request was never made, and costs nothing.
    fn reply(&self, line: &[u8], request: &ChatRequest) -> Reply;
}

/// What a batch is created of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchOrder {
    /// The id of the uploaded file.
    pub input_file: String,
    /// The path that its requests are sent to: `/v1/chat/completions`.
    pub endpoint: String,
    /// How long the provider may take: `24h`.
    pub window: String,
    /// The mark by which the batch is found again; at most 64 characters.
    pub tag: String,
}

/// Why no batch is known after a call that should create one.
#[derive(Debug, Clone, PartialEq)]
pub enum CreateFault {
    /// None was made: the provider said so, or nothing was sent. Whether a later call can succeed is decided by the
    /// [kind](crate::outcome::FaultKind::passes) of the fault.
    Refused(Fault),
    /// The answer was lost or unclear: there may be a batch. Look for it before another is created.
    Unknown(Fault),
}

/// A batch, as the provider describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProviderBatch {
    /// The provider's id of it.
    pub id: String,
    /// How far it is.
    pub state: BatchState,
    /// The id of the file that it was made of.
    pub input_file: String,
    /// The file of replies, if there is one. Failed requests may be in it too.
    pub output_file: Option<String>,
    /// The file of failed requests, if there is one.
    pub error_file: Option<String>,
    /// Its requests, as the provider counts them.
    pub counts: BatchCounts,
    /// When it was created, by the provider's clock, like all its times.
    pub created_at: Option<SystemTime>,
    /// When the provider began to work on it.
    pub in_progress_at: Option<SystemTime>,
    /// When it ends at the latest.
    pub expires_at: Option<SystemTime>,
    /// When it ended, in whatever way.
    pub ended_at: Option<SystemTime>,
    /// Why it failed as a whole.
    pub errors: Vec<BatchError>,
    /// The mark that it was created with.
    pub tag: Option<String>,
}

/// The requests of a batch, as the provider counts them, which is no proof: failed ones may be counted as completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchCounts {
    /// All; 0 until the file has been read.
    pub total: u64,
    /// Those with an answer.
    pub completed: u64,
    /// Those without.
    pub failed: u64,
}

/// A reason for which a batch failed as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BatchError {
    /// The provider's code, such as `token_limit_exceeded`.
    pub code: String,
    /// The same in words.
    pub message: String,
    /// The line of the input file that it is about, counted from 1.
    pub line: Option<u64>,
}

/// How far a batch is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BatchState {
    /// Its file is being read.
    Validating,
    /// It waits for its turn, or is being worked on.
    InProgress,
    /// Its results are being written.
    Finalizing,
    /// It has ended, and every request has a line.
    Completed,
    /// Its file or its order was refused, and nothing was answered.
    Failed,
    /// Its time ran out; finished requests have lines.
    Expired,
    /// It will be cancelled when the requests under way have ended.
    Cancelling,
    /// It was cancelled; finished requests have lines.
    Cancelled,
    /// A word that is not known here. It is not an end.
    Other(String),
}

impl BatchState {
    /// The state that the API has a word for.
    pub fn of(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "validating" => Self::Validating,
            "in_progress" => Self::InProgress,
            "finalizing" => Self::Finalizing,
            "completed" => Self::Completed,
            "failed" => Self::Failed,
            "expired" => Self::Expired,
            "cancelling" => Self::Cancelling,
            "cancelled" | "canceled" => Self::Cancelled,
            _ => Self::Other(word.to_owned()),
        }
    }

    /// The API's word for it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Validating => "validating",
            Self::InProgress => "in_progress",
            Self::Finalizing => "finalizing",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Expired => "expired",
            Self::Cancelling => "cancelling",
            Self::Cancelled => "cancelled",
            Self::Other(word) => word,
        }
    }

    /// Whether nothing will change any more.
    pub fn is_end(&self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Expired | Self::Cancelled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_the_api_is_a_state_and_an_unknown_one_is_no_end() {
        let words = [
            ("validating", false),
            ("in_progress", false),
            ("finalizing", false),
            ("completed", true),
            ("failed", true),
            ("expired", true),
            ("cancelling", false),
            ("cancelled", true),
            ("paused", false),
        ];
        for (word, ends) in words {
            let state = BatchState::of(word);
            assert_eq!((state.as_str(), state.is_end()), (word, ends));
        }
        assert_eq!(BatchState::of("canceled"), BatchState::Cancelled);
        assert_eq!(BatchState::of("Completed"), BatchState::Completed);
    }
}
