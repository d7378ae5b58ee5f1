//! The client against a server that answers as it is told, over real sockets.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::api::client::{ClientSettings, HttpEndpoint};
use crate::api::key::Key;
use crate::batch_service::{BatchOrder, BatchService, BatchState, CreateFault};
use crate::outcome::{Fault, FaultKind};

use super::HttpBatchService;

mod lines;
mod simulated;

/// A request as the server received it.
struct Heard {
    head: String,
    body: Vec<u8>,
}

impl Heard {
    fn begins(&self, text: &str) -> bool {
        self.head.starts_with(text)
    }
}

/// Answers one connection after the other with these bytes, and ends. An empty reply closes the connection.
fn serve(replies: Vec<String>) -> (String, JoinHandle<Vec<Heard>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let base_url = format!("http://{}/v1", listener.local_addr().expect("an address"));
    let answer = move || replies.iter().map(|reply| exchange(&listener, reply)).collect();
    (base_url, std::thread::spawn(answer))
}

fn exchange(listener: &TcpListener, reply: &str) -> Heard {
    let (stream, _) = listener.accept().expect("a client");
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).expect("a line") > 0, "{head}");
    }
    let length = head
        .to_lowercase()
        .lines()
        .find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).expect("a body");
    (&stream).write_all(reply.as_bytes()).expect("a reply is sent");
    Heard { head, body }
}

fn reply(status: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    )
}

/// Plays a client against these replies; gives its result, and what the server heard.
fn play<T>(replies: Vec<String>, client: impl AsyncFnOnce(HttpBatchService) -> T) -> (T, Vec<Heard>) {
    let (base_url, server) = serve(replies);
    let result = against(&base_url, client);
    (result, server.join().expect("the server ends"))
}

fn against<T>(base_url: &str, client: impl AsyncFnOnce(HttpBatchService) -> T) -> T {
    let settings = ClientSettings {
        base_url,
        key: Some(Key::new("sk-batch-of-this-test").expect("a key")),
        read_key: None,
        unset: None,
        headers: &[("X-Team".to_owned(), "night".to_owned())],
        idle_timeout: Duration::from_secs(20),
        timeout: Duration::from_secs(20),
    };
    let service = HttpEndpoint::new(settings).expect("a client").batches();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(client(service))
}

fn order() -> BatchOrder {
    BatchOrder {
        input_file: "file-1".into(),
        endpoint: "/v1/chat/completions".into(),
        window: "24h".into(),
        tag: "ff-0123456789abcdef".into(),
    }
}

fn create_fault(reply: String) -> CreateFault {
    play(vec![reply], async |service| service.create(&order()).await).0.expect_err("no batch")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

fn file_of(folder: &tempfile::TempDir, content: &str) -> PathBuf {
    let path = folder.path().join("file");
    fs::write(&path, content).expect("it is written");
    path
}

#[test]
fn a_file_is_uploaded_as_a_form_with_the_job_s_headers() {
    let folder = folder();
    let content: String = (0..40_000).map(|row| format!("{{\"custom_id\":\"{row}\"}}\n")).collect();
    let path = file_of(&folder, &content);
    let upload = async |service: HttpBatchService| service.upload("ff-1.jsonl", &path).await;
    let (id, heard) = play(vec![reply("200 OK", r#"{"id":"file-batch-1","object":"file"}"#)], upload);
    assert_eq!(id, Ok("file-batch-1".to_owned()));
    let head = heard[0].head.to_lowercase();
    assert!(heard[0].begins("POST /v1/files HTTP/1.1"), "{head}");
    assert!(
        head.contains("authorization: bearer sk-batch-of-this-test") && head.contains("x-team: night"),
        "{head}"
    );
    let boundary = head.split("boundary=").nth(1).and_then(|rest| rest.lines().next()).expect("a boundary");
    let form = String::from_utf8_lossy(&heard[0].body);
    let parts: Vec<&str> = form.split(&format!("--{boundary}")).collect();
    assert!(parts.len() == 4 && parts[0].is_empty() && parts[3] == "--\r\n", "{}", parts.len());
    assert!(parts[1].contains("name=\"purpose\"\r\n\r\nbatch\r\n"), "{}", parts[1]);
    assert!(parts[2].contains("filename=\"ff-1.jsonl\""));
    assert!(parts[2].ends_with(&format!("\r\n\r\n{content}\r\n")));
}

#[test]
fn a_file_that_cannot_be_read_is_a_fault_of_the_disk() {
    let missing = folder().path().join("gone");
    let fault = against("http://127.0.0.1:9/v1", async |service| service.upload("x", &missing).await);
    let fault = fault.expect_err("nothing to send");
    assert_eq!((fault.kind, fault.code.as_str()), (FaultKind::JobRefused, "io"));
}

#[test]
fn a_batch_is_created_with_its_mark_in_both_places() {
    let made =
        r#"{"id":"batch_1","status":"validating","input_file_id":"file-1","metadata":{"fanfold":"x"}}"#;
    let (batch, heard) = play(vec![reply("200 OK", made)], async |service| service.create(&order()).await);
    let batch = batch.expect("a batch");
    assert_eq!((batch.id.as_str(), batch.state), ("batch_1", BatchState::Validating));
    let body: serde_json::Value = serde_json::from_slice(&heard[0].body).expect("JSON");
    assert!(heard[0].begins("POST /v1/batches HTTP/1.1"));
    assert_eq!(body["input_file_id"], "file-1");
    assert_eq!(body["completion_window"], "24h");
    assert_eq!(body["metadata"]["fanfold"], "ff-0123456789abcdef");
    assert_eq!(body["metadata"]["ds_name"], "ff-0123456789abcdef");
}

#[test]
fn a_creation_is_refused_only_by_the_service_itself() {
    let error = r#"{"error":{"message":"Bad window","code":"InvalidParameter"}}"#;
    for status in ["400 Bad Request", "401 Unauthorized", "403 Forbidden", "429 Too Many Requests"] {
        assert!(matches!(create_fault(reply(status, error)), CreateFault::Refused(_)), "{status}");
    }
    let page = "<html>Forbidden</html>";
    let unclear = [
        ("403 Forbidden", page),
        ("408 Request Timeout", error),
        ("409 Conflict", error),
        ("499 Client Closed", error),
        ("500 Internal Server Error", error),
        ("502 Bad Gateway", page),
        ("504 Gateway Timeout", error),
        ("200 OK", page),
        ("200 OK", "{}"),
        ("200 OK", ""),
        ("200 OK", error),
        ("400 Bad Request", r#"{"error":{"message":"<500> InternalError.Algo: lost"}}"#),
        ("302 Found", ""),
    ];
    for (status, body) in unclear {
        assert!(matches!(create_fault(reply(status, body)), CreateFault::Unknown(_)), "{status} {body}");
    }
    let cut = reply("200 OK", r#"{"id":"batch_1"}"#).replace("Length: 16", "Length: 99");
    assert!(matches!(create_fault(cut), CreateFault::Unknown(_)));
    assert!(matches!(create_fault(String::new()), CreateFault::Unknown(_)));
}

#[test]
fn nothing_is_created_where_nobody_listens_or_no_batches_exist() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let fault = against(&format!("http://{free}/v1"), async |service| service.create(&order()).await);
    assert!(
        matches!(fault, Err(CreateFault::Refused(Fault { kind: FaultKind::Unreachable, .. }))),
        "{fault:?}"
    );
    for body in ["", "<html>404</html>", r#"{"detail":"Not Found"}"#] {
        let fault = create_fault(reply("404 Not Found", body));
        assert!(
            matches!(&fault, CreateFault::Refused(fault) if fault.code == "no_batch_api"),
            "{body} {fault:?}"
        );
    }
    let no_file = r#"{"error":{"message":"No such File object: file-1","type":"invalid_request_error"}}"#;
    let fault = create_fault(reply("404 Not Found", no_file));
    assert!(
        matches!(&fault, CreateFault::Refused(fault) if fault.kind == FaultKind::RowRefused),
        "{fault:?}"
    );
}

/// A page of a list of batches made at these moments, from files of the same number.
fn page(made: &[u64], has_more: bool) -> String {
    let batch = |at: &u64| {
        format!(r#"{{"id":"b{at}","input_file_id":"f{at}","created_at":{at},"status":"in_progress"}}"#)
    };
    let data: Vec<String> = made.iter().map(batch).collect();
    reply("200 OK", &format!(r#"{{"object":"list","data":[{}],"has_more":{has_more}}}"#, data.join(",")))
}

/// The batches found that were made of a file, or with a tag, and the requests for it.
fn found(file: &str, since: u64, replies: Vec<String>) -> (Result<Vec<String>, Fault>, Vec<Heard>) {
    let since: SystemTime = UNIX_EPOCH + Duration::from_secs(since);
    let (found, heard) = play(replies, async |service| service.made_of(file, "tag", since).await);
    (found.map(|batches| batches.into_iter().map(|batch| batch.id).collect()), heard)
}

#[test]
fn a_batch_is_found_on_any_page_by_its_file_or_its_mark() {
    const DAY: u64 = 86_400;
    let pages = || vec![page(&[900_030, 900_020], true), page(&[900_010, 900_000], false)];
    let (ids, heard) = found("f900010", 900_000, pages());
    assert_eq!(ids, Ok(vec!["b900010".to_owned()]));
    assert!(heard[0].begins("GET /v1/batches?limit=100 "), "{}", heard[0].head);
    assert!(heard[1].begins("GET /v1/batches?limit=100&after=b900020 "), "{}", heard[1].head);
    assert_eq!(found("f1", 900_000, pages()).0, Ok(vec![]));
    // The newest first: a page whose end is older than a day before the search ends it.
    let (ids, _) = found("f1", 900_000, vec![page(&[900_000, 900_000 - DAY - 1], true)]);
    assert_eq!(ids, Ok(vec![]));
    // The oldest first: an old page says nothing about the next.
    let (ids, _) = found("f900000", 900_000, vec![page(&[5, 9], true), page(&[900_000], false)]);
    assert_eq!(ids, Ok(vec!["b900000".to_owned()]));
    let marked =
        r#"{"data":[{"id":"b","metadata":{"ds_name":"tag"}},{"id":"c","metadata":{"ds_name":"tag2"}}]}"#;
    assert_eq!(found("f1", 0, vec![reply("200 OK", marked)]).0, Ok(vec!["b".to_owned()]));
}

#[test]
fn a_list_that_cannot_be_seen_whole_is_a_fault() {
    let (ids, _) = found("f1", 7, vec![page(&[8, 7], true), page(&[8, 7], true)]);
    assert_eq!(ids.expect_err("not seen").code, "list_without_end");
    let (ids, _) = found("f1", 7, vec![page(&[8, 7], true), reply("500 Internal Server Error", "")]);
    assert_eq!(ids.expect_err("not seen").kind, FaultKind::Transient);
    let (ids, _) = found("f1", 7, vec![reply("200 OK", "<html>busy</html>")]);
    assert!(ids.expect_err("not seen").kind.passes());
}

#[test]
fn files_of_a_name_are_found_on_any_page() {
    let pages = vec![
        reply(
            "200 OK",
            r#"{"data":[{"id":"f1","filename":"a"},{"id":"f2","filename":"ff-1.jsonl"}],"has_more":true}"#,
        ),
        reply("200 OK", r#"{"data":[{"id":"f3","filename":"ff-1.jsonl"},{"id":"f4"}]}"#),
    ];
    let (ids, heard) = play(pages, async |service| service.uploaded("ff-1.jsonl").await);
    assert_eq!(ids, Ok(vec!["f2".to_owned(), "f3".to_owned()]));
    assert!(heard[1].begins("GET /v1/files?purpose=batch&limit=100&after=f2 "), "{}", heard[1].head);
}

#[test]
fn a_batch_is_unknown_only_if_the_service_says_so() {
    let look = |reply: String| play(vec![reply], async |service| service.look("b1").await).0;
    let batch = look(reply("200 OK", r#"{"id":"b1","status":"finalizing"}"#)).expect("a batch");
    assert_eq!(batch.state, BatchState::Finalizing);
    let unknown = look(reply("404 Not Found", r#"{"error":{"code":"BatchNotFound","message":"no"}}"#));
    assert_eq!(unknown.expect_err("unknown").status, Some(404));
    let lost = look(reply("404 Not Found", "<html>nginx</html>")).expect_err("lost");
    assert_eq!((lost.status, lost.kind), (None, FaultKind::Transient));
}

#[test]
fn a_file_that_is_gone_is_deleted() {
    let delete = |reply: String| play(vec![reply], async |service| service.delete("f1").await);
    let (done, heard) = delete(reply("200 OK", r#"{"id":"f1","deleted":true}"#));
    assert!(done.is_ok() && heard[0].begins("DELETE /v1/files/f1 "), "{}", heard[0].head);
    assert!(delete(reply("404 Not Found", r#"{"error":{"message":"no such file"}}"#)).0.is_ok());
    assert!(delete(reply("204 No Content", "").replace("Content-Length: 0\r\n", "")).0.is_ok());
    assert!(delete(reply("200 OK", "")).0.is_err());
    assert!(delete(reply("500 Internal Server Error", "")).0.is_err());
}

#[test]
fn a_cancellation_may_come_too_late() {
    let cancel = |reply: String| play(vec![reply], async |service| service.cancel("b1").await);
    let (batch, heard) = cancel(reply("200 OK", r#"{"id":"b1","status":"cancelling"}"#));
    assert_eq!(batch.expect("a batch").state, BatchState::Cancelling);
    assert!(heard[0].begins("POST /v1/batches/b1/cancel "), "{}", heard[0].head);
    let late = cancel(reply("409 Conflict", r#"{"error":{"code":"InvalidState","message":"late"}}"#)).0;
    assert_eq!(late.expect_err("too late").status, Some(409));
}

/// Downloads into a file with this content; gives the result, what is in the file then, and what the server heard.
fn downloaded(before: &str, replies: Vec<String>) -> (Result<(), Fault>, String, Vec<Heard>) {
    let folder = folder();
    let path = file_of(&folder, before);
    let (result, heard) = play(replies, async |service| service.download("f2", &path).await);
    (result, fs::read_to_string(&path).expect("it is there"), heard)
}

/// What the service says of the file.
fn known(bytes: u64) -> String {
    reply("200 OK", &format!(r#"{{"id":"f2","bytes":{bytes}}}"#))
}

fn part(range: &str, body: &str) -> String {
    reply("206 Partial Content", body).replacen("\r\n", &format!("\r\nContent-Range: bytes {range}\r\n"), 1)
}

#[test]
fn a_download_continues_where_it_broke_off() {
    let (result, content, heard) = downloaded("", vec![reply("200 OK", "one\ntwo\n"), known(8)]);
    assert_eq!((result, content.as_str()), (Ok(()), "one\ntwo\n"));
    assert_eq!(downloaded("", vec![reply("200 OK", "one\ntwo"), known(7)]).1, "one\ntwo");
    assert!(heard[0].begins("GET /v1/files/f2/content ") && !heard[0].head.to_lowercase().contains("range:"));
    let cut = reply("200 OK", "one\nt").replace("Length: 5", "Length: 8");
    let (result, content, _) = downloaded("", vec![cut]);
    assert_eq!((result.expect_err("cut").code.as_str(), content.as_str()), ("cut_body", "one\n"));
    let (result, content, heard) = downloaded("one\n", vec![part("4-7/8", "two\n"), known(8)]);
    assert_eq!((result, content.as_str()), (Ok(()), "one\ntwo\n"));
    assert!(heard[0].head.to_lowercase().contains("range: bytes=4-\r\n"), "{}", heard[0].head);
}

#[test]
fn a_server_that_sends_no_part_or_another_one_sends_the_whole() {
    let (result, content, _) = downloaded("xxx", vec![reply("200 OK", "one\n"), known(4)]);
    assert_eq!((result, content.as_str()), (Ok(()), "one\n"));
    let (result, content, _) = downloaded("one\n", vec![part("0-3/8", "one\n")]);
    assert!(result.expect_err("another part").kind.passes());
    assert_eq!(content, "");
    let past_the_end =
        reply("416 Range Not Satisfiable", "").replacen("\r\n", "\r\nContent-Range: bytes */4\r\n", 1);
    let (result, content, _) = downloaded("one\n", vec![past_the_end.clone(), known(4)]);
    assert_eq!((result, content.as_str()), (Ok(()), "one\n"));
    let (result, content, _) = downloaded("one\ntwo\n", vec![past_the_end]);
    assert!(result.is_err() && content.is_empty());
}

#[test]
fn a_file_that_is_shorter_than_the_service_says_was_cut_off() {
    let result = |content: &str, known: String| downloaded("", vec![reply("200 OK", content), known]).0;
    assert_eq!(result("one\n", known(8)).expect_err("cut").code, "cut_body");
    assert_eq!(result("", known(4)).expect_err("cut").code, "cut_body");
    assert!(result("", known(0)).is_ok());
    let endless = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\none\n".to_owned();
    assert!(downloaded("", vec![endless.clone(), known(4)]).0.is_ok());
    assert!(downloaded("", vec![endless, known(8)]).0.is_err());
    // Not every server says anything about a file: it is believed, unless it sent nothing.
    let silent = || reply("404 Not Found", r#"{"detail":"Not Found"}"#);
    assert!(result("one\n", silent()).is_ok());
    assert!(result("", silent()).expect_err("nothing").kind.passes());
}

#[test]
fn a_store_that_a_download_leads_to_does_not_see_the_key() {
    let (store, served) = serve(vec![reply("200 OK", "one\n")]);
    let leads = format!(
        "HTTP/1.1 302 Found\r\nLocation: {store}/stored\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    );
    let (result, content, _) = downloaded("", vec![leads, known(4)]);
    assert_eq!((result, content.as_str()), (Ok(()), "one\n"));
    let heard = served.join().expect("the store ends");
    assert!(heard[0].begins("GET /v1/stored ") && !heard[0].head.contains("sk-batch"), "{}", heard[0].head);
}

#[test]
fn a_download_of_a_file_that_is_not_there_is_refused() {
    let (result, ..) =
        downloaded("", vec![reply("404 Not Found", r#"{"error":{"code":"NoSuchFile","message":"no"}}"#)]);
    assert_eq!(result.expect_err("gone").status, Some(404));
}
