//! `documents` under [output]: the answer to each document in a file of its own.

use std::fs;
use std::os::unix::fs::symlink;

use fanfold::simulator::{ServerSettings, TranslationStyle};

use crate::support::harness::Scene;

fn scene(documents: &str, more: &str) -> Scene {
    let scene = Scene::new();
    scene.write("in/a.txt", "eins");
    scene.write("in/sub/b.md", "zwei");
    scene.job("in", "out.jsonl", &format!("output.documents = \"{documents}\"\n{more}"));
    scene
}

/// The names below a folder, sorted.
fn names(scene: &Scene, folder: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(scene.path(folder))
        .map(|entries| {
            entries.map(|entry| entry.expect("an entry").file_name().into_string().expect("UTF-8")).collect()
        })
        .unwrap_or_default();
    names.sort();
    names
}

#[test]
fn each_answer_is_a_file_and_an_unchanged_one_is_left_alone() {
    let mut scene = scene("out/{{ folder }}/{{ stem }}.zh.md", "");
    scene.run_job(&["job.toml"]).expect_code(0);
    assert_eq!(scene.read("out/a.zh.md"), scene.output()[0]["response"].as_str().unwrap());
    assert_eq!(scene.read("out/sub/b.zh.md"), scene.output()[1]["response"].as_str().unwrap());
    let stamp = || fs::metadata(scene.path("out/a.zh.md")).and_then(|about| about.modified()).unwrap();
    let before = stamp();
    fs::remove_file(scene.path("out/sub/b.zh.md")).unwrap();
    scene.run(&["run", "job.toml"]).expect_code(0);
    assert_eq!(stamp(), before);
    assert!(scene.path("out/sub/b.zh.md").exists(), "one that was taken away is written again");
    assert_eq!(scene.witness().len(), 2);
}

#[test]
fn a_document_without_an_answer_has_no_file_and_keeps_the_one_it_had() {
    let mut scene = scene("out/{{ stem }}.md", "input.on_bad_row = \"skip\"\n");
    scene.run_job(&["job.toml"]).expect_code(0);
    let before = scene.read("out/a.md");
    scene.write("in/a.txt", "");
    scene.write("in/c.txt", " ");
    scene.run_job(&["job.toml"]).expect_code(3);
    assert_eq!(scene.read("out/a.md"), before);
    assert_eq!(names(&scene, "out"), ["a.md", "b.md"]);
}

#[test]
fn names_that_lead_astray_are_refused_before_anything_is_sent() {
    let refused = |documents: &str, words: &str| {
        let scene = scene(documents, "");
        scene.write("in/twin/b.txt", "drei");
        let finished = scene.run(&["run", "job.toml"]).expect_code(1).says(words);
        assert!(finished.stderr.contains("documents = "), "{}", finished.stderr);
        assert!(scene.witness().is_empty() && !scene.path("out.jsonl").exists());
        scene.run(&["preview", "job.toml"]).expect_code(1).says(words);
    };
    refused("out/{{ '../' ~ stem }}.md", "is not a file below out/");
    refused("out/{{ stem }}.md", "in/sub/b.md and in/twin/b.txt would both be written to out/b.md");
    refused("in/{{ path }}", "is a source, or belongs to the job");
    refused("{{ '/tmp/' ~ stem }}", "is not a file below the working directory");
    refused("out/{{ stem }}/", "is not a file below");
    refused("out/all.md", "every document would be written to this one file");
    refused("out/{{ stm }}.md", "stm");
    refused("{{ 'out.jsonl' if stem == 'a' else path ~ '.x' }}", "is a source, or belongs to the job");
}

#[test]
fn a_source_is_not_replaced_through_a_link_either() {
    let scene = scene("out/{{ stem }}.txt", "");
    fs::create_dir(scene.path("out")).unwrap();
    symlink("../in/a.txt", scene.path("out/a.txt")).unwrap();
    scene.run(&["run", "job.toml"]).expect_code(1).says("out/a.txt is a source");
    fs::remove_file(scene.path("out/a.txt")).unwrap();
    fs::remove_dir(scene.path("out")).unwrap();
    symlink("in", scene.path("out")).unwrap();
    scene.run(&["run", "job.toml"]).expect_code(1).says("is a source");
    assert_eq!(scene.read("in/a.txt"), "eins");
    fs::create_dir(scene.path("elsewhere")).unwrap();
    fs::create_dir(scene.path("answers")).unwrap();
    symlink("../elsewhere", scene.path("answers/sub")).unwrap();
    let arguments = ["run", "job.toml", "--set", "output.documents=answers/{{ path }}.md"];
    scene.run(&arguments).expect_code(1).says("answers/sub/b.md.md leads out of answers/");
}

#[test]
fn answers_among_their_documents_are_no_input() {
    for documents in ["in/{{ folder }}/{{ stem }}.zh.md", "in/answers/{{ path }}.md"] {
        let mut scene = scene(documents, "");
        scene.run_job(&["job.toml"]).expect_code(0);
        let again = scene.run_job(&["job.toml"]).expect_code(0);
        assert!(again.stderr.contains("skipped as the job's own answers"), "{}", again.stderr);
        assert_eq!((scene.output().len(), scene.witness().len()), (2, 2), "{documents}");
    }
}

#[test]
fn a_rehearsal_writes_files_of_its_own_and_tables_have_none() {
    let scene = scene("out/{{ stem }}.md", "");
    scene.run(&["run", "job.toml", "--simulate"]).expect_code(0);
    assert_eq!(names(&scene, "out"), ["a.simulated.md", "b.simulated.md"]);
    scene.write("t.csv", "text\neins\n");
    scene.run(&["run", "job.toml", "--input", "t.csv"]).expect_code(1).says("needs an input of documents");
}

#[test]
fn without_a_prompt_the_message_is_the_text_and_a_text_without_a_letter_is_its_own_answer() {
    let scene =
        Scene::with(ServerSettings { translations: TranslationStyle::Echo, ..ServerSettings::default() });
    let text = "# Title\r\n\r\nA paragraph with `code`.\r\n\r\n```\r\nlet a = 1;\r\n```\r\n";
    scene.write("in/a.md", text);
    scene.write("in/rulers.txt", "* * *\n\n12\n");
    let job = format!(
        "input.path = \"in/\"\nmodel.name = \"qwen-mt-plus\"\nmodel.base_url = \"{}\"\n\
         request.translation_options = {{ source_lang = \"auto\", target_lang = \"German\" }}\n\
         output = {{ path = \"out.jsonl\", documents = \"out/{{{{ name }}}}\" }}\n[split]\n",
        scene.base_url()
    );
    scene.write("job.toml", job);
    let said = scene.run(&["run", "job.toml"]).expect_code(0);
    said.says("2 documents (1 without text) · 1 piece").says("1 ok · 0 failed · 0 pending · 1 skipped");
    assert_eq!(scene.read("out/a.md"), text);
    assert_eq!(scene.read("out/rulers.txt"), "* * *\n\n12\n");
    let status = scene.run(&["status", "job.toml"]).expect_code(0);
    assert!(status.stdout.starts_with("1 piece of 2 documents: 1 ok"), "{}", status.stdout);
}
