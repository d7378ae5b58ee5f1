//! From the command line to one settled question.

use std::io::{IsTerminal, Read, stdin};
use std::path::Path;
use std::time::Duration;

use jiff::tz::TimeZone;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde_json::{Map, Value};

use super::super::environment::Environment;
use super::super::failure::Failure;
use super::super::load::{address_of, is_a_region, time_zone};
use super::super::secrets::{keep_secrets, refuse_arguments};
use super::super::tables::Tables;
use crate::cli::AskArgs;
use crate::config::flags::{check_keyless, set};
use crate::config::layers::Layers;
use crate::config::overlay::Overlay;
use crate::config::resolve::{DEFAULT_MODEL, Lookups, check_flags, resolve_question};
use crate::diagnostic::{Diagnostic, SourceText};
use crate::job::{ModelCall, Transport};
use crate::regular;
use crate::render;
use crate::render::body::message;
use crate::request::ChatRequest;
use crate::watch::Screen;

/// How long a pipe may be silent before a message says that the command is waiting for it.
const SILENCE: Duration = Duration::from_secs(1);

/// The sections of a job file that affect a question.
const SECTIONS: [&str; 4] = ["model", "request", "retry", "price"];

/// One question, ready to be asked.
pub(super) struct Question {
    /// Who is asked, with which settings.
    pub(super) asking: ModelCall,
    /// The request.
    pub(super) request: ChatRequest,
    /// The requested model.
    pub(super) model: String,
    /// Whether the answer may be shown as it arrives: that is wanted, and it is a single text.
    pub(super) live: bool,
    /// Where variables are looked up.
    pub(super) environment: Environment,
}

/// Reads the question from the command line, or from standard input.
pub(super) fn settle(args: &AskArgs, screen: &Screen) -> Result<Question, Failure> {
    let environment = Environment::read(args.common.env_file.as_deref())?;
    let (mut file, layers) = Layers::read(None, overlays(args, &environment)?)?;
    keep_secrets(&file, &environment);
    refuse_arguments()?;
    for slip in environment.slips(&[file.model.api_key_env.as_deref()]) {
        screen.insist(&slip);
    }
    let names_model = args.model.is_some() || args.set.iter().any(|set| set.starts_with("model.name"));
    let tables = Tables::read(file.model.table.as_deref().map(Path::new), Path::new(""))?;
    let lookups = Lookups { region: &address_of, book: &|at| tables.book(at), zone: &time_zone };
    let mut asking = resolve_question(&mut file, &layers, &lookups)?;
    let mut body = match &args.request {
        Some(text) => whole_body(text)?,
        None => turns(args, screen)?,
    };
    let named = body.get("model").and_then(Value::as_str).map(str::to_owned).filter(|_| !names_model);
    let model = named.or_else(|| asking.model.name.clone()).unwrap_or_else(|| DEFAULT_MODEL.to_owned());
    body.insert("model".to_owned(), Value::from(model.as_str()));
    body.extend(asking.request.clone());
    if args.enable_thinking || args.no_thinking {
        body.insert("enable_thinking".to_owned(), Value::from(args.enable_thinking));
    }
    let whole = args.no_stream || body.get("stream") == Some(&Value::Bool(false));
    if matches!(asking.model.transport, Transport::Auto | Transport::Batch) && !whole {
        asking.model.transport = Transport::Stream;
    }
    let one = body.get("n").and_then(Value::as_f64).is_none_or(|n| n <= 1.0);
    let request = render::question(&asking, &body)?;
    let live = one && !whole && !args.json && request.stream;
    Ok(Question { asking, request, model, live, environment })
}

/// The settings of environment and flags, later ones overriding earlier ones.
fn overlays(args: &AskArgs, environment: &Environment) -> Result<Vec<Overlay>, Failure> {
    let section = |key: &str| key.split('.').next().is_some_and(|section| SECTIONS.contains(&section));
    // Variables of the other sections are meant for jobs.
    let mut overlays: Vec<Overlay> =
        environment.overlays().into_iter().filter(|overlay| section(&overlay.key)).collect();
    let mut flags = Vec::new();
    for argument in &args.set {
        let overlay = set(argument)?;
        if !section(&overlay.key) {
            let message = format!("`{}` does not apply to a single question", overlay.key);
            let problem = Diagnostic::new(message).at(&overlay.script, 0..overlay.key.len());
            return Err(problem
                .help(format!("keys of these sections apply: {}", SECTIONS.join(", ")))
                .into());
        }
        flags.push(overlay);
    }
    let mut named = Vec::new();
    for (flag, key, value) in [
        ("model", "model.name", &args.model),
        ("base-url", "model.base_url", &args.base_url),
        ("region", "model.region", &args.region),
    ] {
        let overlay = value.as_deref().map(|value| Overlay::text(flag, key, value));
        overlay.iter().try_for_each(check_keyless)?;
        named.extend(overlay);
    }
    check_flags(named.clone(), TimeZone::system, is_a_region).map_err(Failure::usage)?;
    flags.extend(named);
    // A region is an address too: the last one given is used.
    if flags.iter().any(|overlay| overlay.key == "model.region") {
        overlays.retain(|overlay| overlay.key != "model.base_url");
    }
    overlays.extend(flags);
    Ok(overlays)
}

/// The body of a question given as text.
fn turns(args: &AskArgs, screen: &Screen) -> Result<Map<String, Value>, Failure> {
    let question = match args.prompt.as_deref() {
        None | Some("-") => from_standard_input(screen)?,
        Some(question) => match is_handed_in() {
            true => with_text(question, &from_standard_input(screen)?),
            false => question.to_owned(),
        },
    };
    if question.trim().is_empty() {
        return Err(Failure::new(
            "the question is empty\n  = help: give it as an argument, or on standard input",
        ));
    }
    let system = args.system.iter().map(|text| message("system", text.clone()));
    let messages = system.chain([message("user", question)]).collect();
    // The model comes first, as in every body; its name is filled in later.
    Ok(Map::from_iter([("model".to_owned(), Value::Null), ("messages".to_owned(), Value::Array(messages))]))
}

/// Whether text is provided on standard input: by a file or a pipe, not by a terminal, device or socket.
fn is_handed_in() -> bool {
    let kind = rustix::fs::fstat(stdin()).map(|stat| rustix::fs::FileType::from_raw_mode(stat.st_mode));
    matches!(kind, Ok(rustix::fs::FileType::RegularFile | rustix::fs::FileType::Fifo))
}

/// Whether standard input is silent for a while without ending.
fn is_silent() -> bool {
    let input = stdin();
    let mut watched = [PollFd::new(&input, PollFlags::IN)];
    let patience = Timespec { tv_sec: SILENCE.as_secs().cast_signed(), tv_nsec: 0 };
    matches!(poll(&mut watched, Some(&patience)), Ok(0))
}

/// The question, a blank line, and the text to which it refers. Without a text, the question alone.
fn with_text(question: &str, text: &str) -> String {
    match text.trim().is_empty() {
        true => question.to_owned(),
        false => format!("{question}\n\n{text}"),
    }
}

/// The text on standard input, without the line break at its end.
fn from_standard_input(screen: &Screen) -> Result<String, Failure> {
    let mut input = stdin();
    match input.is_terminal() {
        true => screen.say("type the question, and end it with Ctrl-D on a line of its own"),
        // Programs that start others often leave them an open pipe to which nobody writes.
        false if is_silent() => screen.say("waiting for standard input; use < /dev/null if there is none"),
        false => {}
    }
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes).map_err(|error| Failure::new(format!("standard input: {error}")))?;
    let text = String::from_utf8(bytes).map_err(|_| Failure::new("standard input is not UTF-8 text"))?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// The body given with `--request`: JSON, or the path of a JSON file after an `@`.
fn whole_body(argument: &str) -> Result<Map<String, Value>, Failure> {
    let script = match argument.strip_prefix('@') {
        Some(path) => {
            let text = regular::read_to_string(Path::new(path))
                .map_err(|error| Failure::unreadable("request file", Path::new(path), &error))?;
            SourceText::new(path, text)
        }
        None => SourceText::new("--request", argument),
    };
    let text = &script.text;
    let body: Value = serde_json::from_str(text).map_err(|error| {
        // Lines and columns count from 1, and columns in bytes.
        let before: usize =
            text.split_inclusive('\n').take(error.line().saturating_sub(1)).map(str::len).sum();
        let mut at = (before + error.column().saturating_sub(1)).min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let end = text[at..].chars().next().map_or(at, |c| at + c.len_utf8());
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default();
        Diagnostic::new(format!("the request is not JSON: {message}")).at(&script, at..end)
    })?;
    let problem = |message: &str| Diagnostic::new(message).at(&script, 0..text.trim_end().len());
    let Value::Object(body) = body else { return Err(problem("a request must be a JSON object").into()) };
    if body.contains_key("extra_body") {
        let problem = problem("`extra_body` is a wrapper of the Python client, not a field of the API");
        return Err(problem.help("write its fields directly into the request").into());
    }
    Ok(body)
}
