//! The server itself: listening, connections, outages and stopping.

use std::net::SocketAddr;
use std::sync::{Arc, Weak};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

use super::exchange::ServerState;
use super::wire::{ConnectionEnd, Wire};
use super::{ServerSettings, SimulatorError};

/// How long the server waits when it cannot accept a connection, usually for lack of file descriptors.
const REST: Duration = Duration::from_millis(50);

/// How often batches go on while nobody calls.
const BEAT: Duration = Duration::from_millis(5);

/// A running server. Dropping it ends it and its connections at once.
pub struct Simulator {
    address: SocketAddr,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
    state: Weak<ServerState>,
}

impl Simulator {
    /// Starts a server on the caller's runtime.
    ///
    /// # Errors
    ///
    /// The address is in use, or the witness log cannot be opened.
    pub async fn start(settings: ServerSettings) -> Result<Simulator, SimulatorError> {
        let wanted = SocketAddr::new(settings.bind, settings.port);
        let bind_error = |source| SimulatorError::Bind { address: wanted, source };
        let listener = TcpListener::bind(wanted).await.map_err(bind_error)?;
        let address = listener.local_addr().map_err(bind_error)?;
        let desk = Arc::new(ServerState::open(settings)?);
        let state = Arc::downgrade(&desk);
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(listen(listener, desk, stopped));
        Ok(Simulator { address, stop, task, state })
    }

    /// The state, which the listener and each open connection own.
    pub(super) fn state(&self) -> Weak<ServerState> {
        Weak::clone(&self.state)
    }

    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API's base URL for clients, without a slash at its end.
    pub fn base_url(&self) -> String {
        format!("http://{}/compatible-mode/v1", self.address)
    }

    /// Stops listening, closes all connections, and returns when that is done.
    pub async fn stop(mut self) {
        // Neither failure matters: a server that is gone has stopped.
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn listen(listener: TcpListener, desk: Arc<ServerState>, mut stopped: watch::Receiver<bool>) {
    let mut connections = JoinSet::new();
    let mut count = 0;
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                // Dropping the stream closes it without a byte.
                Ok((stream, _)) if desk.settings.script.is_down(desk.started.elapsed()) => drop(stream),
                Ok((stream, _)) => {
                    count += 1;
                    connections.spawn(connect(stream, Arc::clone(&desk), count));
                }
                Err(_) => tokio::time::sleep(REST).await,
            },
            () = tokio::time::sleep(BEAT), if desk.has_batches() => desk.work_on_batches(),
            Some(_) = connections.join_next(), if !connections.is_empty() => {}
            _ = stopped.changed() => break,
        }
    }
    connections.shutdown().await;
}

/// Serves one connection until either side ends it, or the server goes down.
async fn connect(stream: TcpStream, desk: Arc<ServerState>, number: u64) {
    // Small replies must not wait for the acknowledgement of earlier ones. Without this they are only late.
    let _ = stream.set_nodelay(true);
    let ending = Arc::new(ConnectionEnd::default());
    let wire = TokioIo::new(Wire::new(stream, Arc::clone(&ending)));
    let service = service_fn(|request| desk.serve(request, number, Arc::clone(&ending)));
    let served = http1::Builder::new().header_read_timeout(None).serve_connection(wire, service);
    tokio::select! {
        // A connection ends with an error when a client goes away or a script demands it: neither needs a report.
        _ = served => {}
        () = go_down(&desk, &ending) => {}
    }
}

/// Waits until the server goes down, and resets the connection.
async fn go_down(desk: &ServerState, ending: &ConnectionEnd) {
    let now = desk.started.elapsed();
    match desk.settings.script.next_down(now) {
        Some(down) => tokio::time::sleep(down - now).await,
        None => std::future::pending().await,
    }
    ending.reset();
}
