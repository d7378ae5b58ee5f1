//! The floor: the least that a program can do to send each line of a file and keep each answer. It has no journal, no
//! limits, no templates, and no recovery.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use reqwest::Client;
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct Line<'a> {
    id: &'a str,
    text: &'a str,
}

#[derive(Serialize)]
struct Request<'a> {
    model: &'a str,
    messages: [Turn<'a>; 1],
}

#[derive(Serialize)]
struct Turn<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize)]
struct Reply {
    choices: Vec<Choice>,
    usage: Usage,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: String,
}

#[derive(Deserialize)]
struct Message {
    content: String,
}

#[derive(Deserialize)]
struct Usage {
    total_tokens: u64,
}

#[derive(Serialize)]
struct Kept<'a> {
    id: &'a str,
    response: &'a str,
    finish_reason: &'a str,
    total_tokens: u64,
}

/// Sends every line of a file to an address, so many at a time, and writes the answers as they come.
pub(crate) fn run(input: &str, output: &str, url: &str, in_flight: usize) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(send(input, output, url, in_flight));
}

async fn send(input: &str, output: &str, url: &str, in_flight: usize) {
    // As fanfold does, so that both ask for TLS from the same place.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().build().expect("a client");
    let url = format!("{url}/chat/completions");
    let mut lines = BufReader::new(File::open(input).expect("the input")).lines();
    let mut output = BufWriter::new(File::create(output).expect("the output"));
    let mut out = FuturesUnordered::new();
    loop {
        while out.len() < in_flight
            && let Some(line) = lines.next()
        {
            out.push(one(&client, &url, line.expect("a line")));
        }
        let Some((id, reply)) = out.next().await else { break };
        let choice = &reply.choices[0];
        let kept = Kept {
            id: &id,
            response: &choice.message.content,
            finish_reason: &choice.finish_reason,
            total_tokens: reply.usage.total_tokens,
        };
        serde_json::to_writer(&mut output, &kept).expect("written");
        output.write_all(b"\n").expect("written");
    }
    output.flush().expect("written");
}

async fn one(client: &Client, url: &str, line: String) -> (String, Reply) {
    let line: Line<'_> = serde_json::from_str(&line).expect("JSON");
    let request = Request { model: "qwen-plus", messages: [Turn { role: "user", content: line.text }] };
    let body = serde_json::to_vec(&request).expect("JSON");
    let request = client.post(url).header("content-type", "application/json").body(body);
    let reply = request.send().await.expect("an answer").bytes().await.expect("a body");
    (line.id.to_owned(), serde_json::from_slice(&reply).expect("JSON"))
}
