//! Mistakes in unattended operation: hours, notifications, figures, the report, and changes to a running job.

use super::{hold, mistake};

#[test]
fn hours() {
    let schedule = |what, entry: &str| mistake(what).job(&format!("limits.schedule = [{entry}]"));
    hold(
        "hours",
        &[
            mistake("an hour that no day has").with(&["--until", "25:00"]),
            mistake("a time in words").job("limits.until = \"tomorrow\""),
            mistake("a time that is past")
                .job("limits.time_zone = \"UTC\"")
                .with(&["--until", "2026-01-02 06:00"]),
            mistake("a time zone that is not there").job("limits.time_zone = \"Asia/Singapur\""),
            schedule("an entry without its end", "{ from = \"08:00\", qps = 2 }"),
            schedule(
                "an entry with an hour that no day has",
                "{ from = \"08:00\", to = \"24:30\", qps = 2 }",
            ),
            schedule("an entry that changes nothing", "{ from = \"08:00\", to = \"22:00\" }"),
            schedule("a day with a slip", "{ from = \"08:00\", to = \"22:00\", days = [\"moon\"], qps = 2 }"),
            schedule("a limit of nothing", "{ from = \"08:00\", to = \"22:00\", qps = 0 }"),
            schedule(
                "a key that is none of an entry's",
                "{ from = \"08:00\", to = \"22:00\", max_cost = 1 }",
            ),
            mistake("one entry that is no list")
                .job("limits.schedule = { from = \"08:00\", to = \"22:00\", qps = 2 }"),
        ],
    );
}

#[test]
fn notifications_and_figures() {
    hold(
        "notifications_and_figures",
        &[
            mistake("nobody to tell").job("notify.on = \"end\""),
            mistake("two to tell").job("notify = { url_env = \"HOOK\", command = \"true\" }"),
            mistake("a key with a slip").job("notify.urlenv = \"HOOK\""),
            mistake("a moment with a slip").job("notify = { command = \"true\", on = \"stp\" }"),
            mistake("an address on the command line")
                .with(&["--set", "notify.url=https://example.com/secret"]),
            mistake("a variable that is not set").job("notify.url_env = \"HOOK\""),
            mistake("a variable that holds no address")
                .job("notify.url_env = \"HOOK\"")
                .variable("HOOK", "secret"),
            mistake("an address without protection")
                .job("notify.url_env = \"HOOK\"")
                .variable("HOOK", "http://example.com/secret"),
            mistake("an address where nobody listens")
                .job("notify = { url_env = \"HOOK\", on = \"start\" }")
                .variable("HOOK", "http://127.0.0.1:1/secret"),
            mistake("a command that fails").job("notify = { command = \"false\", on = \"end\" }"),
            mistake("a command that is not there")
                .job("notify = { command = \"no-such-program\", on = \"end\" }"),
            mistake("an empty command").job("notify = { command = [], on = \"end\" }"),
            mistake("figures in a folder that is a file")
                .file("night", "")
                .with(&["--metrics-file", "night/a.prom"]),
            mistake("figures in the place of the output").with(&["--metrics-file", "out.jsonl"]),
            mistake("figures in the place of the input").with(&["--metrics-file", "in.csv"]),
        ],
    );
}

#[test]
fn a_running_job_is_reported() {
    let set = |what, words| mistake(what).command("set job.toml").with(words);
    hold(
        "a_running_job",
        &[
            set("nothing", &[]),
            set("no run goes on", &["pause"]),
            set("a run that is over", &["qps=5"]).after("run job.toml"),
            set("a key with a slip", &["qpss=5"]),
            set("a key that only a job file has", &["model.name=qwen-plus"]),
            set("a key without a value", &["qps"]),
            set("a word with a value", &["pause=10m"]),
            set("a limit of nothing", &["qps=0"]),
            set("no number", &["tpm=many"]),
            set("no duration", &["max_duration=10"]),
            set("too many places", &["concurrency=1000000"]),
            set("a cap below nothing", &["max_cost=-1"]),
            mistake("no job").command("set pause"),
            mistake("a job file that is not there").command("set jobs.toml pause"),
            mistake("to watch a job that has not run").command("status job.toml --watch"),
            mistake("to watch in JSON").command("status job.toml --watch --json"),
        ],
    );
}

#[test]
fn reports() {
    let report = |what, words| mistake(what).after("run job.toml").command("report job.toml").with(words);
    hold(
        "reports",
        &[
            mistake("a job that has not run").command("report job.toml"),
            mistake("no job").command("report"),
            report("a folder that is a file", &["--output", "in.csv/a.html"]),
            report("a page in the place of the input", &["--output", "in.csv"]),
            report("a page in the place of the output", &["--output", "out.jsonl"]),
            report("a page in the place of the journal", &["--output", "out.jsonl.journal"]),
            report("a page in the place of the job file", &["--output", "job.toml"]),
            report("a folder", &["--output", "."]),
        ],
    );
}
