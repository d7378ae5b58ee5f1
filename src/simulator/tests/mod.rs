//! The server as a client sees it, over a raw socket.

mod answers;
mod batches;
mod faults;
mod witness;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use super::*;

/// A reply exactly as received.
#[derive(Debug)]
struct Received {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// How reading ended, if not normally.
    error: Option<io::ErrorKind>,
}

impl Received {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn content(&self) -> String {
        self.json()["choices"][0]["message"]["content"].as_str().unwrap_or_default().to_owned()
    }

    fn error_code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }

    fn header(&self, name: &str) -> Option<String> {
        let line = self.head.lines().find(|line| line.to_lowercase().starts_with(&format!("{name}:")))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    }
}

const CHAT: &str = "/compatible-mode/v1/chat/completions";

/// Sends one request on its own connection, and reads until the server closes it.
fn send(server: &Handle, method: &str, path: &str, headers: &str, body: &str) -> Received {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    );
    let written = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let error = written.and_then(|()| stream.read_to_end(&mut bytes)).err().map(|error| error.kind());
    let text = String::from_utf8_lossy(&bytes);
    let split = text.find("\r\n\r\n").map_or(bytes.len(), |end| end + 4);
    let head = String::from_utf8_lossy(&bytes[..split]).into_owned();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Received { status, head, body: bytes[split..].to_vec(), error }
}

fn post(server: &Handle, body: &Value) -> Received {
    send(server, "POST", CHAT, "Authorization: Bearer sk-test\r\n", &body.to_string())
}

fn ask(server: &Handle, text: &str) -> Received {
    post(server, &question(text))
}

fn question(text: &str) -> Value {
    json!({"model": "qwen-plus", "messages": [{"role": "user", "content": text}]})
}

fn start(settings: ServerSettings) -> Handle {
    spawn_thread(settings).unwrap()
}

fn start_with_script(script: &str) -> Handle {
    start(ServerSettings { script: Script::parse(script).unwrap(), ..ServerSettings::default() })
}

/// Reads one reply of known length from a connection that stays open.
fn read_reply(reader: &mut impl BufRead) -> String {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

#[test]
fn a_connection_serves_several_requests() {
    let server = start(ServerSettings::default());
    let stream = TcpStream::connect(server.address()).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    for row in 0..3 {
        let body = question(&format!("row {row}")).to_string();
        let head = format!("POST {CHAT} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer k\r\n");
        write!(&stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        assert!(read_reply(&mut reader).contains(&format!("row {row}")));
    }
}

#[test]
fn a_stopped_server_is_gone() {
    let server = start(ServerSettings::default());
    let address = server.address();
    drop(server);
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn a_server_runs_on_the_runtime_of_its_caller() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let simulator = Simulator::start(ServerSettings::default()).await.unwrap();
        assert!(simulator.base_url().ends_with("/compatible-mode/v1"));
        assert!(simulator.address().ip().is_loopback());
        simulator.stop().await;
    });
}

#[test]
fn a_port_that_is_taken_is_named() {
    let server = start(ServerSettings::default());
    let settings = ServerSettings { port: server.address().port(), ..ServerSettings::default() };
    let error = spawn_thread(settings).err().unwrap();
    assert!(error.to_string().contains(&server.address().to_string()));
}
