//! The servers that jobs run against: nginx with a fixed reply, or the simulator, each in a process of its own; and a
//! stopwatch, which only records when the first request arrives.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Instant;

use serde_json::json;
use tempfile::TempDir;

/// The reply's length in bytes, its headers left out.
const REPLY_BYTES: usize = 950;

/// A server, which ends when it is dropped.
pub(crate) struct Server {
    child: Child,
    /// The base URL.
    pub(crate) url: String,
    _folder: Option<TempDir>,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Server {
    /// Answers at once and always the same: nginx where it is installed, otherwise the simulator.
    pub(crate) fn fixed() -> Self {
        nginx().unwrap_or_else(|| Self::simulator(&[]))
    }

    /// nginx by `benches/rate.conf` before a service: so many requests each second, and so much more at once.
    pub(crate) fn gateway(service: &Self, rate: f64, burst: &str) -> Option<Self> {
        let (_, rest) = service.url.rsplit_once(':').expect("a port");
        let (port, path) = rest.split_once('/').expect("a path");
        let config = include_str!("../rate.conf").replace("SERVICE", port).replace("BURST", burst);
        let mut gateway = started(&config.replace("RATEr", &format!("{rate}r")))?;
        gateway.url = gateway.url.replace("/v1", &format!("/{path}"));
        Some(gateway)
    }

    /// The simulator, with these settings.
    pub(crate) fn simulator(settings: &[&str]) -> Self {
        let mut command = Command::new(crate::program());
        command.args(["simulate", "--port", "0"]).args(settings);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the simulator starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.next().expect("a line").expect("text");
        let url = line.split(' ').find(|word| word.starts_with("http")).expect("its address").to_owned();
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, url, _folder: None }
    }
}

/// nginx by `benches/nginx.conf`; none where it is not installed.
fn nginx() -> Option<Server> {
    started(&include_str!("../nginx.conf").replace("'REPLY'", &format!("'{}'", reply())))
}

/// nginx by a configuration, at a free port.
fn started(config: &str) -> Option<Server> {
    let folder = tempfile::tempdir().expect("a folder");
    let port =
        TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port").port();
    let config = config.replace("PORT;", &format!("{port};")).replace("PORT ", &format!("{port} "));
    fs::write(folder.path().join("nginx.conf"), config).expect("written");
    let mut command = Command::new("nginx");
    command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf"]).stdin(Stdio::null());
    let child = command.spawn().ok()?;
    let url = format!("http://127.0.0.1:{port}/v1");
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        std::thread::yield_now();
    }
    Some(Server { child, url, _folder: Some(folder) })
}

fn reply() -> String {
    let whole = |content: &str| {
        json!({
            "id": "chatcmpl-0f2d3c4b-5a69-4788-9766-554433221100",
            "object": "chat.completion",
            "created": 1_767_225_600,
            "model": "qwen-plus",
            "choices": [{
                "index": 0,
                "message": { "role": "assistant", "content": content },
                "finish_reason": "stop",
            }],
            "usage": {
                "prompt_tokens": 260,
                "completion_tokens": 120,
                "total_tokens": 380,
                "prompt_tokens_details": { "cached_tokens": 0 },
            },
        })
        .to_string()
    };
    let rest = REPLY_BYTES - whole("").len();
    whole(&"An answer of ordinary words. ".repeat(40)[..rest])
}

/// Records when the first byte of the first request arrives.
pub(crate) struct Stopwatch {
    /// The base URL.
    pub(crate) url: String,
    first: Receiver<Instant>,
}

impl Stopwatch {
    pub(crate) fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let (sender, first) = channel();
        std::thread::spawn(move || {
            // A connection may be opened and not used.
            for connection in listener.incoming() {
                let Ok(mut connection) = connection else { return };
                if connection.read(&mut [0; 1]).is_ok_and(|read| read == 1) {
                    let _ = sender.send(Instant::now());
                    return;
                }
            }
        });
        Self { url, first }
    }

    /// Runs a command until the first request arrives, then ends it; returns the seconds.
    pub(crate) fn time(self, command: &mut Command) -> f64 {
        let began = Instant::now();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().expect("it starts");
        let first = self.first.recv().expect("a request");
        let _ = child.kill();
        let _ = child.wait();
        first.duration_since(began).as_secs_f64()
    }
}
