//! The settled values of jobs, and the mistakes in jobs that cannot be settled.

use std::time::Duration;

use super::*;
use crate::checks::Checks;
use crate::config::flags::{JOB_FLAGS, set};
use crate::config::overlay::Overlay;
use crate::diagnostic::SourceText;
use crate::job::answer::AnswerRules;
use crate::job::facts::{ModelCatalog, ModelInfo};
use crate::job::limits::{Quota, Rates};

fn settle(text: &str) -> Result<Job, Diagnostic> {
    settle_with(text, vec![])
}

fn settle_with(text: &str, overlays: Vec<Overlay>) -> Result<Job, Diagnostic> {
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), overlays)?;
    let facts =
        |_: &str| ModelInfo { rates: Rates { qpm: Some(60.0), ..Rates::default() }, ..ModelInfo::default() };
    let lookups = Lookups {
        region: &|region, workspace| match workspace {
            Some(workspace) => Ok(format!("https://{workspace}.{region}.example.com/v1")),
            None => Ok(format!("https://{region}.example.com/v1")),
        },
        book: &|_| ModelCatalog::new(facts),
        zone: &|_| Ok(jiff::tz::TimeZone::UTC),
    };
    resolve(file, &layers, &lookups)
}

const SMALL: &str =
    "input.path = \"a.csv\"\noutput.path = \"b.csv\"\nmodel.name = \"m\"\nprompt.user = \"{{ t }}\"\n";

#[test]
fn a_small_job_gets_every_default() {
    let job = settle(SMALL).expect("good");
    assert_eq!(job.retry.max_attempts, 6);
    assert_eq!(job.retry.timeout, Duration::from_secs(330));
    assert_eq!(job.model.base_url, DEFAULT_BASE_URL);
    assert_eq!(job.quotas.requests_per_minute, Quota::per_minute(60.0));
    assert_eq!(job.output.journal(), PathBuf::from("b.csv.journal"));
    assert_eq!(job.output.simulated().path, PathBuf::from("b.simulated.csv"));
}

#[test]
fn the_later_of_address_and_region_decides_and_one_origin_may_give_only_one() {
    let job_flag = |flag: &str| *JOB_FLAGS.iter().find(|job_flag| job_flag.flag == flag).expect("a knob");
    let flag = |name: &str, value: &str| job_flag(name).of_flag(&[value.to_owned()]);
    let variable = |name: &str, value: &str| job_flag(name).of_variable(value);
    let address = |file: &str, overlays: Vec<Overlay>| {
        let settled = settle_with(&format!("{SMALL}{file}"), overlays);
        settled.map(|job| job.model.base_url).map_err(|problem| problem.to_string())
    };
    let own = "https://own.example.org/v1";
    let is = |host: &str| Ok(format!("https://{host}.example.com/v1"));
    let by_region = "model.region = \"beijing\"\n";
    let by_address = "model.base_url = \"https://own.example.org/v1\"\n";
    let in_workspace = "model.region = \"beijing\"\nmodel.workspace = \"ws-1\"\n";
    assert_eq!(address(by_region, vec![]), is("beijing"));
    assert_eq!(address(in_workspace, vec![]), is("ws-1.beijing"));
    assert_eq!(address("model.workspace = \"ws-1\"\n", vec![]), is("ws-1.singapore"));
    for file in [by_region, in_workspace, "model.workspace = \"ws-1\"\n"] {
        assert_eq!(address(file, vec![flag("base-url", own)]), Ok(own.to_owned()));
        assert_eq!(address(file, vec![variable("base-url", own)]), Ok(own.to_owned()));
    }
    assert_eq!(address(by_address, vec![variable("region", "tokyo")]), is("tokyo"));
    assert_eq!(address("", vec![variable("base-url", own), flag("region", "tokyo")]), is("tokyo"));
    assert_eq!(address("", vec![variable("region", "tokyo"), flag("base-url", own)]), Ok(own.to_owned()));
    // Each key is overlaid by itself: a region from a flag leaves the workspace of the file unchanged.
    assert_eq!(address(in_workspace, vec![flag("region", "frankfurt")]), is("ws-1.frankfurt"));
    for (file, overlays) in [
        (format!("{by_address}{by_region}"), vec![]),
        (String::new(), vec![flag("base-url", own), flag("region", "tokyo")]),
        (String::new(), vec![variable("base-url", own), variable("region", "tokyo")]),
        (by_address.to_owned(), vec![set("model.workspace=ws-1").expect("good")]),
    ] {
        assert!(address(&file, overlays).is_err_and(|error| error.contains("`region`")), "{file}");
    }
}

#[test]
fn a_workspace_is_part_of_a_host_and_nothing_else() {
    for wrong in ["", "-a", "a.b", "a/b", "evil.com/?x=", "ws 1", "wörk"] {
        let shown = settle(&format!("{SMALL}model.workspace = \"{wrong}\"\n")).expect_err(wrong).to_string();
        assert!(shown.contains("job.toml:5:") && shown.contains("letters, digits and dashes"), "{shown}");
    }
}

#[test]
fn a_request_limit_of_the_user_s_own_replaces_the_table_s() {
    let job = settle(&format!("{SMALL}limits.qps = 10\n")).expect("good");
    assert_eq!(job.quotas.requests_per_minute, None);
    assert_eq!(job.quotas.requests_per_second, Quota::per_second(10.0));
}

#[test]
fn values_out_of_range_are_shown_at_their_place() {
    for (line, part) in [
        ("limits.qps = 0\n", "above 0"),
        ("limits.concurrency = \"lots\"\n", "auto"),
        ("retry.max_attempts = 0\n", "1 or more"),
        ("retry.timeout = \"soon\"\n", "not a duration"),
        ("input.duplicates = \"shared\"\n", "did you mean `share`?"),
        ("model.base_url = \"http://example.com/v1\"\n", "unprotected"),
        ("limits.max_cost = 1.0\n", "price is not known"),
        ("request.stream = true\n", "transport"),
    ] {
        let shown = settle(&format!("{SMALL}{line}")).expect_err(line).to_string();
        assert!(shown.contains("job.toml:5:") && shown.contains(part), "{line}: {shown}");
    }
}

#[test]
fn strings_at_any_depth_of_the_request_are_found_with_their_places() {
    let job = settle(&format!("{SMALL}[request]\na = {{ b = [\"{{{{ x }}}}\"] }}\n")).expect("good");
    let (path, text) = &job.request_texts[0];
    assert_eq!(path.join("."), "a.b.0");
    let shown = text.problem(Some(3..4), "here").to_string();
    assert!(shown.contains("job.toml:6:"), "{shown}");
}

/// Every default that an editor shows, as a line of a job file.
fn defaults(schema: &serde_json::Value, key: &str, lines: &mut String) {
    for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
        let key = if key.is_empty() { name.clone() } else { format!("{key}.{name}") };
        match &inner["default"] {
            serde_json::Value::Null => defaults(inner, &key, lines),
            default if default.is_object() => {}
            default => lines.push_str(&format!("{key} = {default}\n")),
        }
    }
}

#[test]
fn the_defaults_that_editors_show_are_the_real_ones() {
    let mut lines = String::new();
    defaults(&crate::config::json_schema::schema(), "", &mut lines);
    assert!(lines.lines().count() >= 18, "{lines}");
    // Without a schema of the answers, `repair` has nothing to do.
    lines = lines.replace("answer.repair", "answer.schema = \"a.json\"\nanswer.repair");
    // Without checks, nothing happens to answers that fail one.
    lines = lines.replace("answer.on_check", "answer.checks = [\"translated\"]\nanswer.on_check");
    // And without a prompt there is no digest.
    lines.push_str("digest.prompt = \"{{ parts }}\"\n");
    let settled = |text: &str| {
        let job = settle(&format!("{SMALL}{text}")).expect("good");
        let Job { input, output, retry, concurrency, answer, model, .. } = job;
        let answer = AnswerRules { schema: None, schema_text: None, checks: Checks::default(), ..answer };
        let model = (model.base_url, model.transport, format!("{:?}", model.key));
        format!("{:?}", (input, output, retry, concurrency, answer, model))
    };
    assert_eq!(settled(""), settled(&lines), "{lines}");
}
