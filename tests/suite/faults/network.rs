//! Network faults of requests and replies: glitches that heal, and lasting faults that are reported with advice.

use std::net::TcpListener;
use std::time::Duration;

use fanfold::simulator::ServerSettings;

use super::scenario;
use crate::support::harness::{CANARY, Finished, Scene, text};
use crate::support::relay::{Act, Heard, Relay};

/// A scene whose replies get lost and are paid for again, which nobody can prevent.
fn scene(rows: usize, more: &str) -> Scene {
    let mut scene = Scene::new();
    scene.rows_and_job(rows, more);
    scene.judge.replies_get_lost = true;
    scene
}

fn run(scene: &mut Scene, base_url: &str) -> Finished {
    scene.run_job(&["job.toml", "--base-url", base_url])
}

fn attempts(scene: &Scene) -> Vec<u64> {
    scene.output().iter().map(|row| row["attempts"].as_u64().expect("attempts")).collect()
}

/// A reply of this status line, these headers and this body.
fn reply(status: &str, headers: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// The reply with another `Content-Length`, made of the true one.
fn relabelled(bytes: &[u8], label: impl Fn(usize) -> String) -> Vec<u8> {
    let text = String::from_utf8_lossy(bytes);
    let at = text.find("content-length: ").expect("a length") + "content-length: ".len();
    let end = at + text[at..].find("\r\n").expect("the end of a line");
    [&text[..at], &label(text[at..end].parse().expect("a length")), &text[end..]].concat().into_bytes()
}

#[test]
fn an_address_where_nothing_listens_is_reported_at_once() {
    scenario(|| {
        let port = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let port = port.expect("a port").port();
        let mut scene = scene(50, "");
        run(&mut scene, &format!("http://127.0.0.1:{port}/v1")).expect_code(4).says("is the address right?");
        assert_eq!(scene.receipt()["reason"], "never_reached");
        assert_eq!(scene.receipt()["rows"]["pending"], 50);
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

#[test]
fn a_reply_that_breaks_on_its_way_is_asked_for_again() {
    scenario(|| {
        let kinds = [
            "action = \"reset\"",
            "action = \"reset\"\nafter_bytes = 40",
            "action = \"cut_body\"",
            "action = \"cut_body\"\nafter_bytes = 0",
            "action = \"drop\"",
            "action = \"bad_gzip\"",
            "action = \"wrong_length\"",
            "action = \"hang\"",
        ];
        let script: String = kinds
            .iter()
            .enumerate()
            .map(|(row, kind)| format!("[[fault]]\ncontains = \"of row {row}.\"\nfirst_tries = 1\n{kind}\n"))
            .collect();
        let mut scene = Scene::with_script(&script);
        scene.rows_and_job(kinds.len() + 10, "retry.timeout = \"2s\"\n");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(attempts(&scene), [[2; 8].as_slice(), [1; 10].as_slice()].concat());
    });
}

/// What happens to the first try of a row.
type Glitch = fn() -> Act;

const PAGE: &str = "<!DOCTYPE html><html><body>Please log in to the hotel's network</body></html>";

/// Glitches of every kind; after each, a second try succeeds.
const GLITCHES: [(&str, Glitch); 20] = [
    ("a reset before the answer", || Act::ResetAfter(0)),
    ("a reset in the head", || Act::ResetAfter(60)),
    ("a reset in the body", || Act::ResetAfter(300)),
    ("an end without a byte", || Act::Hang),
    ("two lengths", || {
        Act::Spoil(|bytes| relabelled(&bytes, |n| format!("{n}\r\ncontent-length: {}", n + 1)))
    }),
    ("a length that is none", || Act::Spoil(|bytes| relabelled(&bytes, |_| "many".to_owned()))),
    ("a length below zero", || Act::Spoil(|bytes| relabelled(&bytes, |n| format!("-{n}")))),
    ("a length twice as long", || Act::Spoil(|bytes| relabelled(&bytes, |n| (2 * n).to_string()))),
    ("half the length", || Act::Spoil(|bytes| relabelled(&bytes, |n| (n / 2).to_string()))),
    ("another protocol", || Act::Say(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec())),
    ("a gateway's page", || Act::Say(reply("502 Bad Gateway", "content-type: text/html\r\n", PAGE))),
    ("a captive portal's page", || Act::Say(reply("200 OK", "content-type: text/html\r\n", PAGE))),
    ("a captive portal that says so", || {
        Act::Say(reply("511 Network Authentication Required", "content-type: text/html\r\n", PAGE))
    }),
    ("a captive portal's redirect", || {
        Act::Say(reply("302 Found", "location: http://127.0.0.1:9/\r\n", PAGE))
    }),
    ("a head without an end", || {
        Act::Forever(b"HTTP/1.1 200 OK\r\n".to_vec(), b"x-more: more\r\n".repeat(99))
    }),
    ("a chunk that is cut", || {
        Act::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nfff\r\n{\"choices\":[".to_vec())
    }),
    ("a chunk whose length is none", || {
        Act::Say(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n".to_vec())
    }),
    ("a body that is no gzip", || {
        Act::Say(reply("200 OK", "content-encoding: gzip\r\n", "{\"choices\":[]}"))
    }),
    ("word after word that the answer is to come", || {
        Act::Forever(vec![], b"HTTP/1.1 100 Continue\r\n\r\n".repeat(99))
    }),
    // Like one byte in 30 s with a timeout of some minutes.
    ("a byte now and then", || Act::Drip(1, Duration::from_millis(300))),
];

#[test]
fn a_glitch_of_any_kind_heals_at_the_next_try() {
    scenario(|| {
        let mut scene = scene(2 * GLITCHES.len(), "retry.timeout = \"2s\"\n");
        let relay = Relay::new(scene.base_url(), |heard| match GLITCHES.get(heard.row / 2) {
            Some((_, glitch)) if heard.row % 2 == 1 && heard.before == 0 => glitch(),
            _ => Act::Pass,
        });
        run(&mut scene, &relay.base_url()).expect_code(0);
        let heard = relay.heard();
        for (index, (name, _)) in GLITCHES.iter().enumerate() {
            let tries = heard.iter().filter(|heard| heard.row == 2 * index + 1).count();
            assert!(tries >= 2, "{name}: not met, or not tried again");
        }
        run(&mut scene, &relay.base_url()).expect_code(0);
        // Asking whether it is a simulator is not a request.
        let sent = |heard: &[Heard]| heard.iter().filter(|heard| heard.bytes.starts_with(b"POST")).count();
        assert_eq!(sent(&relay.heard()), sent(&heard), "nothing is sent once all is answered");
    });
}

#[test]
fn an_answer_with_its_length_given_twice_or_that_arrives_slowly_is_an_answer() {
    scenario(|| {
        let mut scene = scene(12, "");
        let relay = Relay::new(scene.base_url(), |heard| match heard.row % 3 {
            0 => Act::Spoil(|bytes| relabelled(&bytes, |n| format!("{n}\r\ncontent-length: {n}"))),
            1 => Act::Drip(40, Duration::from_millis(5)),
            _ => Act::Pass,
        });
        run(&mut scene, &relay.base_url()).expect_code(0);
        assert_eq!(attempts(&scene), [1; 12]);
    });
}

#[test]
fn connections_that_went_away_in_the_pool_cost_no_row_and_no_money() {
    scenario(|| {
        let mut scene = scene(60, "limits.concurrency = 4\nretry.max_attempts = 20\n");
        let relay = Relay::new(scene.base_url(), |heard| match (heard.reused, heard.row % 3) {
            // The server says nothing more, and still listens.
            (0, 0) => Act::Spoil(|bytes| bytes),
            (0, _) => Act::Pass,
            (_, 1) => Act::Hang,
            (_, _) => Act::ResetAfter(0),
        });
        run(&mut scene, &relay.base_url()).expect_code(0);
        assert!(relay.heard().len() > 60, "no connection was used again: nothing was tried");
        assert_eq!(scene.witness().len(), 60, "each row is paid for once");
    });
}

#[test]
fn bytes_after_an_answer_are_not_the_answer_to_the_next_request() {
    scenario(|| {
        let mut scene = scene(30, "limits.concurrency = 1\n");
        let strange = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"of somebody else"},
                         "finish_reason":"stop"}]}"#;
        let behind = reply("200 OK", "content-type: application/json\r\n", strange);
        let relay = Relay::new(scene.base_url(), move |_| Act::Behind(behind.clone()));
        run(&mut scene, &relay.base_url()).expect_code(0);
        for (number, row) in scene.output().iter().enumerate() {
            let response = row["response"].as_str().expect("an answer");
            assert!(response.contains(&text(number)), "{row}");
        }
    });
}

#[test]
fn a_page_from_a_proxy_is_a_transient_fault() {
    scenario(|| {
        let mut scene = Scene::with_script("[[fault]]\nfirst_tries = 1\naction = \"html\"\n");
        scene.rows_and_job(12, "retry.max_attempts = 3\n");
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

#[test]
fn a_proxy_s_page_for_everybody_is_an_outage_and_fails_no_row() {
    scenario(|| {
        let mut scene = Scene::with_script("[[fault]]\naction = \"html\"\n");
        scene.rows_and_job(12, "retry.max_outage = \"2s\"\n");
        scene.run_job(&["job.toml"]).expect_code(4).says("html_reply");
        scene.serve(ServerSettings::default());
        scene.rows_and_job(12, "");
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

#[test]
fn a_redirect_sends_no_prompt_and_no_key_elsewhere() {
    scenario(|| {
        for (status, help) in
            [("302 Found", "has answered no request"), ("308 Permanent Redirect", "`base_url`")]
        {
            let mut scene = scene(12, "retry.max_outage = \"1s\"\n");
            let elsewhere = Relay::new(scene.base_url(), |_| Act::Pass);
            let location = format!("location: {}/chat/completions\r\n", elsewhere.base_url());
            let relay = Relay::new(scene.base_url(), move |_| Act::Say(reply(status, &location, "")));
            run(&mut scene, &relay.base_url()).expect_code(4).says(help);
            assert_eq!((scene.receipt()["rows"]["pending"].as_u64(), elsewhere.connections()), (Some(12), 0));
            let has_key = |heard: &Heard| String::from_utf8_lossy(&heard.bytes).contains(CANARY);
            assert!(
                relay.heard().iter().all(has_key),
                "the key went where the job says, and would have been seen"
            );
            run(&mut scene, &elsewhere.base_url()).expect_code(0);
        }
    });
}

#[test]
fn a_network_that_swallows_everything_fails_no_row() {
    scenario(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let listener = runtime.block_on(async {
            let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
            socket.bind("127.0.0.1:0".parse().expect("an address")).expect("a port");
            socket.listen(0).expect("a listener")
        });
        let address = listener.local_addr().expect("an address");
        // Connections that wait to be accepted fill the queue: no other is even refused.
        let waiting = || std::net::TcpStream::connect_timeout(&address, Duration::from_millis(200));
        let waiting: Vec<_> = std::iter::repeat_with(waiting).take_while(Result::is_ok).take(64).collect();
        assert!(waiting.len() < 64, "the queue is never full");
        let mut scene = scene(12, "retry.timeout = \"300ms\"\nretry.max_outage = \"1s\"\n");
        run(&mut scene, &format!("http://{address}/v1")).expect_code(4).says("no answer within 300ms");
        assert_eq!(scene.receipt()["rows"]["pending"], 12);
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

#[test]
fn a_host_without_an_address_is_reported_at_once() {
    scenario(|| {
        let mut scene = scene(12, "");
        let told = run(&mut scene, "https://no-such-host.invalid/v1").expect_code(4);
        told.says("is the address right?").says("no-such-host.invalid");
        assert_eq!(scene.receipt()["reason"], "never_reached");
        scene.run_job(&["job.toml"]).expect_code(0);
    });
}

/// A gzip file of only blanks, more of them than any reply may have.
fn bomb() -> Vec<u8> {
    use std::io::Write;
    let mut member = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for _ in 0..80 {
        member.write_all(&[b' '; 1 << 20]).expect("memory");
    }
    let body = member.finish().expect("memory");
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n";
    [format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes(), body].concat()
}

#[test]
fn a_body_that_never_ends_fails_its_row_alone_and_a_stream_that_never_ends_comes_again() {
    scenario(|| {
        let mut scene = scene(12, "");
        let bomb = bomb();
        let relay = Relay::new(scene.base_url(), move |heard| match heard.row {
            3 => Act::Forever(
                b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n".to_vec(),
                vec![b' '; 1 << 18],
            ),
            5 => Act::Say(bomb.clone()),
            _ => Act::Pass,
        });
        run(&mut scene, &relay.base_url()).expect_code(3);
        let rows = scene.output();
        for (number, row) in rows.iter().enumerate() {
            let is_endless = [3, 5].contains(&number);
            assert_eq!(row["error_code"] == "reply_too_long", is_endless, "{row}");
            assert_eq!(row["attempts"], if is_endless { 2 } else { 1 }, "{row}");
        }

        let mut scene = self::scene(12, "model.transport = \"stream\"\nretry.stream_timeout = \"1s\"\n");
        let relay = Relay::new(scene.base_url(), |heard| match (heard.row, heard.before) {
            (3, 0) => Act::Forever(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\r\n".to_vec(),
                b": still here\n\n".repeat(99),
            ),
            _ => Act::Pass,
        });
        run(&mut scene, &relay.base_url()).expect_code(0);
        assert_eq!(attempts(&scene)[3], 2);
    });
}

#[test]
fn fifty_megabytes_are_an_answer_and_no_error_message() {
    scenario(|| {
        let long = |before: &str, after: &str| [before, &"long ".repeat(10 << 20), after].concat();
        let answer = long(
            r#"{"choices":[{"index":0,"message":{"role":"assistant","content":""#,
            r#""},"finish_reason":"stop"}]}"#,
        );
        let error = long(r#"{"error":{"code":"invalid_parameter_error","message":""#, r#""}}"#);
        let (answer, error) = (reply("200 OK", "", &answer), reply("400 Bad Request", "", &error));
        let mut scene = scene(12, "");
        let relay = Relay::new(scene.base_url(), move |heard| match heard.row {
            3 => Act::Say(answer.clone()),
            5 => Act::Say(error.clone()),
            _ => Act::Pass,
        });
        let finished = run(&mut scene, &relay.base_url()).expect_code(3);
        assert!(finished.stderr.len() < 100_000, "{} bytes are said", finished.stderr.len());
        let rows = scene.output();
        assert_eq!(rows[3]["response"].as_str().map(str::len), Some(50 << 20));
        let error = rows[5]["error"].as_str().expect("an error");
        assert!(error.starts_with("long long ") && error.len() < 10_000, "{} bytes of an error", error.len());
        assert_eq!(relay.heard().len(), 12);
    });
}
