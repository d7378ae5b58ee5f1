//! A reply: status, headers, and a body that may pause, stop or break off.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::Response;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::Value;
use tokio::time::Sleep;

use super::wire::{ConnectionEnd, Severed};

/// A part of a body, or an event between parts.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum BodyPart {
    Data(Bytes),
    Pause(Duration),
    /// Flushes what was sent so far to the socket.
    Breath,
    /// The connection ends here.
    Cut,
    /// The connection is reset here.
    Reset,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) pieces: Vec<BodyPart>,
    /// A `Content-Length` to announce instead of the true one.
    pub(super) announced_length: Option<usize>,
    /// Bytes to send past the announced end.
    pub(super) surplus: Bytes,
    pub(super) is_stream: bool,
}

impl HttpReply {
    /// A reply without a body and without headers about one.
    pub(super) fn bare(status: u16) -> HttpReply {
        HttpReply {
            status,
            headers: Vec::new(),
            pieces: Vec::new(),
            announced_length: None,
            surplus: Bytes::new(),
            is_stream: false,
        }
    }

    pub(super) fn text(status: u16, content_type: &'static str, text: impl Into<Bytes>) -> HttpReply {
        let mut reply = HttpReply::bare(status);
        reply.pieces.push(BodyPart::Data(text.into()));
        reply.set(CONTENT_TYPE, content_type);
        reply
    }

    pub(super) fn json(status: u16, body: &Value) -> HttpReply {
        HttpReply::text(status, "application/json", body.to_string())
    }

    /// Sets a header, replacing an earlier one; a value that is not valid in a header is left out.
    pub(super) fn set(&mut self, name: HeaderName, value: &str) {
        if let Ok(value) = HeaderValue::try_from(value) {
            self.headers.retain(|(other, _)| *other != name);
            self.headers.push((name, value));
        }
    }

    /// All data of the body together, without its pauses.
    pub(super) fn data(&self) -> Bytes {
        let data = self.pieces.iter().filter_map(|piece| match piece {
            BodyPart::Data(data) => Some(&data[..]),
            _ => None,
        });
        Bytes::from(data.collect::<Vec<_>>().concat())
    }

    /// The reply as the server sends it on a connection.
    pub(super) fn into_response(self, ending: Arc<ConnectionEnd>) -> Response<ReplyBody> {
        if !self.surplus.is_empty() {
            ending.send_surplus(self.surplus);
        }
        let is_known = !self.is_stream && self.announced_length.is_none();
        let body = ReplyBody { pieces: self.pieces.into(), sleep: None, is_known, ending };
        let mut response = Response::new(body);
        *response.status_mut() = self.status.try_into().unwrap_or_default();
        response.headers_mut().extend(self.headers);
        if let Some(length) = self.announced_length {
            response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        response
    }
}

/// A body that sends its parts one after the other.
pub(super) struct ReplyBody {
    pieces: VecDeque<BodyPart>,
    sleep: Option<Pin<Box<Sleep>>>,
    /// Whether its length is announced.
    is_known: bool,
    ending: Arc<ConnectionEnd>,
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = Severed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Severed>>> {
        loop {
            if let Some(sleep) = &mut self.sleep {
                ready!(sleep.as_mut().poll(context));
                self.sleep = None;
            }
            match self.pieces.pop_front() {
                None => return Poll::Ready(None),
                Some(BodyPart::Data(data)) => return Poll::Ready(Some(Ok(Frame::data(data)))),
                Some(BodyPart::Pause(span)) => self.sleep = Some(Box::pin(tokio::time::sleep(span))),
                Some(BodyPart::Breath) => {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(BodyPart::Cut) => return Poll::Ready(Some(Err(Severed))),
                Some(BodyPart::Reset) => {
                    self.ending.reset();
                    return Poll::Ready(Some(Err(Severed)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.is_empty() && self.sleep.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        if !self.is_known {
            return SizeHint::default();
        }
        let length = |piece: &BodyPart| match piece {
            BodyPart::Data(data) => data.len() as u64,
            _ => 0,
        };
        SizeHint::with_exact(self.pieces.iter().map(length).sum())
    }
}
