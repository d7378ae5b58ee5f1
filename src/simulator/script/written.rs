//! Parses a written script, and checks it.

use std::collections::BTreeMap;
use std::time::Duration;

use hyper::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};

use super::super::batches::{ApiCall, BatchFate, BatchManners, LineOrder};
use super::super::duration::parse_duration;
use super::super::error_bodies::Refusal;
use super::super::mispacking::Mispacking;
use super::super::mistranslation::Mistranslation;
use super::fault::{Conditions, Effect, Script, ScriptError, ScriptedFault, TimeSpan};

/// How many bytes a slow body sends at a time.
const SLOW_BYTES: usize = 16;
const SLOW_PAUSE: Duration = Duration::from_millis(20);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenScript {
    #[serde(default)]
    fault: Vec<WrittenFault>,
    #[serde(default)]
    down: Vec<WrittenSpan>,
    #[serde(default)]
    batch: WrittenManners,
}

/// The ways of a server with batches; what is not written is as usual.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct WrittenManners {
    time: Option<String>,
    order: LineOrder,
    text_bodies: bool,
    errors_in_output: bool,
    rest_is_missing: bool,
    list_lag: Option<String>,
    ranges: Option<bool>,
    queue_tokens: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenSpan {
    after: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenFault {
    contains: Option<String>,
    call: Option<ApiCall>,
    #[serde(default)]
    done: bool,
    after_lines: Option<usize>,
    requests: Option<(u64, u64)>,
    first_tries: Option<u64>,
    times: Option<u64>,
    share: Option<f64>,
    after: Option<String>,
    until: Option<String>,
    delay: Option<String>,
    action: Option<Action>,
    status: Option<u16>,
    code: Option<String>,
    message: Option<String>,
    body: Option<String>,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    content: Option<String>,
    after_bytes: Option<usize>,
    pause: Option<String>,
    every: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Action {
    Hang,
    Reset,
    CutBody,
    CutByServer,
    EmptyBody,
    EmptyContent,
    Html,
    NullFinish,
    SlowBody,
    BadGzip,
    WrongLength,
    Redirect,
    Drop,
    ErrorEvent,
    DropBlankLines,
    EatPlaceholders,
    EatRepeated,
    TranslateTags,
    MergeParagraphs,
    Untranslated,
    EchoInstruction,
    Explain,
    DropMark,
    MergeTexts,
    DoubleText,
    RenumberMarks,
    ReorderTexts,
    NoteBefore,
    SpaceMark,
    TranslateMark,
    BlankText,
    DropLast,
    AddText,
    ShiftTexts,
    CutTexts,
    ExpireBatch,
    CancelBatch,
    StallBatch,
    FailBatch,
    LoseLine,
    DoubleLine,
}

impl Script {
    /// Reads a script, a TOML text of `[[fault]]` and `[[down]]` tables.
    ///
    /// # Errors
    ///
    /// An unknown key, a fault without an effect, or a fault with two.
    pub fn parse(text: &str) -> Result<Script, ScriptError> {
        let written: WrittenScript = toml::from_str(text).map_err(ScriptError::Unreadable)?;
        let mut script = Script::default();
        for (index, fault) in written.fault.into_iter().enumerate() {
            let number = index + 1;
            let fault = settle_fault(fault, number).map_err(|reason| ScriptError::Senseless {
                kind: "fault",
                number,
                reason,
            })?;
            script.faults.push(fault);
        }
        for (index, span) in written.down.into_iter().enumerate() {
            let senseless = |reason| ScriptError::Senseless { kind: "down", number: index + 1, reason };
            script.downs.push(settle_span(span.after, span.until).map_err(senseless)?);
        }
        script.batches = settle_manners(written.batch).map_err(|reason| ScriptError::Senseless {
            kind: "batch",
            number: 1,
            reason,
        })?;
        Ok(script)
    }
}

fn settle_manners(written: WrittenManners) -> Result<BatchManners, String> {
    let usual = BatchManners::default();
    Ok(BatchManners {
        time: settle_duration(written.time.as_ref())?.unwrap_or(usual.time),
        order: written.order,
        text_bodies: written.text_bodies,
        errors_in_output: written.errors_in_output,
        rest_is_missing: written.rest_is_missing,
        list_lag: settle_duration(written.list_lag.as_ref())?.unwrap_or(usual.list_lag),
        ranges: written.ranges.unwrap_or(usual.ranges),
        queue_tokens: written.queue_tokens,
    })
}

fn settle_fault(written: WrittenFault, number: usize) -> Result<ScriptedFault, String> {
    if let Some((first, last)) = written.requests
        && (first == 0 || first > last)
    {
        return Err("requests = [first, last] counts from 1 and ends where it starts, or later".into());
    }
    if written.share.is_some_and(|share| !(0.0..=1.0).contains(&share)) {
        return Err("a share is a number from 0 to 1".into());
    }
    let delay = settle_duration(written.delay.as_ref())?;
    let (effect, name) = settle_effect(&written, delay.is_some())?;
    let conditions = Conditions {
        contains: written.contains,
        call: written.call,
        requests: written.requests,
        first_tries: written.first_tries,
        times: written.times,
        share: written.share,
        span: settle_span(written.after, written.until)?,
    };
    Ok(ScriptedFault {
        conditions,
        delay: delay.unwrap_or_default(),
        effect,
        done: written.done,
        label: format!("{number} {name}"),
    })
}

fn settle_duration(text: Option<&String>) -> Result<Option<Duration>, String> {
    text.map(|text| parse_duration(text)).transpose()
}

fn settle_span(after: Option<String>, until: Option<String>) -> Result<TimeSpan, String> {
    let after = settle_duration(after.as_ref())?.unwrap_or_default();
    let until = settle_duration(until.as_ref())?;
    if until.is_some_and(|until| until <= after) {
        return Err("it ends before it starts".into());
    }
    Ok(TimeSpan { after, until })
}

/// The effect, and its name in the witness log.
fn settle_effect(written: &WrittenFault, has_delay: bool) -> Result<(Effect, String), String> {
    check_companions(written)?;
    match (written.action, written.status, &written.content) {
        (Some(action), status, None) => Ok((settle_action(written, action, status)?, action_name(action))),
        (None, Some(status), None) => Ok((settle_refusal(written, status)?, format!("status {status}"))),
        (None, None, Some(content)) => Ok((Effect::Content(content.clone()), "content".into())),
        (None, None, None) if has_delay => Ok((Effect::Delay, "delay".into())),
        (None, None, None) => {
            Err("nothing happens: it needs a status, an action, a content or a delay".into())
        }
        _ => Err("two things happen: it takes one of status, action and content".into()),
    }
}

fn settle_action(written: &WrittenFault, action: Action, status: Option<u16>) -> Result<Effect, String> {
    let pause = settle_duration(written.pause.as_ref())?.unwrap_or(SLOW_PAUSE);
    let after_bytes = written.after_bytes;
    let every = written.every.unwrap_or(1);
    Ok(match action {
        Action::Hang => Effect::Hang,
        Action::Reset => Effect::Reset { after_bytes },
        Action::CutBody => Effect::CutBody { after_bytes },
        Action::CutByServer => Effect::CutByServer,
        Action::EmptyBody => Effect::EmptyBody,
        Action::EmptyContent => Effect::EmptyContent,
        Action::Html => Effect::Html { status: status.unwrap_or(200) },
        Action::NullFinish => Effect::NullFinish,
        Action::SlowBody => Effect::SlowBody { bytes: after_bytes.unwrap_or(SLOW_BYTES).max(1), pause },
        Action::BadGzip => Effect::BadGzip,
        Action::WrongLength => Effect::WrongLength,
        Action::Redirect => Effect::Redirect { status: status.unwrap_or(307) },
        Action::Drop => Effect::Drop,
        Action::ErrorEvent => Effect::ErrorEvent(refusal(written, status.unwrap_or(500))),
        Action::DropBlankLines => Effect::Mistranslate(Mistranslation::DropBlankLines { every }),
        Action::EatPlaceholders => Effect::Mistranslate(Mistranslation::EatPlaceholders { every }),
        Action::EatRepeated => Effect::Mistranslate(Mistranslation::EatRepeated),
        Action::TranslateTags => Effect::Mistranslate(Mistranslation::TranslateTags { every }),
        Action::MergeParagraphs => Effect::Mistranslate(Mistranslation::MergeParagraphs),
        Action::Untranslated => Effect::Mistranslate(Mistranslation::Untranslated),
        Action::EchoInstruction => Effect::Mistranslate(Mistranslation::EchoInstruction),
        Action::Explain => Effect::Mistranslate(Mistranslation::Explain),
        Action::ExpireBatch => Effect::Fate(BatchFate::Expire { after_lines: written.after_lines }),
        Action::CancelBatch => Effect::Fate(BatchFate::CancelItself { after_lines: written.after_lines }),
        Action::StallBatch => Effect::Fate(BatchFate::Stall { after_lines: written.after_lines }),
        Action::FailBatch => Effect::Fate(fail_batch(written)),
        Action::LoseLine => Effect::LoseLine,
        Action::DoubleLine => Effect::DoubleLine,
        action => return mispacking(&action_name(action)),
    })
}

/// The refusal of a batch as a whole.
fn fail_batch(written: &WrittenFault) -> BatchFate {
    let code = written.code.clone().unwrap_or_else(|| "token_limit_exceeded".to_owned());
    let message = written.message.clone().unwrap_or_else(|| "The batch was refused.".to_owned());
    BatchFate::FailWhole { code, message }
}

/// The fault of numbered texts with this name.
fn mispacking(name: &str) -> Result<Effect, String> {
    let found = Mispacking::ALL.into_iter().find(|(known, _)| *known == name);
    found.map(|(_, fault)| Effect::Mispack(fault)).ok_or_else(|| format!("`{name}` is no action"))
}

/// Rejects keys that the effect does not use: they are mistakes.
fn check_companions(written: &WrittenFault) -> Result<(), String> {
    if written.status.is_some_and(|status| !(200..=599).contains(&status)) {
        return Err("a status is a number from 200 to 599".into());
    }
    let speaks_itself = written.code.is_some()
        || written.message.is_some()
        || written.body.is_some()
        || !written.headers.is_empty();
    let takes = |actions: &[Action]| written.action.is_some_and(|action| actions.contains(&action));
    let is_literal = written.body.is_some() || !written.headers.is_empty();
    let has_status = written.status.is_some() && written.action.is_none();
    if speaks_itself && !has_status && (is_literal || !takes(&[Action::ErrorEvent, Action::FailBatch])) {
        return Err("code, message, body and headers go with a status of their own".into());
    }
    if written.body.is_some() && (written.code.is_some() || written.message.is_some()) {
        return Err("a body says all; code and message have no place beside it".into());
    }
    let has_status_of_its_own = takes(&[Action::Html, Action::Redirect, Action::ErrorEvent]);
    if written.action.is_some() && written.status.is_some() && !has_status_of_its_own {
        return Err("only the actions html and redirect have a status, and error_event".into());
    }
    if written.after_bytes.is_some() && !takes(&[Action::Reset, Action::CutBody, Action::SlowBody]) {
        return Err("after_bytes goes with reset, cut_body and slow_body".into());
    }
    if written.after_lines.is_some()
        && !takes(&[Action::ExpireBatch, Action::CancelBatch, Action::StallBatch])
    {
        return Err("after_lines goes with expire_batch, cancel_batch and stall_batch".into());
    }
    if written.pause.is_some() && !takes(&[Action::SlowBody]) {
        return Err("pause goes with slow_body".into());
    }
    if written.every == Some(0) {
        return Err("every counts from 1".into());
    }
    let every = [Action::DropBlankLines, Action::EatPlaceholders, Action::TranslateTags];
    if written.every.is_some() && !takes(&every) {
        return Err("every goes with drop_blank_lines, eat_placeholders and translate_tags".into());
    }
    Ok(())
}

/// The usual error of a status, with the script's own values over it.
fn refusal(written: &WrittenFault, status: u16) -> Refusal {
    let usual = Refusal::of_status(status, written.code.as_deref());
    match &written.message {
        Some(message) => Refusal { message: message.clone(), ..usual },
        None => usual,
    }
}

fn settle_refusal(written: &WrittenFault, status: u16) -> Result<Effect, String> {
    let refusal = refusal(written, status);
    let mut headers = Vec::new();
    for (name, value) in &written.headers {
        let name = HeaderName::try_from(name).map_err(|_| format!("`{name}` is no name of a header"))?;
        let value = HeaderValue::try_from(value).map_err(|_| format!("`{value}` is no value of a header"))?;
        headers.push((name, value));
    }
    Ok(Effect::Refuse { refusal, body: written.body.clone(), headers })
}

/// The action as written in the script.
fn action_name(action: Action) -> String {
    let name = serde_json::to_value(action).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        Script::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_refusal_is_read_with_its_words_and_headers() {
        let script = Script::parse(
            "[[fault]]\nstatus = 503\ncode = \"ModelUnavailable\"\nheaders = { Retry-After = \"2\" }\ndelay = \"50ms\"",
        )
        .unwrap();
        let Effect::Refuse { refusal, headers, .. } = &script.faults[0].effect else { panic!() };
        assert_eq!((refusal.status, refusal.code.as_str()), (503, "ModelUnavailable"));
        assert_eq!(headers[0].1, "2");
        assert_eq!(script.faults[0].delay, Duration::from_millis(50));
    }

    #[test]
    fn each_fault_of_numbered_texts_is_an_action() {
        for (name, fault) in Mispacking::ALL {
            let script = Script::parse(&format!("[[fault]]\naction = \"{name}\"")).unwrap();
            assert_eq!(script.faults[0].effect, Effect::Mispack(fault), "{name}");
        }
    }

    #[test]
    fn unknown_keys_and_actions_are_refused_with_their_line() {
        assert!(error("[[fault]]\naction = \"hang\"\nonly = 3").contains("only"));
        assert!(error("[[fault]]\naction = \"explode\"").contains("explode"));
        assert!(error("[[faults]]\naction = \"hang\"").contains("line 1"));
    }

    #[test]
    fn faults_that_make_no_sense_are_refused_by_number() {
        assert!(error("[[fault]]\naction = \"hang\"\n[[fault]]\ncontains = \"x\"").starts_with("fault 2"));
        assert!(error("[[fault]]\naction = \"hang\"\nstatus = 500").contains("html and redirect"));
        assert!(error("[[fault]]\nstatus = 500\ncontent = \"x\"").contains("two things"));
        assert!(error("[[fault]]\naction = \"hang\"\nafter_bytes = 3").contains("after_bytes"));
        assert!(error("[[fault]]\naction = \"eat_repeated\"\nevery = 3").contains("every goes with"));
        assert!(error("[[fault]]\naction = \"eat_placeholders\"\nevery = 0").contains("from 1"));
        assert!(error("[[fault]]\naction = \"hang\"\nrequests = [3, 2]").contains("counts from 1"));
        assert!(error("[[fault]]\naction = \"hang\"\nshare = 2.0").contains("from 0 to 1"));
        assert!(error("[[down]]\nafter = \"3s\"\nuntil = \"1s\"").starts_with("down 1"));
    }
}
