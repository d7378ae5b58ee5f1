//! What the journal keeps of a job with each run: enough to tell later what ran, and no key.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::job::Job;
use crate::job::limits::{Concurrency, Quota};
use crate::job::period::CapPeriod;
use crate::job::units::shown;
use crate::row_words::RowWords;
use crate::text::{count, money};

/// What the journal calls the built-in simulator, in the place of an address.
pub const SIMULATOR: &str = "simulator";

/// The job as it runs: who is asked, under which rules for answers, for how many rows.
pub fn described(
    job: &Job,
    address: &str,
    answer_rules: &str,
    (rows, requests): (u64, u64),
    words: RowWords,
) -> Value {
    json!({
        "model": job.model.name,
        "base_url": address,
        "answer_rules": answer_rules,
        "input": job.input.paths,
        "output": job.output.path,
        "rows": rows,
        "requests": requests,
        "documents": words.documents,
        "id": job.input.id,
        "limits": limits(job).into_iter().collect::<BTreeMap<_, _>>(),
    })
}

/// The limits and caps of a job, those that it has.
pub fn limits(job: &Job) -> Vec<(&'static str, String)> {
    let quota = |quota: Option<Quota>| quota.map(|quota| format!("{}", quota.amount()));
    let concurrency = match job.concurrency {
        Concurrency::Auto => "auto".to_owned(),
        Concurrency::Fixed(places) => count(places as u64),
    };
    let is_capped = (job.caps.cost.is_some() || job.caps.total_tokens.is_some())
        && job.cap_period != CapPeriod::default();
    let quotas = job.quotas_in_force();
    let all = [
        ("requests a second", quota(quotas.requests_per_second)),
        ("requests a minute", quota(quotas.requests_per_minute)),
        ("tokens a minute", quota(quotas.tokens_per_minute)),
        ("concurrency", Some(concurrency)),
        ("max_cost", job.caps.cost.map(money)),
        ("max_total_tokens", job.caps.total_tokens.map(count)),
        ("cap_period", is_capped.then(|| job.cap_period.as_str().to_owned())),
        ("max_duration", job.caps.duration.map(shown)),
    ];
    all.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}
