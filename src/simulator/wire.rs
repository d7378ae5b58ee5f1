//! One connection's bytes, and how it ends: normally, with a reset, or with more bytes than announced.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use hyper::body::Bytes;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How a connection is to end; set by the code that answers, carried out by the wire.
#[derive(Debug, Default)]
pub(super) struct ConnectionEnd {
    reset: AtomicBool,
    surplus: Mutex<Bytes>,
}

impl ConnectionEnd {
    /// Makes the peer see a reset instead of a normal end when the connection is closed.
    pub(super) fn reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
    }

    /// Bytes to send after the announced end of the last reply, before the connection closes.
    pub(super) fn send_surplus(&self, surplus: Bytes) {
        *self.surplus.lock().unwrap_or_else(PoisonError::into_inner) = surplus;
    }

    fn take_surplus(&self) -> Bytes {
        std::mem::take(&mut *self.surplus.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The connection was closed on purpose.
#[derive(Debug, thiserror::Error)]
#[error("the simulator gave up the connection, as its script says")]
pub(super) struct Severed;

/// A TCP stream that ends as set in its `ConnectionEnd`.
pub(super) struct Wire {
    stream: TcpStream,
    ending: Arc<ConnectionEnd>,
}

impl Wire {
    pub(super) fn new(stream: TcpStream, ending: Arc<ConnectionEnd>) -> Wire {
        Wire { stream, ending }
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        if self.ending.reset.load(Ordering::SeqCst) {
            // Closing a socket with zero linger sends a reset. If that cannot be set, the peer sees a normal end, which is
            // a fault as well.
            let _ = self.stream.set_zero_linger();
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let surplus = self.ending.take_surplus();
        if !surplus.is_empty() {
            // A few hundred bytes fit into the socket's buffer; it does not matter if the peer is gone.
            let _ = self.stream.try_write(&surplus);
        }
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
