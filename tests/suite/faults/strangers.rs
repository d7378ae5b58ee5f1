//! Everyone who must be kept out: other users of the machine, hostile text, links, addresses in rows, spreadsheets.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::process::Stdio;
use std::time::Duration;

use fanfold::simulator::ServerSettings;
use serde_json::json;

use super::environment::shell_command;
use super::scenario;
use crate::support::harness::{Finished, Scene, rows};

/// The permissions of the files in a scene's folder whose names begin so.
fn modes(scene: &Scene, begin: &str) -> Vec<(String, u32)> {
    let entries = fs::read_dir(scene.path("")).expect("a folder").flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name().into_string().ok().filter(|name| name.starts_with(begin))?;
        Some((name, entry.metadata().ok()?.permissions().mode() & 0o777))
    });
    let mut named: Vec<(String, u32)> = named.collect();
    named.sort();
    named
}

#[test]
fn nobody_else_may_read_the_journal_or_its_other_files_whatever_the_umask() {
    scenario(|| {
        for umask in ["000", "027"] {
            let latency = "fixed:15ms".parse().expect("a latency");
            let mut scene = Scene::with(ServerSettings { latency, ..ServerSettings::default() });
            scene.write("rows", rows(0..40));
            scene.job("-", "out.jsonl", "input.format = \"jsonl\"\nlimits.concurrency = 2\n");
            let line = format!("umask {umask}; exec \"$FANFOLD\" run job.toml < rows");
            let mut command = shell_command(&scene, &line);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("a shell");
            scene.wait_for_requests(10);
            let seen = modes(&scene, "out.jsonl.");
            for ending in ["journal", "journal-wal", "journal-shm", "journal.lock", "stdin"] {
                let name = format!("out.jsonl.{ending}");
                assert!(seen.contains(&(name, 0o600)), "umask {umask}: {ending}: {seen:?}");
            }
            assert!(seen.iter().all(|(_, mode)| *mode == 0o600), "umask {umask}: {seen:?}");
            scene.end(child).expect_code(0);
            // The output has the permissions of any of the user's files.
            let expected = 0o666 & !u32::from_str_radix(umask, 8).expect("octal");
            let seen = modes(&scene, "out.jsonl");
            assert!(seen.contains(&("out.jsonl".to_owned(), expected)), "umask {umask}: {seen:?}");
            // The receipt contains data about rows, like the journal.
            assert!(seen.contains(&("out.jsonl.summary.json".to_owned(), 0o600)), "umask {umask}: {seen:?}");
            fs::set_permissions(scene.path("out.jsonl"), fs::Permissions::from_mode(0o640)).expect("set");
            let again = shell_command(&scene, &line).output().expect("a shell");
            Finished::from(again).expect_code(0);
            assert!(modes(&scene, "out.jsonl").contains(&("out.jsonl".to_owned(), 0o640)), "as it was made");
        }
    });
}

/// Nothing in it can control a terminal or reverse its text.
fn is_tame(text: &str, what: &str) {
    let wild = |c: &char| {
        c.is_control() && !"\n\t".contains(*c)
            || ('\u{202a}'..='\u{202e}').contains(c)
            || ('\u{2066}'..='\u{2069}').contains(c)
    };
    let found: Vec<char> = text.chars().filter(wild).collect();
    assert!(found.is_empty(), "{what}: {found:?} in {text}");
}

const WILD: &str = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{9b}31m\u{202e}\u{2066}\r\u{8}wild";

#[test]
fn hostile_text_reaches_the_terminal_from_nowhere() {
    scenario(|| {
        let escaped = serde_json::to_string(WILD).expect("JSON");
        let inner = &escaped[1..escaped.len() - 1];
        let script = format!(
            "[[fault]]\ncontains = \"row 2.\"\nstatus = 400\nbody = '{{\"error\":{{\"code\":{escaped},\"message\":\"no: {inner}\"}}}}'\n\
             [[fault]]\ncontains = \"row 3.\"\nfirst_tries = 1\nstatus = 500\nbody = '{{\"error\":{{\"message\":{escaped}}}}}'\n\
             [[fault]]\ncontains = \"row 4.\"\ncontent = \"{}\"\n",
            inner.replace("\\b", "\\u0008")
        );
        let mut scene = Scene::with_script(&script);
        let file = "in\u{1b}[31m\u{202e}.jsonl";
        let row = |n: usize| {
            format!("{}\n", json!({ "id": format!("{WILD}{n}"), "text": format!("row {n}."), WILD: WILD }))
        };
        scene.write(file, (0..8).map(row).collect::<String>() + "{\"id\":\"x\",\"te\\u001b[31mxt\":1}\n");
        let more = format!("input.id = \"id\"\ninput.on_bad_row = \"skip\"\nrequest.user = {escaped}\n");
        scene.job("FILE", "out.jsonl", &more.replace("\\b", "\\u0008"));
        let job = scene.read("job.toml").replace("\"FILE\"", "\"in\\u001b[31m\\u202e.jsonl\"");
        scene.write("job.toml", job);
        let finished = scene.run_job(&["job.toml", "-v"]).expect_code(3);
        is_tame(&finished.stderr, "run");
        let named = format!("{WILD}2");
        for arguments in [
            &["status", "job.toml"][..],
            &["status", "job.toml", "--row", &named],
            &["verify", "job.toml"],
            &["preview", "job.toml", "-n", "9"],
            &["run", "job.toml", "--model", WILD, "--set", "output.path=\"\u{1b}[31m.ods\""],
            &["run", "job.toml", "--set", "input.on_bad_row=stop"],
            &["run", "job.toml", "--progress", "json", "--output", "\u{1b}[31m\u{202e}.jsonl"],
            &["run", "\u{1b}[31m\u{202e}.toml"],
            &["run", "job.toml", "--set", "\u{1b}[31m\u{202e}=1"],
            &["models", WILD],
        ] {
            let finished = scene.run(arguments);
            assert!(finished.code.is_some_and(|code| code < 100), "{finished:?}");
            is_tame(&finished.stdout, &format!("{arguments:?}"));
            is_tame(&finished.stderr, &format!("{arguments:?}"));
        }
    });
}

#[test]
fn the_output_of_a_tool_and_the_text_in_a_foreign_journal_do_not_control_the_terminal_either() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(
            2,
            "request.tools = [{ type = \"function\", function = { name = \"look\", parameters = { type = \"object\" } } }]\n\
             request.tool_choice = { type = \"function\", function = { name = \"look\" } }\n\
             [tools.look]\ncommand = [\"sh\", \"-c\", \"printf '\\\\033]0;x\\\\007\\\\033[2J wild' >&2; exit 3\"]\n",
        );
        let finished = scene.run_job(&["job.toml", "-v"]).expect_code(3);
        is_tame(&finished.stderr, "a tool's words");
        let journal = rusqlite::Connection::open(scene.path("out.jsonl.journal")).expect("a journal");
        let sql = "UPDATE runs SET reason = ?1, program = ?1; ";
        journal.execute(sql, [WILD]).expect("altered");
        journal.execute("UPDATE entries SET error = ?1, error_code = ?1", [WILD]).expect("altered");
        journal
            .execute("UPDATE faults SET message = ?1, code = ?1, request_id = ?1", [WILD])
            .expect("altered");
        drop(journal);
        for arguments in [
            &["status", "job.toml"][..],
            &["status", "job.toml", "--row", "1"],
            &["run", "job.toml"],
            &["verify", "job.toml"],
        ] {
            let finished = scene.run(arguments);
            is_tame(&finished.stdout, &format!("{arguments:?}"));
            is_tame(&finished.stderr, &format!("{arguments:?}"));
        }
    });
}

#[test]
fn links_lead_the_output_where_they_point_and_the_journal_nowhere() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(5, "");
        scene.write("elsewhere/old.jsonl", "the old output\n");
        symlink("elsewhere/old.jsonl", scene.path("out.jsonl")).expect("a link");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert!(scene.path("out.jsonl").is_symlink(), "the link stays");
        assert_eq!(scene.read("elsewhere/old.jsonl").lines().count(), 5);
        assert!(
            scene.path("elsewhere/old.jsonl.journal").exists(),
            "the journal is beside the file that is written"
        );
        for name in ["out.jsonl.journal", "out.jsonl.journal.lock"] {
            let mut scene = Scene::new();
            scene.rows_and_job(5, "");
            let precious = scene.write("precious", "mine\n");
            symlink(&precious, scene.path(name)).expect("a link");
            scene.run(&["run", "job.toml"]).expect_code(1).says(name);
            assert_eq!(scene.read("precious"), "mine\n", "{name}");
            assert!(scene.witness().is_empty(), "{name}");
        }
        let mut other = Scene::new();
        other.rows_and_job(5, "");
        other.run_job(&["job.toml"]).expect_code(0);
        let whole = fs::read(other.path("out.jsonl.journal")).expect("a journal");
        scene.rows_and_job(5, "");
        scene.job("in.jsonl", "linked.jsonl", "");
        symlink(other.path("out.jsonl.journal"), scene.path("linked.jsonl.journal")).expect("a link");
        for command in ["run", "status", "export"] {
            scene.run(&[command, "job.toml"]).expect_code(1).says("it is a symbolic link");
        }
        assert_eq!(fs::read(other.path("out.jsonl.journal")).expect("a journal"), whole);
        assert_eq!(scene.witness().len(), 5, "nothing more was sent");
        for name in ["out.jsonl.journal.new", "out.jsonl.journal.ballast", "out.jsonl.summary.json"] {
            let mut scene = Scene::new();
            scene.rows_and_job(5, "");
            let precious = scene.write("precious", "mine\n");
            symlink(&precious, scene.path(name)).expect("a link");
            scene.run_job(&["job.toml"]).expect_code(0);
            assert_eq!(scene.read("precious"), "mine\n", "{name}");
        }
    });
}

#[test]
fn no_file_of_variables_is_read_that_nobody_named() {
    scenario(|| {
        let mut scene = Scene::new();
        scene.rows_and_job(3, "model.api_key_env = \"OTHER_KEY\"\n");
        for name in [".env", "home/.env", "home/.config/fanfold/env"] {
            scene.write(name, "OTHER_KEY=sk-other-1234567890\nFANFOLD_LIMIT=1\nFANFOLD_MODEL=other\n");
        }
        let mut command = scene.command(&["run", "job.toml"]);
        let finished = Finished::from(command.env("HOME", scene.path("home")).output().expect("it runs"));
        scene.judge.judge(&finished);
        finished.expect_code(1).says("OTHER_KEY is not set");
        assert!(scene.witness().is_empty());
        scene.rows_and_job(3, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        assert_eq!(scene.witness().len(), 3, "nor is a limit taken from it");
        assert!(scene.witness().iter().all(|line| line["body"]["model"] == "qwen-plus"));
    });
}

#[test]
fn the_simulator_listens_only_on_this_machine_by_default() {
    scenario(|| {
        let scene = Scene::new();
        for (arguments, open) in [(&["simulate"][..], false), (&["simulate", "--bind", "0.0.0.0"], true)] {
            let mut child = scene.start(arguments);
            let mut line = String::new();
            let stdout = child.stdout.take().expect("its output");
            BufReader::new(stdout).read_line(&mut line).expect("a line");
            let port: u16 =
                line.split(':').nth(2).and_then(|rest| rest.split('/').next()?.parse().ok()).expect("a port");
            // All of 127.0.0.0/8 is this machine; a listener on one of its addresses does not hear the others.
            let reached = |last| {
                let address = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, last)), port);
                TcpStream::connect_timeout(&address, Duration::from_secs(5)).is_ok()
            };
            let heard = [reached(1), reached(2)];
            crate::support::harness::signal(&child, rustix::process::Signal::INT);
            child.wait().expect("ended");
            assert_eq!(heard, [true, open], "{line}");
        }
        let mut scene = Scene::new();
        scene.rows_and_job(3, "");
        scene.run(&["run", "job.toml", "--simulate"]).expect_code(0);
        assert!(scene.witness().is_empty(), "a rehearsal asks nobody else");
    });
}

#[test]
fn a_row_chooses_neither_the_host_nor_the_path_of_its_request() {
    scenario(|| {
        let elsewhere = Scene::new();
        let theirs = elsewhere.base_url().to_owned();
        for url in [
            format!("{theirs}/chat/completions"),
            theirs.replace("http:", ""),
            "/v1/../../admin".to_owned(),
            "/v1/files".to_owned(),
            "@evil.example/v1/chat/completions".to_owned(),
            "/v1/chat/completions\r\nX-Evil: 1".to_owned(),
        ] {
            let body = json!({ "model": "qwen-plus", "messages": [{ "role": "user", "content": "hi" }] });
            let line = json!({ "custom_id": "a", "method": "POST", "url": url, "body": body });
            let mut scene = Scene::new();
            scene.write("in.jsonl", format!("{line}\n"));
            scene.job("in.jsonl", "out.jsonl", "");
            let job = scene.read("job.toml");
            let without: Vec<&str> = job.lines().filter(|line| !line.starts_with("prompt.")).collect();
            scene.write("job.toml", without.join("\n"));
            scene.run_job(&["job.toml"]).expect_code(1).says("in.jsonl:1: ").says("`url`");
            assert!(scene.witness().is_empty() && elsewhere.witness().is_empty(), "{url}");
        }
    });
}

#[test]
fn cells_that_a_spreadsheet_would_run_are_escaped_when_that_is_asked_for_and_only_then() {
    scenario(|| {
        let formulas = ["=1+1", "+1", "-1", "@x", "=HYPERLINK(\"http://evil.example\")", "plain"];
        let input: String = formulas.iter().map(|text| format!("{}\n", json!({ "text": text }))).collect();
        let script = "[[fault]]\ncontains = \"plain\"\ncontent = \"=cmd|' /C calc'!A0\"\n";
        for safe in [false, true] {
            let mut scene = Scene::with_script(script);
            scene.write("in.jsonl", &input);
            scene.job("in.jsonl", "out.csv", &format!("output.spreadsheet_safe = {safe}\n"));
            scene.judge.output = "out.csv".to_owned();
            scene.run_job(&["job.toml"]).expect_code(0);
            let written = scene.read("out.csv");
            let escaped = written.contains("'=1+1") && written.contains("'=cmd|") && written.contains("'@x");
            assert_eq!(escaped, safe, "{written}");
            assert!(written.contains("=1+1") && written.contains("=cmd|"), "{written}");
            scene.run(&["verify", "job.toml"]).expect_code(0);
        }
    });
}

#[test]
fn a_tls_library_of_the_system_s_is_banned() {
    scenario(|| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        let bans = fs::read_to_string(format!("{root}deny.toml")).expect("the bans");
        let lock = fs::read_to_string(format!("{root}Cargo.lock")).expect("the lock");
        for name in ["openssl", "openssl-sys", "native-tls"] {
            assert!(bans.contains(&format!("crate = \"{name}\"")), "{name} is banned");
            assert!(!lock.contains(&format!("name = \"{name}\"\n")), "{name} is not there");
        }
        let checks = fs::read_to_string(format!("{root}.ci/deny")).expect("what CI runs");
        for what in ["bans", "licenses", "sources", "advisories"] {
            assert!(checks.contains(what), "{what}");
        }
    });
}
