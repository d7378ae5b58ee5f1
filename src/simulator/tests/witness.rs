//! The contents of the witness log.

use super::*;

fn lines(path: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_request_is_on_record_before_its_reply() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("witness.jsonl");
    let server = start(ServerSettings { witness: Some(path.clone()), ..ServerSettings::default() });
    let reply = ask(&server, "Hello");
    let recorded = lines(&path);
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0]["total_tokens"], reply.json()["usage"]["total_tokens"]);
    assert_eq!(recorded[0]["status"], 200);
    assert_eq!(recorded[0]["body"], question("Hello"));
    assert_eq!(recorded[0]["path"], CHAT);
    ask(&server, "Hello");
    let recorded = lines(&path);
    assert_eq!((&recorded[1]["sequence"], &recorded[1]["try"]), (&json!(2), &json!(2)));
    assert_eq!(recorded[0]["body_hash"], recorded[1]["body_hash"]);
    assert!(recorded[0]["since_start"].as_f64().unwrap() < recorded[1]["since_start"].as_f64().unwrap());
}

#[test]
fn faults_are_named_and_a_request_without_a_reply_has_no_status() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("witness.jsonl");
    let script = "[[fault]]\nrequests = [1, 1]\naction = \"drop\"\n[[fault]]\nstatus = 503";
    let script = Script::parse(script).unwrap();
    let server = start(ServerSettings { witness: Some(path.clone()), script, ..ServerSettings::default() });
    ask(&server, "Hello");
    ask(&server, "Hello");
    let recorded = lines(&path);
    assert_eq!((&recorded[0]["fault"], &recorded[0]["status"]), (&json!("1 drop"), &Value::Null));
    assert_eq!((&recorded[1]["fault"], &recorded[1]["status"]), (&json!("2 status 503"), &json!(503)));
    assert_eq!(recorded[1]["error_code"], "ServiceUnavailable");
    assert_eq!(recorded[1]["total_tokens"], 0);
}

#[test]
fn the_key_is_never_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("witness.jsonl");
    let server = start(ServerSettings { witness: Some(path.clone()), ..ServerSettings::default() });
    let headers = "Authorization: Bearer sk-canary\r\nUser-Agent: check/1\r\nX-DashScope-Workspace: w\r\n";
    send(&server, "POST", CHAT, headers, "not\njson");
    assert!(!std::fs::read_to_string(&path).unwrap().contains("sk-canary"));
    let recorded = lines(&path);
    assert_eq!(recorded[0]["authorization_present"], true);
    assert_eq!(recorded[0]["headers"], json!({"user-agent": "check/1", "x-dashscope-workspace": "w"}));
    assert_eq!(recorded[0]["raw"], "not\njson");
    assert_eq!(recorded[0]["status"], 400);
}

#[test]
fn a_body_of_several_lines_is_one_line_on_record() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("witness.jsonl");
    let server = start(ServerSettings { witness: Some(path.clone()), ..ServerSettings::default() });
    let body = serde_json::to_string_pretty(&question("Hello")).unwrap();
    send(&server, "POST", CHAT, "Authorization: Bearer k\r\n", &body);
    assert_eq!(lines(&path)[0]["body"], question("Hello"));
}

#[test]
fn a_log_that_cannot_be_opened_is_named() {
    let settings = ServerSettings { witness: Some("/nowhere/at/all".into()), ..ServerSettings::default() };
    assert!(spawn_thread(settings).err().unwrap().to_string().contains("/nowhere/at/all"));
}
