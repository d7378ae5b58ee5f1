//! Who answers, and through whom: invalid certificates, and the proxy of the environment.

use std::fs;
use std::net::TcpListener;

use super::scenario;
use crate::support::harness::{CANARY, Finished, Scene};
use crate::support::relay::{Act, Relay};
use crate::support::trusted::{Authority, Proxy};

/// Runs a command of the job against an address, with one authority trusted, and more variables.
fn run(
    scene: &mut Scene,
    command: &str,
    base_url: &str,
    trusted: &Authority,
    variables: &[(&str, &str)],
) -> Finished {
    let file = scene.write("trusted.pem", &trusted.pem);
    let mut command_line = scene.command(&[command, "job.toml", "--base-url", base_url]);
    command_line.env("SSL_CERT_FILE", file).envs(variables.iter().copied());
    let finished = Finished::from(command_line.output().expect("the binary runs"));
    if command == "run" {
        scene.judge.judge(&finished);
    }
    finished
}

#[test]
fn an_invalid_certificate_stops_the_job_at_once_and_is_explained() {
    scenario(|| {
        let (trusted, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
        for (certificate, words, help) in [
            (trusted.certificate("other.example", 2999), "not valid for name", "captive portal"),
            (trusted.certificate("localhost", 2001), "expired", "check the clock of this machine"),
            (stranger.certificate("localhost", 2999), "UnknownIssuer", "SSL_CERT_FILE"),
        ] {
            let mut scene = Scene::new();
            scene.rows_and_job(12, "retry.max_outage = \"3s\"\n");
            let relay =
                Relay::with_certificates(scene.base_url(), move |_| Some(certificate.clone()), |_| Act::Pass);
            let base_url = format!("https://localhost:{}/v1", relay.port());
            let finished = run(&mut scene, "run", &base_url, &trusted, &[]).expect_code(4);
            finished.says("bad_certificate").says(words).says(help);
            assert_eq!(scene.receipt()["rows"]["pending"], 12, "{words}");
            assert_eq!(
                (relay.connections(), relay.heard().len()),
                (1, 0),
                "{words}: not tried again, nothing sent"
            );
            let right = trusted.certificate("localhost", 2999);
            let relay =
                Relay::with_certificates(scene.base_url(), move |_| Some(right.clone()), |_| Act::Pass);
            let base_url = format!("https://localhost:{}/v1", relay.port());
            run(&mut scene, "run", &base_url, &trusted, &[]).expect_code(0);
            assert_eq!(relay.heard().len(), 12);
        }
    });
}

#[test]
fn a_certificate_that_changes_under_way_stops_the_job_and_costs_no_row() {
    scenario(|| {
        let (trusted, stranger) = (Authority::new("trusted"), Authority::new("stranger"));
        let mut scene = Scene::new();
        scene.rows_and_job(20, "limits.concurrency = 1\nretry.max_outage = \"3s\"\n");
        let (right, wrong) =
            (trusted.certificate("localhost", 2999), stranger.certificate("localhost", 2999));
        let choose = move |number| Some(if number < 3 { right.clone() } else { wrong.clone() });
        // Each connection ends after its answer.
        let relay = Relay::with_certificates(scene.base_url(), choose, |_| Act::Spoil(|bytes| bytes));
        let base_url = format!("https://localhost:{}/v1", relay.port());
        run(&mut scene, "run", &base_url, &trusted, &[]).expect_code(4).says("bad_certificate");
        let rows = scene.receipt()["rows"].clone();
        assert_eq!((rows["failed"].as_u64(), rows["ok"].as_u64()), (Some(0), Some(3)), "{rows}");
        assert_eq!(relay.heard().len(), 3);
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness().len(), 20, "each row is paid for once");
    });
}

#[test]
fn the_proxy_of_the_environment_is_shown_and_used_and_receives_neither_key_nor_prompt() {
    scenario(|| {
        let authority = Authority::new("trusted");
        let mut scene = Scene::new();
        scene.rows_and_job(12, "");
        let certificate = authority.certificate("service.example", 2999);
        let relay =
            Relay::with_certificates(scene.base_url(), move |_| Some(certificate.clone()), |_| Act::Pass);
        let proxy = Proxy::new(relay.port());
        let variable = format!("http://somebody:word-to-pass@127.0.0.1:{}", proxy.port);
        let through: [(&str, &str); 1] = [("HTTPS_PROXY", &variable)];
        let base_url = "https://service.example/v1";

        let shown = run(&mut scene, "preview", base_url, &authority, &through).expect_code(0).stdout;
        assert!(shown.contains(&format!("proxy: http://127.0.0.1:{} (", proxy.port)), "{shown}");
        assert!(!shown.contains("word-to-pass") && proxy.heard().is_empty(), "{shown}");
        let around = [through[0], ("NO_PROXY", "service.example")];
        let shown = run(&mut scene, "preview", base_url, &authority, &around).expect_code(0).stdout;
        assert!(!shown.contains("proxy:"), "{shown}");

        run(&mut scene, "run", base_url, &authority, &through).expect_code(0);
        assert_eq!(relay.heard().len(), 12);
        let heard = proxy.heard();
        assert!(heard.starts_with("CONNECT service.example:443 "), "{heard}");
        assert!(
            !heard.contains(CANARY) && !heard.contains("text of row"),
            "the proxy hears what is not its own"
        );
        for entry in fs::read_dir(scene.path("")).expect("a folder") {
            let bytes = fs::read(entry.expect("an entry").path()).unwrap_or_default();
            assert!(
                !String::from_utf8_lossy(&bytes).contains("word-to-pass"),
                "the proxy's password is kept"
            );
        }

        let nobody = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        let nobody = format!("http://{}", nobody.expect("a port"));
        let mut scene = Scene::new();
        scene.rows_and_job(12, "");
        let finished = run(&mut scene, "run", base_url, &authority, &[("ALL_PROXY", &nobody)]).expect_code(4);
        finished.says(&format!("through the proxy {nobody}")).says("HTTPS_PROXY");
    });
}
