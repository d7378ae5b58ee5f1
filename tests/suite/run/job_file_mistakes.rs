//! Mistakes in a job are shown at their position, before anything is sent.

use crate::support::harness::{Finished, Scene, rows};

/// A scene with rows of `id` and `text`, in a format.
fn scene_of(input: &str) -> Scene {
    let scene = Scene::new();
    match input {
        "in.jsonl" => scene.write(input, rows(0..3)),
        "in.csv" => scene.write(input, "id,text\nr0,zero\nr1,one\nr2,two\n"),
        "in.parquet" => scene.write(
            input,
            crate::support::tables::parquet([("id", texts(["r0", "r1"])), ("text", texts(["zero", "one"]))]),
        ),
        other => panic!("{other}"),
    };
    scene
}

fn texts(texts: [&str; 2]) -> arrow::array::ArrayRef {
    crate::support::tables::strings(texts.map(Some))
}

/// The run cannot begin: all these words are in the message, and nothing is sent.
fn refused(scene: &mut Scene, arguments: &[&str], words: &[&str]) -> Finished {
    let finished = words.iter().fold(scene.run_job(arguments).expect_code(1), |said, word| said.says(word));
    assert!(finished.stderr.starts_with("error: "), "{}", finished.stderr);
    assert_eq!(finished.stdout, "");
    assert!(scene.witness().is_empty(), "nothing was sent");
    assert!(!scene.path(&scene.judge.output).exists(), "no output was written");
    finished
}

/// Like `refused`, for a job with these lines from line 8 on.
fn refused_with(more: &str, words: &[&str]) {
    let mut scene = scene_of("in.csv");
    scene.job("in.csv", "out.jsonl", more);
    refused(&mut scene, &["job.toml"], words);
}

#[test]
fn an_unknown_key_is_shown_with_its_line_and_the_nearest_known_key() {
    refused_with("limits.qpss = 5\n", &["unknown key `qpss`", "job.toml:8:8", "limits.qpss = 5", "`qps`"]);
    refused_with("[limit]\nqps = 5\n", &["unknown key `limit`", "job.toml:8:2", "[limit]", "`limits`"]);
    refused_with("\n[price]\ninptu = 2\n", &["unknown key `inptu`", "job.toml:10:1", "inptu = 2", "`input`"]);
    refused_with("input.idd = \"id\"\n", &["unknown key `idd`", "job.toml:8:7", "`id`"]);
}

#[test]
fn a_value_of_the_wrong_type_is_shown_where_it_stands() {
    refused_with("limits.qps = \"fast\"\n", &["job.toml:8:14", "limits.qps = \"fast\"", "expected a number"]);
    refused_with("output.select = \"id\"\n", &["job.toml:8:17", "output.select", "expected a list"]);
    refused_with("retry.timeout = 30\n", &["job.toml:8:17", "retry.timeout = 30", "expected text"]);
    refused_with("limits.max_total_tokens = -1\n", &["job.toml:8:27", "-1", "a whole number"]);
}

#[test]
fn a_value_out_of_its_range_is_shown_where_it_stands() {
    for (line, place, word) in [
        ("limits.qps = 0", "8:14", "above 0"),
        ("limits.qpm = -3", "8:14", "above 0"),
        ("limits.concurrency = 0", "8:22", "whole number"),
        ("retry.max_attempts = 0", "8:22", "1 or more"),
        ("retry.timeout = \"soon\"", "8:17", "not a duration"),
        ("input.duplicates = \"merge\"", "8:20", "send, share"),
        ("input.on_bad_row = \"skp\"", "8:20", "did you mean `skip`?"),
        ("input.delimiter = \"::\"", "8:19", "one character"),
        ("input.max_record = \"big\"", "8:20", "not a size"),
        ("limits.max_cost = 1.0", "8:19", "price"),
        ("request.temperature = 2.0", "8:23", "from 0 to below 2"),
        ("request.top_p = 0", "8:17", "above 0, up to 1"),
        ("request.seed = -1", "8:16", "from 0 to 2147483647"),
        ("request.n = 5", "8:13", "from 1 to 4"),
        ("request.messages = []", "8:20", "[prompt]"),
        ("input.format = \"xml\"", "8:16", "jsonl"),
    ] {
        let place = format!("job.toml:{place}");
        refused_with(&format!("{line}\n"), &[&place, line, word]);
    }
}

#[test]
fn a_template_that_names_a_missing_column_is_shown_with_the_columns() {
    for input in ["in.csv", "in.jsonl", "in.parquet"] {
        let mut scene = scene_of(input);
        scene.job(input, "out.jsonl", "prompt.system = \"About {{ txt }}.\"\n");
        let words =
            ["no column `txt`", "job.toml:8:27", "About {{ txt }}.", "did you mean `text`?", "id, text"];
        refused(&mut scene, &["job.toml"], &words);
        scene.job(input, "out.jsonl", "request.user = \"{{ idd }}\"\n");
        refused(&mut scene, &["job.toml"], &["no column `idd`", "job.toml:8:20", "`id`"]);
        scene.job(input, "out.jsonl", "");
        let words = ["no column `title`", "in: --prompt {{ title }}", "{{ title }}"];
        refused(&mut scene, &["job.toml", "--prompt", "{{ title }}"], &words);
    }
}

#[test]
fn a_syntax_error_is_shown_where_it_stands() {
    refused_with("limits.qps = \n", &["job.toml:8:", "limits.qps ="]);
    refused_with("prompt.system = \"{{ text \"\n", &["job.toml:8:", "{{ text ", "template"]);
    refused_with("prompt.system = \"{% if text %}x\"\n", &["job.toml:8:", "{% if text %}x", "template"]);
    refused_with("prompt.system = \"{{ text | nofilter }}\"\n", &["job.toml:8:", "nofilter"]);
    refused_with("input.path = \"again.csv\"\n", &["job.toml:8:", "duplicate key"]);
    refused_with(
        "prompt.system = \"\"\"\nLine one\nand {{ nme }}\n\"\"\"\n",
        &["job.toml:10:8", "and {{ nme }}"],
    );
}

#[test]
fn an_input_that_is_not_there_is_named() {
    let mut scene = scene_of("in.csv");
    scene.job("inn.csv", "out.jsonl", "");
    refused(&mut scene, &["job.toml"], &["inn.csv: no such file", "did you mean `in.csv`?"]);
    scene.job("data/*.csv", "out.jsonl", "");
    refused(&mut scene, &["job.toml"], &["data/*.csv: ", "matches no file"]);
    scene.write("in.xls", "PK");
    scene.job("in.xls", "out.jsonl", "");
    refused(&mut scene, &["job.toml"], &["in.xls: ", "save it as .xlsx"]);
    refused(&mut scene, &["jbo.toml"], &["there is no job file jbo.toml"]);
    refused(&mut scene, &["in.csv"], &["in.csv is not a job file", "--input in.csv"]);
}

#[test]
fn an_output_in_an_unknown_format_is_refused() {
    let mut scene = scene_of("in.csv");
    for output in ["out.ods", "out", "out.json"] {
        scene.job("in.csv", output, "");
        scene.judge.output = output.to_owned();
        refused(&mut scene, &["job.toml"], &["is not that of a known format", "job.toml:2:15", ".parquet"]);
    }
}

#[test]
fn a_missing_setting_is_named_with_its_flag_and_its_key() {
    let mut scene = scene_of("in.csv");
    let whole = ["--input", "in.csv", "--output", "out.jsonl", "--model", "m", "--prompt", "p", "--base-url"];
    for (missing, word) in [("--input", "[input]"), ("--output", "[output]"), ("--model", "[model]")] {
        let url = scene.base_url().to_owned();
        let at = whole.iter().position(|flag| *flag == missing).expect("a flag");
        let arguments = [&whole[..at], &whole[at + 2..], &[url.as_str()]].concat();
        refused(&mut scene, &arguments, &[missing, word]);
    }
    let url = scene.base_url().to_owned();
    let arguments = [&whole[..6], &["--base-url", &url]].concat();
    refused(&mut scene, &arguments, &["no prompt", "--prompt"]);
    refused(&mut scene, &[], &["no input given"]);
}

#[test]
fn an_unknown_column_in_select_or_rename_is_named_with_the_nearest() {
    for input in ["in.csv", "in.parquet"] {
        let mut scene = scene_of(input);
        for (line, place, word) in [
            ("output.select = [\"id\", \"respons\"]", "8:25", "did you mean `response`?"),
            ("output.select = [\"id\", \"txt\"]", "8:25", "did you mean `text`?"),
            ("output.rename = { respnse = \"translation\" }", "8:29", "did you mean `response`?"),
            ("output.rename = { response = \"text\" }", "8:31", "two columns named `text`"),
            ("output.select = []", "8:17", "has no column"),
            ("output.select = [\"id\", \"id\"]", "8:19", "two columns named `id`"),
        ] {
            scene.job(input, "out.jsonl", line);
            refused(&mut scene, &["job.toml"], &[&format!("job.toml:{place}"), line, word]);
        }
    }
    let mut scene = scene_of("in.jsonl");
    scene.job("in.jsonl", "out.csv", "output.select = [\"id\", \"txt\"]\n");
    scene.judge.output = "out.csv".to_owned();
    refused(&mut scene, &["job.toml"], &["did you mean `text`?"]);
}

#[test]
fn a_command_line_that_is_wrong_ends_with_2() {
    let scene = scene_of("in.csv");
    for arguments in [
        &["run", "--no-such-flag"][..],
        &["rnu", "job.toml"],
        &["run", "job.toml", "another.toml"],
        &["run", "--progress", "loud"],
        &["run", "-q", "-v", "job.toml"],
        &["simulate", "--port", "many"],
        &[],
    ] {
        let finished = scene.run(arguments).expect_code(2);
        assert_eq!(finished.stdout, "");
        assert!(finished.stderr.contains("--help"), "{}", finished.stderr);
    }
}

#[test]
fn a_flag_s_mistake_names_the_flag_and_a_variable_s_the_variable() {
    let mut scene = scene_of("in.csv");
    scene.job("in.csv", "out.jsonl", "");
    for job in ["job.toml", "missing.toml"] {
        for (flag, value) in [
            ("--qps", "fast"),
            ("--qps", "-1"),
            ("--tpm", "0"),
            ("--concurrency", "many"),
            ("--timeout", "soon"),
            ("--max-attempts", "0"),
            ("--max-attempts", "1.5"),
            ("--max-cost", "cheap"),
            ("--max-duration", "long"),
            ("--until", "late"),
            ("--limit", "some"),
        ] {
            let argument = format!("{flag}={value}");
            let finished = scene.run(&["run", job, &argument]).expect_code(2).says(flag).says(value);
            assert!(
                finished.stderr.starts_with("error: ") && finished.stdout.is_empty(),
                "{}",
                finished.stderr
            );
        }
    }
    assert!(scene.witness().is_empty() && !scene.path("out.jsonl").exists());
    refused(&mut scene, &["job.toml", "--set", "limits.qqps=5"], &["--set", "limits.qqps=5", "`qps`"]);
    refused(&mut scene, &["job.toml", "--set", "limits"], &["KEY=VALUE"]);
    refused(&mut scene, &["job.toml", "--set", "model.api_key=sk-secret"], &["does not belong"]);
    let output = scene.command(&["run", "job.toml"]).env("FANFOLD_QPM", "-1").output().expect("runs");
    Finished::from(output).expect_code(1).says("FANFOLD_QPM").says("above 0");
}

#[test]
fn a_flag_whose_value_is_none_is_wrong_usage_and_the_same_in_a_job_file_is_not() {
    let scene = scene_of("in.csv");
    scene.job("in.csv", "out.jsonl", "");
    for command in ["run", "preview", "export", "verify"] {
        scene.run(&[command, "job.toml", "--region", "mars"]).expect_code(2).says("not a known region");
        scene
            .run(&[command, "job.toml", "--output", "out.ods"])
            .expect_code(2)
            .says("is not that of a known format");
    }
    scene.job("in.csv", "out.ods", "");
    scene.run(&["run", "job.toml"]).expect_code(1).says("is not that of a known format");
}
