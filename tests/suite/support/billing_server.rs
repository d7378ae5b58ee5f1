//! A server that keeps books of what it bills, whatever it reports: caps are judged by those books.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

/// How a request is handled.
#[derive(Clone)]
pub struct Served {
    /// Tokens billed, of the prompt and of the answer.
    pub bill: (u64, u64),
    /// The reported usage.
    pub usage: Option<Value>,
    /// How long the answer takes.
    pub delay: Duration,
    pub reply: Answered,
}

/// How a request is answered.
#[derive(Clone, Copy, PartialEq)]
pub enum Answered {
    Whole,
    /// With this status, and nothing billed unless it says so.
    Status(u16),
    /// The connection is closed without a byte.
    Not,
    /// The body breaks off, or the stream.
    Cut,
}

/// The server.
pub struct Till {
    base_url: String,
    bills: Arc<Mutex<Vec<(u64, u64)>>>,
}

/// The price that jobs against this server have, per million.
pub const PRICE: &str = "price = { input = 1000.0, output = 2000.0 }\n";

impl Till {
    /// Listens on a free port until the test's process ends. `serve` decides by the body and the request's number.
    pub fn open(serve: impl Fn(&Value, usize) -> Served + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
        let bills: Arc<Mutex<Vec<(u64, u64)>>> = Arc::default();
        let (serve, book) = (Arc::new(serve), Arc::clone(&bills));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (serve, book) = (Arc::clone(&serve), Arc::clone(&book));
                thread::spawn(move || drop(attend(stream, &*serve, &book)));
            }
        });
        Self { base_url, bills }
    }

    /// The same job, asking this server.
    pub fn asked_by(&self, job: &str) -> String {
        let line = |line: &str| match line.starts_with("model.base_url") {
            true => format!("model.base_url = {:?}", self.base_url),
            false => line.to_owned(),
        };
        job.lines().map(line).collect::<Vec<_>>().join("\n") + "\n"
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.lock().len()
    }

    /// Tokens billed.
    pub fn tokens(&self) -> u64 {
        self.lock().iter().map(|(prompt, completion)| prompt + completion).sum()
    }

    /// Money billed, at [`PRICE`].
    pub fn cost(&self) -> f64 {
        let one = |(prompt, completion): &(u64, u64)| *prompt as f64 * 1e-3 + *completion as f64 * 2e-3;
        self.lock().iter().map(one).sum()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(u64, u64)>> {
        self.bills.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An answer that reports the billed usage.
pub fn honest(prompt: u64, completion: u64) -> Served {
    let usage = json!({
        "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion
    });
    Served {
        bill: (prompt, completion),
        usage: Some(usage),
        delay: Duration::from_millis(5),
        reply: Answered::Whole,
    }
}

fn attend(
    mut stream: TcpStream,
    serve: &(dyn Fn(&Value, usize) -> Served + Send + Sync),
    book: &Mutex<Vec<(u64, u64)>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut length, mut line) = (0, String::new());
    loop {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        if line == "\r\n" {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let served = {
        let mut book = book.lock().unwrap_or_else(PoisonError::into_inner);
        let served = serve(&body, book.len());
        book.push(served.bill);
        served
    };
    thread::sleep(served.delay);
    let streamed = body["stream"] == true;
    let (status, kind, mut text) = match served.reply {
        Answered::Not => return Ok(()),
        Answered::Status(status) => (status, "application/json", r#"{"error":{"message":"no"}}"#.to_owned()),
        _ if streamed => (200, "text/event-stream", stream_of(&served)),
        _ => (200, "application/json", completion(&served).to_string()),
    };
    let length = text.len();
    if served.reply == Answered::Cut {
        text.truncate(length / 2);
    }
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(text.as_bytes())
}

fn completion(served: &Served) -> Value {
    let mut completion = json!({
        "id": "x", "object": "chat.completion", "model": "m",
        "choices": [{ "index": 0, "finish_reason": "stop", "message": { "role": "assistant", "content": "Yes." } }],
    });
    if let Some(usage) = &served.usage {
        completion["usage"] = usage.clone();
    }
    completion
}

fn stream_of(served: &Served) -> String {
    let chunk = |choice: Value| {
        let chunk =
            json!({ "id": "x", "object": "chat.completion.chunk", "model": "m", "choices": [choice] });
        format!("data: {chunk}\n\n")
    };
    let text = chunk(json!({ "index": 0, "delta": { "role": "assistant", "content": "Yes, all of it." } }));
    let end = chunk(json!({ "index": 0, "delta": {}, "finish_reason": "stop" }));
    let usage = served.usage.as_ref().map_or_else(String::new, |usage| {
        format!("data: {}\n\n", json!({ "id": "x", "choices": [], "usage": usage }))
    });
    format!("{text}{end}{usage}data: [DONE]\n\n")
}
