//! Figures of a run in the text format of Prometheus (version 0.0.4), for the textfile collector of its node exporter.

use std::fmt::{Display, Write};
use std::time::SystemTime;

use crate::epoch;
use crate::event::Bottleneck;
use crate::tally::Snapshot;

/// The beginning of every file of figures.
pub const BEGINNING: &str = "# HELP fanfold_";

/// The causes that can hold a run back; each has a sample of its own.
const CAUSES: [Bottleneck; 9] = [
    Bottleneck::Rate,
    Bottleneck::Tokens,
    Bottleneck::Throttling,
    Bottleneck::Backoff,
    Bottleneck::Outage,
    Bottleneck::Places,
    Bottleneck::Cap,
    Bottleneck::FirstRows,
    Bottleneck::Pause,
];

/// The run that the figures are of.
#[derive(Debug, Clone)]
pub struct RunLabels {
    /// The job, by its file or its output.
    pub job: String,
    /// The model; empty when the rows bring their own.
    pub model: String,
    /// Its number in the journal.
    pub run: i64,
    /// When it began.
    pub begun: SystemTime,
}

/// The figures. `ended`: the exit code of a run that is over, and when it ended.
pub fn text(about: &RunLabels, snapshot: &Snapshot, now: SystemTime, ended: Option<u8>) -> String {
    let mut page = MetricsPage { job: escaped(&about.job), text: String::new() };
    page.family("fanfold_run_info", "gauge", "The run of these figures; always 1.");
    let (model, run) = (about.model.as_str(), about.run.to_string());
    page.sample(
        "fanfold_run_info",
        &[("model", model), ("run", &run), ("version", env!("CARGO_PKG_VERSION"))],
        1,
    );
    page.family("fanfold_running", "gauge", "Whether the run is active.");
    page.sample("fanfold_running", &[], u8::from(ended.is_none()));
    page.family("fanfold_rows", "gauge", "Rows of the input by their state, earlier runs included.");
    for (state, rows) in [("ok", snapshot.ok), ("failed", snapshot.failed), ("pending", snapshot.left())] {
        page.sample("fanfold_rows", &[("state", state)], rows);
    }
    page.sums(snapshot);
    page.present(snapshot, ended.is_none());
    page.family("fanfold_sending_seconds_total", "counter", "Time since the run began to send.");
    page.sample("fanfold_sending_seconds_total", &[], snapshot.elapsed.as_secs_f64());
    page.family("fanfold_start_time_seconds", "gauge", "When the run began, in seconds since 1970.");
    page.sample("fanfold_start_time_seconds", &[], since_1970(about.begun));
    page.family(
        "fanfold_update_time_seconds",
        "gauge",
        "When these figures were written, in seconds since 1970.",
    );
    page.sample("fanfold_update_time_seconds", &[], since_1970(now));
    if let Some(code) = ended {
        page.family("fanfold_exit_code", "gauge", "The exit code of the run, which is over.");
        page.sample("fanfold_exit_code", &[], code);
    }
    page.text
}

struct MetricsPage {
    job: String,
    text: String,
}

impl MetricsPage {
    /// What the run has used.
    fn sums(&mut self, snapshot: &Snapshot) {
        let Snapshot { requests, throttled, faults, usage, packs, .. } = *snapshot;
        self.family("fanfold_requests_total", "counter", "Requests of this run that have ended.");
        let answered = requests.saturating_sub(throttled + faults);
        for (result, number) in [("answered", answered), ("throttled", throttled), ("fault", faults)] {
            self.sample("fanfold_requests_total", &[("result", result)], number);
        }
        self.family(
            "fanfold_tokens_total",
            "counter",
            "Tokens of this run, failed and repeated attempts included.",
        );
        for (kind, tokens) in [("prompt", usage.prompt_tokens), ("completion", usage.completion_tokens)] {
            self.sample("fanfold_tokens_total", &[("kind", kind)], tokens);
        }
        if packs.sent > 0 {
            self.family("fanfold_packs_total", "counter", "Requests of this run with several rows.");
            for (result, number) in [("used", packs.sent - packs.failed), ("failed", packs.failed)] {
                self.sample("fanfold_packs_total", &[("result", result)], number);
            }
        }
        if let Some(cost) = snapshot.cost {
            self.family(
                "fanfold_cost_total",
                "counter",
                "Estimated cost of this run, in the currency of the prices.",
            );
            self.sample("fanfold_cost_total", &[], cost);
        }
    }

    /// The present state; nothing is in flight once a run has ended.
    fn present(&mut self, snapshot: &Snapshot, goes_on: bool) {
        let state = snapshot.state;
        for (name, help, value) in [
            ("fanfold_requests_in_flight", "Requests in flight.", state.in_flight),
            ("fanfold_places", "Requests that may be in flight at once.", state.places),
            ("fanfold_rows_waiting", "Rows waiting for their backoff.", state.waiting),
        ] {
            self.family(name, "gauge", help);
            self.sample(name, &[], if goes_on { value } else { 0 });
        }
        self.family("fanfold_held", "gauge", "What limits the run now: 1 for that cause.");
        for cause in CAUSES {
            let holds = goes_on && state.held_by == Some(cause);
            self.sample("fanfold_held", &[("by", cause.as_str())], u8::from(holds));
        }
    }

    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a text cannot fail.
        let _ = writeln!(self.text, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let mut all = format!("job_file=\"{}\"", self.job);
        for (label, of) in labels {
            let _ = write!(all, ",{label}=\"{}\"", escaped(of));
        }
        let _ = writeln!(self.text, "{name}{{{all}}} {value}");
    }
}

/// The value of a label, escaped for the format.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

fn since_1970(time: SystemTime) -> f64 {
    (epoch::seconds(time) * 1e3).round() / 1e3
}
