//! The faults of a script, as a client sees them.

use super::*;

/// The reply to a question under a script of one fault.
fn reply_under(fault: &str) -> Received {
    ask(&start_with_script(&format!("[[fault]]\n{fault}")), "Hello there")
}

#[test]
fn a_status_comes_with_its_code_and_headers() {
    let reply = reply_under("status = 503\nheaders = { Retry-After = \"2\" }\nmessage = \"Later\"");
    assert_eq!((reply.status, reply.error_code()), (503, "ServiceUnavailable".into()));
    assert_eq!(reply.json()["error"]["message"], "Later");
    assert_eq!(reply.header("retry-after").unwrap(), "2");
    let literal = reply_under("status = 429\nbody = \"slow down\"");
    assert_eq!((literal.status, literal.text()), (429, "slow down".into()));
}

#[test]
fn the_first_tries_fail_and_the_next_passes() {
    let server = start_with_script("[[fault]]\nfirst_tries = 2\nstatus = 500");
    let statuses = [(); 3].map(|()| ask(&server, "Hello").status);
    assert_eq!(statuses, [500, 500, 200]);
    assert_eq!(ask(&server, "another row").status, 500);
}

#[test]
fn a_reset_is_a_reset_at_once_or_in_the_body() {
    let at_once = reply_under("action = \"reset\"");
    assert_eq!((at_once.error, at_once.status), (Some(io::ErrorKind::ConnectionReset), 0));
    let late = reply_under("action = \"reset\"\nafter_bytes = 40");
    assert_eq!((late.error, late.status), (Some(io::ErrorKind::ConnectionReset), 200));
    assert_eq!(late.body.len(), 40);
}

#[test]
fn a_dropped_connection_ends_without_a_byte() {
    let reply = reply_under("action = \"drop\"");
    assert_eq!((reply.error, reply.head.len()), (None, 0));
}

#[test]
fn a_cut_body_is_shorter_than_announced() {
    let reply = reply_under("action = \"cut_body\"\nafter_bytes = 40");
    let announced: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert_eq!((reply.status, reply.error, reply.body.len()), (200, None, 40));
    assert!(announced > 40);
}

#[test]
fn a_wrong_length_ends_before_the_body() {
    let reply = reply_under("action = \"wrong_length\"");
    let announced: usize = reply.header("content-length").unwrap().parse().unwrap();
    assert!(announced < reply.body.len(), "{announced} {}", reply.body.len());
    assert!(reply.content().contains("Hello there"));
}

#[test]
fn an_answer_cut_by_the_server_says_so_only_in_a_header() {
    let reply = reply_under("action = \"cut_by_server\"");
    assert_eq!(reply.status, 200);
    assert_eq!(reply.header("x-dashscope-partialresponse").unwrap(), "true");
    assert_eq!(reply.json()["choices"][0]["finish_reason"], Value::Null);
    let whole = ask(&start(ServerSettings::default()), "Hello there").content();
    assert!(whole.starts_with(&reply.content()) && reply.content().len() < whole.len());
}

#[test]
fn answers_can_be_empty_or_other_than_they_should() {
    assert_eq!(reply_under("action = \"empty_body\"").header("content-length").unwrap(), "0");
    let empty = reply_under("action = \"empty_content\"");
    assert_eq!(empty.json()["choices"][0]["message"]["content"], "");
    assert_eq!(reply_under("content = \"{broken\"").content(), "{broken");
    let no_end = reply_under("action = \"null_finish\"");
    assert_eq!(no_end.json()["choices"][0]["finish_reason"], Value::Null);
    assert!(no_end.content().contains("Hello there"));
}

#[test]
fn proxies_and_their_pages_can_be_in_between() {
    let page = reply_under("action = \"html\"\nstatus = 502");
    assert!(page.status == 502 && page.text().starts_with("<!DOCTYPE html>"));
    let redirect = reply_under("action = \"redirect\"");
    assert_eq!(redirect.status, 307);
    assert!(redirect.header("location").is_some());
    let gzip = reply_under("action = \"bad_gzip\"");
    assert_eq!(gzip.header("content-encoding").unwrap(), "gzip");
    assert_eq!(gzip.body[..2], [0x1f, 0x8b]);
}

#[test]
fn a_slow_body_arrives_whole() {
    let reply = reply_under("action = \"slow_body\"\nafter_bytes = 100\npause = \"1ms\"");
    assert!(reply.content().contains("Hello there"));
    assert!(reply.header("content-length").is_some());
}

#[test]
fn a_delay_alone_changes_nothing_else() {
    let reply = reply_under("delay = \"5ms\"");
    assert_eq!((reply.status, reply.header("req-cost-time").unwrap()), (200, "5".into()));
}

#[test]
fn a_hanging_request_ends_with_the_server() {
    let server = start_with_script("[[fault]]\naction = \"hang\"");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let body = question("Hello").to_string();
    write!(stream, "POST {CHAT} HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .unwrap();
    drop(server);
    let mut bytes = Vec::new();
    // Whether the connection ends or is reset depends on how much of the request had arrived; either way no bytes arrive.
    let _ = stream.read_to_end(&mut bytes);
    assert!(bytes.is_empty());
}

#[test]
fn streams_can_break_off_too() {
    let server = start_with_script("[[fault]]\naction = \"cut_body\"");
    let mut body = question("Hello there");
    body["stream"] = json!(true);
    let reply = post(&server, &body);
    assert_eq!((reply.status, reply.error), (200, None));
    assert!(reply.text().contains("data: ") && !reply.text().contains("[DONE]"));
}

#[test]
fn an_error_comes_in_the_middle_of_a_stream() {
    let script = "[[fault]]\naction = \"error_event\"\nstatus = 400\ncode = \"data_inspection_failed\"\n\
                  message = \"Output data may contain inappropriate content.\"";
    let mut body = question("Hello there");
    body["stream"] = json!(true);
    let reply = post(&start_with_script(script), &body);
    assert_eq!((reply.status, reply.error), (200, None));
    let text = reply.text();
    let last = text.lines().filter_map(|line| line.strip_prefix("data: ")).next_back().unwrap();
    let error: Value = serde_json::from_str(last).unwrap();
    assert_eq!(error["error"]["code"], "data_inspection_failed");
    assert!(text.contains("\"delta\"") && !text.contains("[DONE]"));
    let whole = reply_under("action = \"error_event\"");
    assert_eq!((whole.status, whole.error_code()), (200, "internal_error".into()));
}

#[test]
fn a_server_that_is_down_closes_without_a_byte() {
    let reply = ask(&start_with_script("[[down]]"), "Hello");
    assert_eq!(reply.head, "");
}

#[test]
fn going_down_resets_the_connections_that_are_open() {
    let server = start_with_script("[[down]]\nafter = \"500ms\"");
    let mut stream = TcpStream::connect(server.address()).unwrap();
    let error = stream.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
}

#[test]
fn a_damaged_translation_is_the_same_each_time_and_a_half_of_it_may_be_whole() {
    let script = Script::parse("[[fault]]\naction = \"drop_blank_lines\"\nevery = 3").unwrap();
    let translations = TranslationStyle::Echo;
    let server = start(ServerSettings { script, translations, ..ServerSettings::default() });
    let translate = |text: &str| {
        let mut body = question(text);
        body["model"] = json!("qwen-mt-plus");
        body["translation_options"] = json!({"target_lang": "French"});
        post(&server, &body).content()
    };
    let text = "one\n\ntwo\n\nthree\n\nfour";
    assert_eq!(translate(text), "one\n\ntwo\n\nthree\nfour");
    assert_eq!(translate(text), translate(text));
    assert_eq!(translate("one\n\ntwo"), "one\n\ntwo");
    assert!(ask(&server, text).content().starts_with("Summary"), "only translations are damaged");
}
