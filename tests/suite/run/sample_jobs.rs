//! The repository's own jobs, rehearsed as the README says.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use arrow::datatypes::DataType;
use serde_json::Value;

use crate::support::harness::{Finished, Scene, lines};
use crate::support::tables::{Table, batches};

/// A scene with copies of the repository's jobs and samples in it.
fn scene() -> Scene {
    let scene = Scene::new();
    for folder in ["jobs", "samples", "samples/documents"] {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        for entry in fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("a file");
            if entry.path().is_dir() {
                continue;
            }
            let name = format!("{folder}/{}", entry.file_name().to_string_lossy());
            scene.write(&name, fs::read(entry.path()).expect("a file"));
        }
    }
    scene
}

fn rehearse(job: &str, output: &str, rows: usize) -> (Scene, Table) {
    let mut scene = scene();
    scene.run(&["preview", job, "--simulate"]).expect_code(0);
    assert!(!scene.path("out").exists(), "a preview leaves nothing behind");
    scene.judge.output = output.to_owned();
    let arguments = ["run", job, "--simulate"];
    // A rehearsal needs no key.
    let ended = scene.command(&arguments).env_remove("DASHSCOPE_API_KEY").output().expect("the binary runs");
    let ended = Finished::from(ended).expect_code(0).says("simulated, at no cost");
    scene.judge.judge(&ended);
    let table = Table::read(&scene.path(output));
    assert_eq!(table.rows.len(), rows);
    assert!(table.texts("response").iter().all(|text| !text.is_empty()));
    scene.run(&["verify", job, "--simulate"]).expect_code(0);
    (scene, table)
}

#[test]
fn the_translation_job_translates_two_columns_of_a_spreadsheet_into_three_languages() {
    let mut scene = scene();
    let job = "jobs/translate.toml";
    let previewed = scene.run(&["preview", job, "--simulate"]).expect_code(0).stdout;
    assert!(previewed.contains("24 rows · 138 requests (6 more without text)"), "{previewed}");
    scene.judge.output = "out/catalogue.simulated.xlsx".to_owned();
    scene.run_job(&[job, "--simulate"]).expect_code(0).says("24 rows: 24 ok");
    scene.run(&["verify", job, "--simulate"]).expect_code(0);
    scene.run(&["export", job, "--simulate", "--output", "all.jsonl"]).expect_code(0);
    let rows = lines(&scene.path("all.jsonl"));
    let of = |row: usize, column: &str| rows[row][column].as_str().map(str::to_owned);
    assert_eq!(of(0, "Name (French)").as_deref(), Some("[French] Fellwind 2 tente"));
    assert_eq!(of(0, "Name (Japanese)").as_deref(), Some("[Japanese] Fellwind 2 テント"));
    let description = of(0, "Description (German)").expect("a translation");
    assert!(description.contains("{minutes}") && description.contains("Zelt"), "{description}");
    // A cell without text has no translation; the same cells elsewhere have.
    assert_eq!((of(3, "Description (French)"), of(3, "Name (French)").is_some()), (None, true));
    assert!(rows[0]["packed"].as_u64() > Some(1), "{}", rows[0]["packed"]);
    assert_eq!((&rows[0]["Price"], &rows[0]["On sale"]), (&Value::from(349), &Value::from(true)));
}

#[test]
fn the_job_of_reviews_translates_each_into_its_own_language() {
    let (_, table) = rehearse("jobs/reviews.toml", "out/reviews.translated.simulated.parquet", 52);
    assert!(
        table.texts("response")[0].contains("The couvercle is"),
        "the glossary is told: {:?}",
        table.rows[0]
    );
    assert_eq!(table.texts("review_id").iter().collect::<std::collections::HashSet<_>>().len(), 52);
}

#[test]
fn the_job_that_the_readme_explains_runs_as_printed() {
    let mut scene = scene();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let page = fs::read_to_string(page).expect("the README");
    let job = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a job");
    scene.write("job.toml", job);
    scene.judge.output = "out/reviews.simulated.parquet".to_owned();
    scene.run_job(&["job.toml", "--simulate"]).expect_code(0);
    let table = Table::read(&scene.path("out/reviews.simulated.parquet"));
    assert_eq!(table.rows.len(), 52);
    assert!(table.texts("response")[0].starts_with("[French] "), "{:?}", table.rows[0]);
}

#[test]
fn the_summary_job_summarises_each_article() {
    rehearse("jobs/summarise.toml", "out/summaries.simulated.jsonl", 34);
}

#[test]
fn the_nightly_job_answers_each_ticket_and_the_same_command_sends_nothing_twice() {
    let (scene, _) = rehearse("jobs/nightly.toml", "out/tickets.answered.simulated.parquet", 56);
    scene
        .run(&["run", "jobs/nightly.toml", "--simulate"])
        .expect_code(0)
        .says("kept 56 ")
        .says("nothing was sent");
}

#[test]
fn the_extraction_job_makes_typed_columns_from_each_article() {
    let output = "out/facts.simulated.parquet";
    let (scene, table) = rehearse("jobs/extract.toml", output, 34);
    let (schema, _) = batches(&scene.path(output));
    let kind = |name: &str| schema.field_with_name(name).expect("a column").data_type().clone();
    assert_eq!(["headline", "genre", "event_date", "people"].map(kind), [const { DataType::Utf8 }; 4]);
    assert_eq!(
        ["asks_for_help", "local_interest", "sum_of_money"].map(kind),
        [DataType::Boolean, DataType::Int64, DataType::Float64]
    );
    assert!(table.texts("headline").iter().all(|headline| !headline.is_empty()));
    assert!(table.texts("people").iter().all(|people| people.starts_with("[{\"name\":")));
}

/// The rows of an output, by their paths.
fn by_path(scene: &Scene, output: &str) -> BTreeMap<String, Value> {
    lines(&scene.path(output))
        .into_iter()
        .map(|row| (row["path"].as_str().expect("a path").to_owned(), row))
        .collect()
}

#[test]
fn the_contracts_job_writes_a_translation_of_each_document_and_names_the_scan() {
    let mut scene = scene();
    let (job, output) = ("jobs/contracts.toml", "out/contracts.simulated.jsonl");
    scene.judge.output = output.to_owned();
    let preview = scene.run(&["preview", job, "--simulate"]).expect_code(0);
    assert!(preview.stdout.contains("12 documents (1 cannot be read: 1 no_text) · "), "{}", preview.stdout);
    scene.run_job(&[job, "--simulate"]).expect_code(3).says("11 ok · 1 failed").says("signed-lease.pdf");
    let rows = by_path(&scene, output);
    let (scans, read): (Vec<_>, Vec<_>) = rows.values().partition(|row| row["error_code"] == "no_text");
    assert_eq!((scans.len(), read.len()), (1, 11));
    for row in read {
        let (stem, format) = (row["stem"].as_str().unwrap(), row["format"].as_str().unwrap());
        let ending = if format == "srt" { "srt" } else { "md" };
        let file = scene.path(&format!("out/contracts/{stem}.zh.simulated.{ending}"));
        assert_eq!(fs::read_to_string(file).unwrap(), row["response"].as_str().unwrap(), "{stem}");
        assert!(row["response"].as_str().unwrap().contains("[Chinese] "), "{stem}");
    }
    assert_eq!(fs::read_dir(scene.path("out/contracts")).unwrap().count(), 11);
    let response = |path: &str| rows[path]["response"].as_str().unwrap().to_owned();
    assert!(response("bridge-tour.srt").contains("00:00:09,000 --> 00:00:12,000\n♪\n"), "times stay");
    assert!(response("release-notes.md").contains("```sh\nsudo systemctl stop tidewatch\n"), "code stays");
    assert!(response("procurement.txt").contains("\r\n"), "line ends stay");
    scene.run(&["verify", job, "--simulate"]).expect_code(3);
    scene.run_job(&[job, "--simulate"]).expect_code(3).says("nothing was sent");
}

#[test]
fn the_command_about_documents_in_the_readme_ends_as_it_says() {
    let mut scene = scene();
    let page =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).expect("the README");
    let section = page.split("## Documents and long texts").nth(1).expect("the section");
    let command =
        section.split("```sh\nfanfold run ").nth(1).and_then(|rest| rest.lines().next()).expect("a command");
    scene.judge.output = "out/contracts.simulated.jsonl".to_owned();
    scene.run_job(&command.split(' ').collect::<Vec<_>>()).expect_code(3);
    assert!(section.contains("It ends with exit code 3 because one document is a scan"));
}

#[test]
fn the_digest_job_merges_the_summaries_of_pieces_and_writes_a_digest_of_all_documents() {
    let mut scene = scene();
    let (job, output) = ("jobs/digest.toml", "out/digest.simulated.jsonl");
    scene.judge.output = output.to_owned();
    scene.run_job(&[job, "--simulate"]).expect_code(3).says("11 ok · 1 failed").says("digest of 11");
    let rows = by_path(&scene, output);
    let pieces = |path: &str| rows[path]["pieces"].as_u64().unwrap();
    assert_eq!((pieces("bridge-tour.srt"), pieces("supply-contract.docx")), (1, 3));
    assert_eq!(rows["supply-contract.docx"]["attempts"], 4, "three pieces and their merge");
    let merged = rows["supply-contract.docx"]["response"].as_str().unwrap();
    assert!(merged.contains("summaries of the parts"), "{merged}");
    let digest = fs::read_to_string(scene.path("out/digest.simulated.md")).unwrap();
    let receipt = fs::read(scene.path("out/digest.simulated.jsonl.summary.json")).unwrap();
    let receipt: Value = serde_json::from_slice(&receipt).unwrap();
    assert_eq!((&receipt["digest"]["lacks"], &receipt["digest"]["rows"]), (&1.into(), &11.into()));
    assert_eq!(receipt["digest"]["response"].as_str().unwrap().trim(), digest.trim());
    scene.run_job(&[job, "--simulate"]).expect_code(3).says("nothing was sent");
}
