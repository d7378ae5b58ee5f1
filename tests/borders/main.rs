//! Checks the code against the laws in ARCHITECTURE.md: arrows, homes, names, sizes.

mod circles;
mod house;
mod module;
mod names;
mod reading;
mod sizes;

use std::collections::BTreeSet;

use house::{HOUSE, room_of};

const NOUNS: &[&str] = &[
    // As "durable": names, and no file.
    "beside",
    "batch",
    "batch_service",
    "bottleneck",
    "checks",
    "config",
    "conversation",
    "csv_manner",
    "diagnostic",
    "digits",
    "document_format",
    "encoding",
    "near_json",
    // Not a noun either: a single system call, and which systems reject it.
    "durable",
    "endpoint",
    "epoch",
    "event",
    // Not a noun, but as harmless: a call that can be made anywhere.
    "failpoint",
    "finish",
    "format",
    "history",
    "job",
    "literals",
    // As "durable": which processes a command has started, and how they end.
    "kin",
    "likely",
    "note",
    "outcome",
    "packs",
    "pieces",
    // A clock and nothing else: how long to wait.
    "patience",
    // As "durable".
    "regular",
    "request",
    "reserve",
    "row",
    "row_words",
    "blank",
    "schema",
    "secrets",
    "shared_quota",
    "sheet_time",
    "tally",
    "text",
    "tokens",
    "toolbox",
];
/// May be named by everything that is not a noun: the time of day.
const CLOCK: &str = "clock";
const STAGES: &[&str] =
    &["read", "documents", "render", "dispatch", "api", "journal", "share", "tools", "write"];
const SIDE_ROOMS: &[&str] = &["models", "report", "simulator", "watch"];

/// Each foreign crate that has a home, with the files and folders that may name it.
const HOMES: &[(&str, &[&str])] = &[
    ("aho_corasick", &["render/glossary.rs", "secrets.rs"]),
    ("anydoc", &["documents/office.rs"]),
    ("calamine", &["read/sheet/"]),
    ("chardetng", &["encoding.rs"]),
    ("encoding_rs", &["encoding"]),
    ("htmd", &["documents/html"]),
    ("mail_parser", &["documents/email.rs"]),
    ("markup5ever_rcdom", &["documents/html"]),
    ("unpdf", &["documents/pdf.rs"]),
    ("zip", &["documents/office/", "read/sheet/", "write/sheet"]),
    ("reqwest", &["api/"]),
    ("rustls", &["api/own_client.rs"]),
    ("httpdate", &["api/retry_after.rs"]),
    ("redis", &["share/redis_store.rs"]),
    ("rusqlite", &["journal/"]),
    // Rooms have files named like the crate: its modules identify it.
    ("parquet::arrow", &["read/parquet.rs", "read/parquet/", "write/parquet.rs", "write/parquet/"]),
    ("parquet::file", &["read/parquet.rs", "read/parquet/", "write/parquet.rs", "write/parquet/"]),
    ("arrow", &["row.rs", "read/", "write/parquet", "write/cells.rs", "write/columns", "write/answer.rs"]),
    ("minijinja", &["render/", "report/page"]),
    ("hdrhistogram", &["report/histogram"]),
    ("jsonschema", &["schema.rs", "schema/"]),
    ("regex", &["checks/keep.rs"]),
    ("regex_syntax", &["simulator/"]),
    ("indicatif", &["watch/"]),
    ("signal_hook", &["commands/interrupt.rs"]),
    ("clap", &["cli.rs", "cli/", "main.rs"]),
    ("clap_complete", &["cli/", "commands/completions.rs"]),
    ("clap_mangen", &["commands/man.rs"]),
    ("schemars", &["config/", "job/"]),
    ("tempfile", &["write/atomic.rs"]),
    (
        "blake3",
        &[
            "packs/text.rs",
            "read/record.rs",
            "read/documents/",
            "render/fingerprint.rs",
            "journal/seal.rs",
            "pipeline/batches/file.rs",
            "share/",
            "simulator/",
        ],
    ),
    ("annotate_snippets", &["diagnostic.rs"]),
    ("http_body_util", &["simulator/"]),
    ("hyper_util", &["api/proxy.rs", "simulator/"]),
    ("pulldown_cmark", &["pieces/markdown.rs"]),
    ("unicode_segmentation", &["pieces/"]),
    ("percent_encoding", &["secrets/"]),
    ("unicode_width", &["text.rs"]),
    ("governor", &["dispatch/pace/request_limit.rs"]),
    ("glob", &["read/", "commands/verify.rs"]),
];

/// Every source file that is no test, by its path under `src/`, with its code.
fn codes() -> impl Iterator<Item = (&'static str, String)> {
    HOUSE.files.iter().map(|file| (file.name.as_str(), file.code()))
}

/// The rooms that a file names: `crate::room`.
fn imports(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let rest = &code[at + "crate::".len()..];
        let room: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        rooms.insert(room);
    }
    rooms
}

#[test]
fn imports_name_their_rooms_one_by_one_so_that_the_other_tests_see_them() {
    for (file, code) in codes() {
        assert!(!code.contains("crate::{"), "src/{file}");
    }
}

#[test]
fn the_arrows_run_downward_only() {
    for (file, code) in codes() {
        let room = room_of(file);
        let allowed = |other: &str| match room {
            "main" | "lib" | "commands" => true,
            "clock" => false,
            room if other == CLOCK => room != "simulator" && !NOUNS.contains(&room),
            "pipeline" => NOUNS.contains(&other) || STAGES.contains(&other),
            "cli" => ["config", "diagnostic", "job"].contains(&other),
            "simulator" => false,
            "models" | "report" | "watch" => NOUNS.contains(&other),
            "exit" => false,
            // A job is complete: everything that reads it is above it.
            "job" => NOUNS.contains(&other) && other != "config",
            room if NOUNS.contains(&room) || STAGES.contains(&room) => NOUNS.contains(&other),
            other => panic!("{other} is no room of ARCHITECTURE.md"),
        };
        for other in imports(&code) {
            assert!(other == room || other.is_empty() || allowed(&other), "src/{file} imports {other}");
        }
    }
}

#[test]
fn only_the_pipeline_and_the_commands_name_two_stages_or_a_side_room() {
    for (file, code) in codes() {
        if ["pipeline", "commands", "main", "lib"].contains(&room_of(file)) {
            continue;
        }
        let named: Vec<String> = imports(&code)
            .into_iter()
            .filter(|room| room != room_of(file))
            .filter(|room| STAGES.contains(&room.as_str()) || SIDE_ROOMS.contains(&room.as_str()))
            .collect();
        assert!(named.is_empty(), "src/{file} names {named:?}");
    }
}

#[test]
fn each_foreign_crate_has_one_home() {
    for (file, code) in codes() {
        for &(name, homes) in HOMES {
            let named = code.contains(&format!("use {name}::")) || code.contains(&format!(" {name}::"));
            let home = homes.iter().any(|home| file.starts_with(home));
            assert!(!named || home, "src/{file} names {name}, which is at home in {homes:?}");
        }
    }
}

#[test]
fn the_library_prints_only_in_its_commands_and_on_its_screen() {
    for (file, code) in codes() {
        // Both panic when nobody can read the output: a full disk under a log would end the run.
        for word in ["println!", "print!("] {
            assert!(!code.contains(word), "src/{file} has {word}");
        }
        if room_of(file) == "commands" {
            continue;
        }
        assert!(room_of(file) == "watch" || !code.contains("stderr()"), "src/{file} has stderr()");
    }
}

/// Where output bypasses the gate that removes secrets: fixed texts of our own, the user's rows, and the gate itself.
const PAST_THE_GATE: &[&str] = &[
    // The gate is inside, line by line.
    "api/batch/redacted_file.rs",
    "commands/completions.rs",
    "commands/export.rs",
    "commands/man.rs",
    "commands/printout.rs",
    // A dot for each rendering.
    "commands/prober.rs",
    "commands/prune.rs",
    // The texts of documents, as they are read.
    "commands/read.rs",
    // A document for the run, which keeps and shows it through its own gates.
    "commands/reader.rs",
    "commands/schema.rs",
    "commands/simulate.rs",
    // Everything written into it passes its event sender.
    "journal/",
    // The requests, as they are sent.
    "pipeline/batches/file.rs",
    "read/documents/",
    "read/spool.rs",
    "regular.rs",
    // Figures and hashes.
    "share/",
    "simulator/",
    "watch/stderr.rs",
    "watch/terminal/echo.rs",
    "write/atomic.rs",
];

#[test]
fn all_text_shown_or_written_passes_the_gate_that_removes_secrets() {
    for (file, code) in codes() {
        let past = PAST_THE_GATE.iter().any(|home| file.starts_with(home));
        for line in code.lines().filter(|_| !past) {
            let prints = ["stdout().lock()", "stderr().lock()", "writeln!(stderr()", "Printer::new(stdout"];
            let writes = ["fs::write(", "File::create(", "OpenOptions::new()"];
            let found = prints.iter().chain(&writes).any(|word| line.contains(word));
            let gated = ["Veiled(", "printable(", "printing"].iter().any(|gate| line.contains(gate));
            assert!(
                !found || gated || file.starts_with("commands/init/"),
                "src/{file} writes past the gate: {line}"
            );
        }
    }
}

#[test]
fn every_source_file_states_its_purpose_in_its_first_line() {
    for file in &HOUSE.files {
        assert!(file.text.starts_with("//! "), "src/{}", file.name);
    }
}
