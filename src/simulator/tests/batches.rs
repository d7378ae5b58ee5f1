//! Files and batches, as a client sees them.

use super::*;

const BASE: &str = "/compatible-mode/v1";
const KEY: &str = "Authorization: Bearer sk-test\r\n";

/// A server whose batches are quick, under a script.
fn quick(script: &str) -> Handle {
    let has_manners = script.contains("[batch]");
    let manners = if has_manners { "" } else { "[batch]\ntime = \"40ms\"\n" };
    start_with_script(&format!("{script}\n{manners}"))
}

fn call(server: &Handle, method: &str, path: &str, body: &str) -> Received {
    send(server, method, &format!("{BASE}/{path}"), KEY, body)
}

fn line(row: usize) -> String {
    let body = question(&format!("row {row}."));
    json!({"custom_id": format!("r{row}"), "method": "POST", "url": "/v1/chat/completions", "body": body})
        .to_string()
        + "\n"
}

fn upload(server: &Handle, content: &str) -> Received {
    let form = format!(
        "--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; \
         name=\"file\"; filename=\"in.jsonl\"\r\n\r\n{content}\r\n--b--\r\n"
    );
    let headers = format!("{KEY}Content-Type: multipart/form-data; boundary=b\r\n");
    send(server, "POST", &format!("{BASE}/files"), &headers, &form)
}

fn id_of(reply: &Received) -> String {
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()["id"].as_str().expect("an id").to_owned()
}

fn create(server: &Handle, file: &str) -> Received {
    let order = json!({"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h",
        "metadata": {"ds_name": "tag"}});
    call(server, "POST", "batches", &order.to_string())
}

/// Creates a batch of these rows, and waits for its end.
fn ended(server: &Handle, rows: std::ops::Range<usize>) -> Value {
    let file = id_of(&upload(server, &rows.map(line).collect::<String>()));
    end_of(server, &id_of(&create(server, &file)))
}

fn end_of(server: &Handle, batch: &str) -> Value {
    loop {
        let seen = call(server, "GET", &format!("batches/{batch}"), "").json();
        let status = seen["status"].as_str().expect("a status").to_owned();
        if ["completed", "failed", "expired", "cancelled"].contains(&status.as_str()) {
            return seen;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}

/// The lines of a file that a batch names; none if there is no file.
fn lines_of(server: &Handle, batch: &Value, field: &str) -> Vec<Value> {
    let Some(file) = batch[field].as_str() else { return Vec::new() };
    let text = call(server, "GET", &format!("files/{file}/content"), "").text();
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

fn ids(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["custom_id"].as_str().expect("an id")).collect()
}

#[test]
fn a_batch_answers_every_line_like_a_live_request() {
    let server = quick("");
    let batch = ended(&server, 0..3);
    assert_eq!(batch["request_counts"], json!({"total": 3, "completed": 3, "failed": 0}));
    assert_eq!((&batch["error_file_id"], &batch["metadata"]["ds_name"]), (&Value::Null, &json!("tag")));
    let lines = lines_of(&server, &batch, "output_file_id");
    assert_eq!(ids(&lines), ["r0", "r1", "r2"]);
    let body = &lines[1]["response"]["body"];
    assert_eq!(body["choices"], ask(&server, "row 1.").json()["choices"]);
    assert!(batch["in_progress_at"].is_u64() && batch["completed_at"].is_u64());
}

#[test]
fn a_wrong_line_fails_alone_and_is_in_the_error_file() {
    let server = quick("[[fault]]\ncontains = \"row 1.\"\nstatus = 400");
    let batch = ended(&server, 0..3);
    assert_eq!(batch["request_counts"], json!({"total": 3, "completed": 2, "failed": 1}));
    let errors = lines_of(&server, &batch, "error_file_id");
    assert_eq!((ids(&errors), &errors[0]["response"]["status_code"]), (vec!["r1"], &json!(400)));
    let server = quick(
        "[batch]\ntime = \"40ms\"\nerrors_in_output = true\n[[fault]]\ncontains = \"row 1.\"\nstatus = 400",
    );
    let batch = ended(&server, 0..3);
    assert_eq!(batch["request_counts"], json!({"total": 3, "completed": 3, "failed": 0}));
    assert_eq!(lines_of(&server, &batch, "output_file_id")[1]["error"]["code"], "invalid_parameter_error");
}

#[test]
fn a_file_that_is_wrong_fails_as_a_whole_with_the_lines_that_are() {
    let server = quick("");
    let file = id_of(&upload(&server, &format!("{}{}", line(1), line(1))));
    let batch = end_of(&server, &id_of(&create(&server, &file)));
    assert_eq!((&batch["status"], &batch["output_file_id"]), (&json!("failed"), &Value::Null));
    assert_eq!(batch["errors"]["data"][0]["code"], "duplicate_custom_id");
    assert_eq!(batch["errors"]["data"][0]["line"], 2);
}

#[test]
fn an_expired_batch_keeps_what_was_answered() {
    let server = quick("[[fault]]\naction = \"expire_batch\"\nafter_lines = 2");
    let batch = ended(&server, 0..5);
    assert_eq!(batch["status"], "expired");
    assert_eq!(ids(&lines_of(&server, &batch, "output_file_id")), ["r0", "r1"]);
    let rest = lines_of(&server, &batch, "error_file_id");
    assert_eq!((ids(&rest), &rest[0]["error"]["code"]), (vec!["r2", "r3", "r4"], &json!("batch_expired")));
}

#[test]
fn a_batch_that_is_cancelled_ends_a_while_later() {
    let server = quick("[batch]\ntime = \"10m\"");
    let file = id_of(&upload(&server, &line(1)));
    let batch = id_of(&create(&server, &file));
    let cancelling = call(&server, "POST", &format!("batches/{batch}/cancel"), "{}").json();
    assert_eq!(cancelling["status"], "cancelling");
    let late = call(&server, "POST", &format!("batches/{batch}/cancel"), "{}");
    assert_eq!((late.status, late.error_code().as_str()), (409, "InvalidState"));
}

#[test]
fn lines_are_lost_doubled_shuffled_and_written_as_texts_as_a_script_says() {
    let server = quick(
        "[batch]\ntime = \"40ms\"\norder = \"reversed\"\ntext_bodies = true\n\
         [[fault]]\ncontains = \"row 0.\"\naction = \"lose_line\"\n[[fault]]\ncontains = \"row 2.\"\naction = \"double_line\"",
    );
    let batch = ended(&server, 0..4);
    let lines = lines_of(&server, &batch, "output_file_id");
    assert_eq!(ids(&lines), ["r3", "r2", "r2", "r1"]);
    let text = lines[0]["response"]["body"].as_str().expect("a text");
    assert!(serde_json::from_str::<Value>(text).expect("JSON")["choices"].is_array());
}

#[test]
fn a_creation_whose_answer_is_lost_has_made_a_batch_and_lists_are_behind() {
    let server = quick(
        "[batch]\ntime = \"40ms\"\nlist_lag = \"10m\"\n[[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"\ndone = true",
    );
    let file = id_of(&upload(&server, &line(1)));
    assert_eq!(create(&server, &file).status, 0);
    assert_eq!(call(&server, "GET", "batches?limit=10", "").json()["data"], json!([]));
    let server = quick("[[fault]]\ncall = \"create\"\nrequests = [1, 1]\naction = \"drop\"\ndone = true");
    let file = id_of(&upload(&server, &line(1)));
    assert_eq!(create(&server, &file).status, 0);
    let second = id_of(&create(&server, &file));
    let page = call(&server, "GET", "batches?limit=1", "").json();
    assert_eq!((&page["data"][0]["id"], &page["has_more"]), (&json!(second), &json!(true)));
    let next = call(&server, "GET", &format!("batches?limit=1&after={second}"), "").json();
    assert_eq!((&next["data"][0]["input_file_id"], &next["has_more"]), (&json!(file), &json!(false)));
}

#[test]
fn a_queue_that_is_full_fails_the_next_batch() {
    let server = quick("[batch]\ntime = \"5s\"\nqueue_tokens = 60");
    let file = id_of(&upload(&server, &line(1)));
    let first = id_of(&create(&server, &file));
    while call(&server, "GET", &format!("batches/{first}"), "").json()["status"] != "in_progress" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let second = id_of(&create(&server, &file));
    let failed = end_of(&server, &second);
    assert_eq!(failed["errors"]["data"][0]["code"], "token_limit_exceeded");
}

#[test]
fn files_are_listed_sent_in_parts_and_deleted() {
    let server = quick("");
    let file = id_of(&upload(&server, "0123456789"));
    let listed = call(&server, "GET", "files?purpose=batch", "").json();
    assert_eq!(
        (&listed["data"][0]["id"], &listed["data"][0]["filename"]),
        (&json!(file), &json!("in.jsonl"))
    );
    let path = format!("{BASE}/files/{file}/content");
    let part = send(&server, "GET", &path, &format!("{KEY}Range: bytes=7-\r\n"), "");
    assert_eq!((part.status, part.text().as_str()), (206, "789"));
    assert_eq!(part.header("content-range").as_deref(), Some("bytes 7-9/10"));
    let past = send(&server, "GET", &path, &format!("{KEY}Range: bytes=10-\r\n"), "");
    assert_eq!((past.status, past.header("content-range").as_deref()), (416, Some("bytes */10")));
    assert_eq!(call(&server, "DELETE", &format!("files/{file}"), "").json()["deleted"], true);
    assert_eq!(call(&server, "DELETE", &format!("files/{file}"), "").status, 404);
    assert_eq!(send(&server, "GET", &path, "", "").status, 401);
}

#[test]
fn each_line_that_is_answered_is_on_record_once_with_its_batch() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("witness.jsonl");
    let script = Script::parse("[batch]\ntime = \"40ms\"").unwrap();
    let server = start(ServerSettings { witness: Some(path.clone()), script, ..ServerSettings::default() });
    let batch = ended(&server, 0..3);
    let text = std::fs::read_to_string(&path).unwrap();
    let recorded: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let billed: Vec<&Value> = recorded.iter().filter(|line| line["batch"] == batch["id"]).collect();
    assert_eq!(billed.len(), 3);
    assert!(billed.iter().all(|line| line["total_tokens"].as_u64() > Some(0) && line["status"] == 200));
    let lines = lines_of(&server, &batch, "output_file_id");
    assert_eq!(lines[0]["response"]["request_id"], billed[0]["request_id"]);
    assert_eq!((&billed[0]["custom_id"], &billed[0]["body"]), (&json!("r0"), &question("row 0.")));
}
