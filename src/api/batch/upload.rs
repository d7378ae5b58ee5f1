//! A file, sent as a form (RFC 7578) straight from disk.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::{Bytes, Frame, SizeHint};
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Body, Method, Response};

use super::caller::{CallBody, Caller};
use super::objects::WireFile;
use crate::api::access::Access;
use crate::outcome::{Fault, FaultKind};
use crate::patience;
use crate::regular;

/// How much of the file is read at a time.
const CHUNK: usize = 64 * 1024;

/// Separates the parts of the form. A line of JSON cannot begin with it.
const BOUNDARY: &str = "fanfold-form-7c0e2b1f94d84a67";

/// Uploads a file of requests under a name.
pub(super) async fn upload(caller: &Caller, name: &str, path: &Path) -> Result<String, Fault> {
    let url = caller.url("files")?;
    let attempt = async |access: Arc<Access>| {
        let body = FormBody::of(name, path).map_err(|error| unreadable(path, &error))?;
        let progress = body.progress.clone();
        let mut asking = caller.request(&access, Method::POST, url.clone(), &CallBody::None);
        let form = HeaderValue::from_static(concat!(
            "multipart/form-data; boundary=",
            "fanfold-form-7c0e2b1f94d84a67"
        ));
        asking.headers_mut().insert(CONTENT_TYPE, form);
        *asking.body_mut() = Some(Body::wrap(body));
        let sent = while_it_moves(caller, &progress, caller.connection.execute(asking)).await;
        match progress.broken() {
            Some(error) => Err(unreadable(path, &error)),
            None => caller.object::<WireFile>(sent?, &access).await,
        }
    };
    Ok(caller.with_access(attempt).await?.id)
}

fn unreadable(path: &Path, error: &io::Error) -> Fault {
    Fault::new(FaultKind::JobRefused, "io", format!("{} cannot be read: {error}", path.display()))
}

/// Waits for the reply for as long as the body is being taken; after that, as for any other reply.
async fn while_it_moves(
    caller: &Caller,
    progress: &UploadProgress,
    sending: impl Future<Output = Result<Response, Fault>>,
) -> Result<Response, Fault> {
    let mut sending = std::pin::pin!(sending);
    let limit = caller.connection.timeout;
    loop {
        let before = progress.sent();
        if let Some(result) = patience::within(limit, sending.as_mut()).await {
            return result;
        }
        if progress.sent() == before {
            let message = "the service stopped taking the file, or did not answer";
            return Err(Fault::new(FaultKind::Transient, "timeout", message));
        }
    }
}

/// How far the body of an upload is.
#[derive(Debug, Default)]
struct UploadProgress {
    sent: AtomicU64,
    broken: Mutex<Option<io::Error>>,
}

impl UploadProgress {
    fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Why the file could not be read to its end.
    fn broken(&self) -> Option<io::Error> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// The form with the file: its purpose, its content, its end.
struct FormBody {
    head: Bytes,
    file: File,
    /// Bytes of the file that are still to be sent.
    left: u64,
    tail: Bytes,
    progress: Arc<UploadProgress>,
}

impl FormBody {
    fn of(name: &str, path: &Path) -> io::Result<Self> {
        let file = regular::open(path)?;
        let left = file.metadata()?.len();
        let name = name.replace(['"', '\\', '\r', '\n'], "_");
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--{BOUNDARY}\r\n\
             Content-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\nContent-Type: application/jsonl\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        Ok(Self { head: head.into(), file, left, tail: tail.into(), progress: Arc::default() })
    }

    /// The next part of the form.
    fn next(&mut self) -> io::Result<Bytes> {
        if !self.head.is_empty() {
            return Ok(std::mem::take(&mut self.head));
        }
        if self.left == 0 {
            return Ok(std::mem::take(&mut self.tail));
        }
        let mut chunk = Vec::with_capacity(CHUNK);
        let most = self.left.min(CHUNK as u64);
        let read = (&self.file).take(most).read_to_end(&mut chunk)? as u64;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it became shorter while it was sent"));
        }
        self.left -= read;
        Ok(chunk.into())
    }
}

impl hyper::body::Body for FormBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.is_end_stream() {
            return Poll::Ready(None);
        }
        match self.next() {
            Ok(bytes) => {
                self.progress.sent.fetch_add(bytes.len() as u64, Ordering::Relaxed);
                Poll::Ready(Some(Ok(Frame::data(bytes))))
            }
            Err(error) => {
                let kept = io::Error::new(error.kind(), error.to_string());
                *self.progress.broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Poll::Ready(Some(Err(kept)))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.head.is_empty() && self.left == 0 && self.tail.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.head.len() as u64 + self.left + self.tail.len() as u64)
    }
}
