//! A server between a run and the simulator that damages bytes in transit like a network: so the witness log has every
//! request that came through, and the judge works as usual.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A request as it came over the wire.
#[derive(Debug, Clone)]
pub struct Heard {
    /// The row whose text is in it.
    pub row: usize,
    /// How many requests of this row there were before.
    pub before: usize,
    /// How many requests there were on this connection before.
    pub reused: usize,
    /// All its bytes.
    pub bytes: Vec<u8>,
}

/// What the relay does with a request.
pub enum Act {
    /// Forwards the request, and the reply.
    Pass,
    /// Forwards the request, and returns the changed bytes of the reply. The connection ends after them.
    Spoil(fn(Vec<u8>) -> Vec<u8>),
    /// Forwards the request, and returns the reply with these bytes appended, in one write; the connection stays open.
    Behind(Vec<u8>),
    /// Forwards the request, and returns the reply this many bytes at a time, with a pause before each.
    Drip(usize, Duration),
    /// Forwards the request, and resets the connection after this many bytes of the reply.
    ResetAfter(usize),
    /// Answers itself with these bytes; the connection ends after them.
    Say(Vec<u8>),
    /// Answers itself with the first bytes, and then repeats the second ones until nobody listens.
    Forever(Vec<u8>, Vec<u8>),
    /// Ends the connection without a byte.
    Hang,
}

type Rule = dyn Fn(&Heard) -> Act + Send + Sync;

/// A listener whose connections follow a rule.
pub struct Relay {
    address: SocketAddr,
    heard: Arc<Mutex<Vec<Heard>>>,
    connections: Arc<Mutex<usize>>,
    is_over: Arc<AtomicBool>,
}

impl Relay {
    /// A relay before the simulator at a base URL.
    pub fn new(base_url: &str, rule: impl Fn(&Heard) -> Act + Send + Sync + 'static) -> Self {
        Self::with_certificates(base_url, |_| None, rule)
    }

    /// A relay whose connections are encrypted, each with the certificate that is chosen by its number.
    pub fn with_certificates(
        base_url: &str,
        certificate: impl Fn(usize) -> Option<Arc<ServerConfig>> + Send + 'static,
        rule: impl Fn(&Heard) -> Act + Send + Sync + 'static,
    ) -> Self {
        let simulator =
            base_url.trim_start_matches("http://").split('/').next().expect("an address").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (connections, is_over) = (Arc::new(Mutex::new(0)), Arc::new(AtomicBool::new(false)));
        let relay = Self { address, heard: heard.clone(), connections: connections.clone(), is_over };
        let (is_over, rule): (_, Arc<Rule>) = (relay.is_over.clone(), Arc::new(rule));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let number = {
                    let mut connections = connections.lock().expect("a count");
                    *connections += 1;
                    *connections - 1
                };
                let (config, rule) = (certificate(number), rule.clone());
                let (heard, simulator) = (heard.clone(), simulator.clone());
                std::thread::spawn(move || {
                    // A peer that is gone, or does not trust the certificate, ends its connection and no more.
                    let _ = match config {
                        None => serve(stream, &simulator, &heard, &*rule),
                        Some(config) => encrypted(stream, config)
                            .and_then(|stream| serve(stream, &simulator, &heard, &*rule)),
                    };
                });
            }
        });
        relay
    }

    pub fn port(&self) -> u16 {
        self.address.port()
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The requests so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("a log").clone()
    }

    /// The connections so far.
    pub fn connections(&self) -> usize {
        *self.connections.lock().expect("a count")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes the listener.
        let _ = TcpStream::connect(self.address);
    }
}

/// A connection, plain or encrypted, and its socket.
trait Wire: Read + Write {
    fn socket(&self) -> &TcpStream;
}

impl Wire for TcpStream {
    fn socket(&self) -> &TcpStream {
        self
    }
}

impl Wire for StreamOwned<ServerConnection, TcpStream> {
    fn socket(&self) -> &TcpStream {
        &self.sock
    }
}

fn encrypted(
    stream: TcpStream,
    config: Arc<ServerConfig>,
) -> io::Result<StreamOwned<ServerConnection, TcpStream>> {
    let connection = ServerConnection::new(config).map_err(io::Error::other)?;
    Ok(StreamOwned::new(connection, stream))
}

/// Serves one connection, request after request.
fn serve(mut wire: impl Wire, simulator: &str, heard: &Mutex<Vec<Heard>>, rule: &Rule) -> io::Result<()> {
    wire.socket().set_nodelay(true)?;
    for reused in 0.. {
        let Some(bytes) = request(&mut wire)? else { return Ok(()) };
        let row = row_of(&bytes);
        let request = {
            let mut heard = heard.lock().expect("a log");
            let before = heard.iter().filter(|earlier| earlier.row == row).count();
            let request = Heard { row, before, reused, bytes };
            heard.push(request.clone());
            request
        };
        let reply = || answer(simulator, &request.bytes);
        match rule(&request) {
            Act::Pass => {
                wire.write_all(&reply()?)?;
                continue;
            }
            Act::Behind(more) => {
                wire.write_all(&[reply()?, more].concat())?;
                continue;
            }
            Act::Spoil(spoil) => wire.write_all(&spoil(reply()?))?,
            Act::Drip(width, pause) => {
                for piece in reply()?.chunks(width) {
                    std::thread::sleep(pause);
                    wire.write_all(piece)?;
                    wire.flush()?;
                }
            }
            Act::ResetAfter(count) => {
                let reply = if count > 0 { reply()? } else { vec![] };
                wire.write_all(&reply[..count.min(reply.len())])?;
                return reset(wire.socket());
            }
            Act::Say(bytes) => wire.write_all(&bytes)?,
            Act::Forever(head, more) => {
                wire.write_all(&head)?;
                while wire.write_all(&more).is_ok() {}
            }
            Act::Hang => {}
        }
        wire.flush()?;
        // The peer's remaining bytes are read, or the end would become a reset.
        wire.socket().shutdown(Shutdown::Write)?;
        wire.socket().set_read_timeout(Some(Duration::from_secs(5)))?;
        return io::copy(&mut wire, &mut io::sink()).map(drop);
    }
    Ok(())
}

/// The kernel resets a connection that is closed while bytes are left unread, or without lingering.
fn reset(socket: &TcpStream) -> io::Result<()> {
    // Closing a socket that lingers for no time sends a reset instead of an end.
    rustix::net::sockopt::set_socket_linger(socket, Some(Duration::ZERO)).map_err(io::Error::from)
}

/// The bytes of the next request; `None` at the end of the connection.
fn request(wire: &mut impl Read) -> io::Result<Option<Vec<u8>>> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 16 * 1024]);
    loop {
        if let Some(length) = whole(&bytes) {
            bytes.truncate(length);
            return Ok(Some(bytes));
        }
        match wire.read(&mut buffer)? {
            0 => return Ok(None),
            count => bytes.extend_from_slice(&buffer[..count]),
        }
    }
}

/// How long a request is, head and body, once all of it is there.
fn whole(bytes: &[u8]) -> Option<usize> {
    let head = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let lines = String::from_utf8_lossy(&bytes[..head]).to_ascii_lowercase();
    let length = lines.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let length = head + length.unwrap_or(0_usize);
    (bytes.len() >= length).then_some(length)
}

fn row_of(bytes: &[u8]) -> usize {
    let text = String::from_utf8_lossy(bytes);
    let number = text.split("of row ").nth(1).and_then(|rest| rest.split('.').next()?.parse().ok());
    number.unwrap_or(usize::MAX)
}

/// The simulator's reply, as bytes, on a separate connection; the header that closes it is removed.
fn answer(simulator: &str, request: &[u8]) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(simulator)?;
    let head = request.windows(2).position(|window| window == b"\r\n").expect("a first line") + 2;
    stream.write_all(&[&request[..head], b"connection: close\r\n", &request[head..]].concat())?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply)?;
    Ok(without(reply, b"connection: close\r\n"))
}

fn without(bytes: Vec<u8>, words: &[u8]) -> Vec<u8> {
    match bytes.windows(words.len()).position(|window| window == words) {
        Some(at) => [&bytes[..at], &bytes[at + words.len()..]].concat(),
        None => bytes,
    }
}
