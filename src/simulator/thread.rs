//! A server on its own thread, for callers that have no runtime or want to keep theirs free.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Weak, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::exchange::ServerState;
use super::{ServerSettings, Simulator, SimulatorError};

/// A server on its own thread. Dropping the handle stops the server and waits for its thread to end.
pub struct Handle {
    address: SocketAddr,
    base_url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    state: Weak<ServerState>,
}

impl Handle {
    /// The address on which the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The API's base URL for clients, without a slash at its end.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Waits until every connection has ended, so that the witness log has everything that the clients sent. Returns false
    /// if a client is still connected after `time`.
    pub fn is_quiet_within(&self, time: Duration) -> bool {
        let until = Instant::now() + time;
        // Connections are accepted in order: once this one has been served, none is waiting.
        if let Ok(mut last) = TcpStream::connect_timeout(&self.address, time) {
            // A server that is down may have closed it already.
            let _ = last.shutdown(Shutdown::Write);
            let _ = last.set_read_timeout(Some(time));
            let _ = last.read(&mut [0]);
        }
        // One reference is the listener's, and each other a connection's.
        while self.state.strong_count() > 1 {
            if Instant::now() >= until {
                return false;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        true
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // A thread that has ended needs no message, and has reported its own panic.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Starts a server on its own thread, and returns when it is listening.
///
/// # Errors
///
/// The thread cannot be started, the address is in use, or the witness log cannot be opened.
pub fn spawn_thread(settings: ServerSettings) -> Result<Handle, SimulatorError> {
    let thread_error = |source| SimulatorError::Thread { source };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(thread_error)?;
    let (stop, stopped) = oneshot::channel();
    let (report, started) = mpsc::channel();
    let body = move || {
        runtime.block_on(async move {
            match Simulator::start(settings).await {
                Err(error) => drop(report.send(Err(error))),
                Ok(simulator) => {
                    let _ = report.send(Ok((simulator.address(), simulator.base_url(), simulator.state())));
                    // A leaked handle never stops the server; a dropped one sends a message.
                    let _ = stopped.await;
                    simulator.stop().await;
                }
            }
        });
    };
    let thread = std::thread::Builder::new().name("simulator".into()).spawn(body).map_err(thread_error)?;
    match started.recv() {
        Ok(Ok((address, base_url, state))) => {
            Ok(Handle { address, base_url, stop: Some(stop), thread: Some(thread), state })
        }
        Ok(Err(error)) => Err(error),
        Err(_) => Err(thread_error(std::io::Error::other("its thread ended before it listened"))),
    }
}
