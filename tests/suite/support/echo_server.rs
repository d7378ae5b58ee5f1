//! A chat service that is not the simulator: a few lines that answer each request with its last turn.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// Makes the choices of an answer from the body of a request.
type Manner = dyn Fn(&Value) -> Value + Send + Sync;

/// A service, until the process ends.
pub struct House {
    address: SocketAddr,
    /// The head and the body of each request.
    heard: Arc<Mutex<Vec<(String, Value)>>>,
}

impl House {
    /// A service that repeats the question after `house: `.
    pub fn new() -> Self {
        Self::with(|body| json!([choice(0, &format!("house: {}", asked(body)))]))
    }

    /// A service with other choices.
    pub fn with(manner: impl Fn(&Value) -> Value + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (theirs, manner): (_, Arc<Manner>) = (heard.clone(), Arc::new(manner));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, manner) = (theirs.clone(), manner.clone());
                std::thread::spawn(move || serve(&stream, &heard, &*manner));
            }
        });
        Self { address, heard }
    }

    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// The bodies of the completion requests.
    pub fn asked(&self) -> Vec<Value> {
        let heard = self.heard.lock().expect("no panic");
        heard.iter().filter(|(head, _)| head.starts_with("POST")).map(|(_, body)| body.clone()).collect()
    }

    /// The heads of all other requests.
    pub fn looked_at(&self) -> Vec<String> {
        let heard = self.heard.lock().expect("no panic");
        heard.iter().filter(|(head, _)| !head.starts_with("POST")).map(|(head, _)| head.clone()).collect()
    }
}

/// The text of a request's last turn.
pub fn asked(body: &Value) -> String {
    let turns = body["messages"].as_array().expect("turns");
    turns.last().expect("a turn")["content"].as_str().expect("a text").to_owned()
}

/// A choice that ended well.
pub fn choice(index: usize, text: &str) -> Value {
    json!({ "index": index, "message": { "role": "assistant", "content": text }, "finish_reason": "stop" })
}

fn serve(stream: &TcpStream, heard: &Mutex<Vec<(String, Value)>>, manner: &Manner) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if reader.read_line(&mut head).unwrap_or(0) == 0 {
                return;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<usize>().ok())?
        });
        let mut body = vec![0; length.unwrap_or(0)];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        let body: Value = serde_json::from_slice(&body).unwrap_or_default();
        let is_completion = head.starts_with("POST");
        let (status, reply) = match is_completion {
            true => {
                let usage = json!({ "prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15 });
                ("200 OK", json!({ "id": "1", "model": "house", "choices": manner(&body), "usage": usage }))
            }
            false => ("404 Not Found", json!({ "error": { "message": "no such page" } })),
        };
        heard.lock().expect("no panic").push((head, body));
        let reply = reply.to_string();
        let mut stream = stream;
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            reply.len()
        );
        if stream.write_all((head + &reply).as_bytes()).is_err() {
            return;
        }
    }
}
