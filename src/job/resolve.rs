//! From what was said to the settled job: home of every default and of every check that needs no input.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use toml::Value;

use super::answer::{AnswerRules, Glossary, OnLength, Tool};
use super::facts::{Facts, FactsBook};
use super::fields::request;
use super::file::{
    AnswerSection, InputSection, JobFile, LimitsSection, ModelSection, OneOrMany, OutputSection,
};
use super::file::{PriceSection, PromptSection, RetrySection, ToolSection};
use super::headers::{headers, raise};
use super::layers::Layers;
use super::limits::{Caps, Concurrency, Quota, Quotas};
use super::price::{Price, Tier};
use super::problem::{Problem, nearest};
use super::{
    Asking, Input, Job, KeySource, Model, Output, Prompt, Retry, Text, Transport, Turn, address, units,
};
use crate::format::Format;

/// DashScope's address in Singapore, the vendor's default.
pub const DEFAULT_BASE_URL: &str = "https://dashscope-intl.aliyuncs.com/compatible-mode/v1";

/// The model that a question goes to when none is named: the one the vendor's guide recommends. A job names its own,
/// since a job costs.
pub const DEFAULT_MODEL: &str = "qwen3.6-plus";

/// The address of a region, of a workspace's own host where one is named.
type AddressOf<'a> = dyn Fn(&str, Option<&str>) -> Result<String, String> + 'a;

/// Where a job looks up what it cannot know by itself.
pub struct Lookups<'a> {
    /// The address of a region.
    pub region: &'a AddressOf<'a>,
    /// What is known of models at an address.
    pub book: &'a dyn Fn(&str) -> FactsBook,
}

/// Settles a job.
///
/// # Errors
///
/// The first thing that is missing or out of its range, shown where it was said.
pub fn resolve(file: JobFile, layers: &Layers, lookups: &Lookups<'_>) -> Result<Job, Problem> {
    let Asking { model, request, request_texts, retry, own_price } =
        asking(file.model, &file.request, &file.retry, file.price, layers, lookups)?;
    let known = model.name.as_deref().map(|name| model.book.of(name)).unwrap_or_default();
    let prompt = file.prompt.map(|section| prompt(section, layers)).transpose()?;
    if model.name.is_none() && prompt.as_ref().is_some_and(|prompt| prompt.user.is_some()) {
        let help = "give it with --model, or as `name` under [model]";
        return Err(Problem::new("no model is named").help(help));
    }
    let job = Job {
        input: input(file.input, layers)?,
        quotas: quotas(&file.limits, &known, layers)?,
        concurrency: concurrency(file.limits.concurrency.as_ref(), layers)?,
        caps: caps(&file.limits, layers)?,
        retry,
        output: output(file.output, layers)?,
        own_price: own_price.is_some(),
        price: own_price.or(known.price),
        answer: answer(file.answer, layers)?,
        tools: tools(file.tools, layers)?,
        glossary: Glossary {
            terms: file.glossary.terms.map(PathBuf::from),
            memory: file.glossary.memory.map(PathBuf::from),
        },
        model,
        prompt,
        request,
        request_texts,
    };
    // Of rows that bring their own model, each is asked for its price when it is rendered.
    if job.caps.cost.is_some() && job.price.is_none() && job.model.name.is_some() {
        let message = "a cap on cost needs a price, and this model's price is not known";
        return Err(layers
            .problem("limits.max_cost", message)
            .help("give it under [price] (`input` and `output`), or in a model table of your own"));
    }
    Ok(job)
}

/// Settles one question, which has no input and no output. The other sections of the file are no matter of it.
///
/// # Errors
///
/// As [`resolve`].
pub fn resolve_question(file: JobFile, layers: &Layers, lookups: &Lookups<'_>) -> Result<Asking, Problem> {
    asking(file.model, &file.request, &file.retry, file.price, layers, lookups)
}

fn asking(
    model_section: ModelSection,
    fields: &toml::Table,
    patience: &RetrySection,
    price_section: Option<PriceSection>,
    layers: &Layers,
    lookups: &Lookups<'_>,
) -> Result<Asking, Problem> {
    let model = model(model_section, layers, lookups)?;
    let (request, request_texts) = request(fields, layers)?;
    Ok(Asking {
        request,
        request_texts,
        retry: raise(retry(patience, layers)?, &model.headers, layers)?,
        own_price: price(price_section, layers)?.map(Arc::new),
        model,
    })
}

fn input(section: InputSection, layers: &Layers) -> Result<Input, Problem> {
    let paths = match section.path {
        Some(OneOrMany::One(path)) => vec![path],
        Some(OneOrMany::Many(paths)) => paths,
        None => vec![],
    };
    if paths.is_empty() {
        return Err(
            Problem::new("no input is named").help("give it with --input, or as `path` under [input]")
        );
    }
    let format =
        section.format.map(|text| parse("input.format", text.parse::<Format>(), layers)).transpose()?;
    let delimiter = section.delimiter.map(|text| one_byte(&text, layers)).transpose()?;
    let max_record_bytes = bytes("input.max_record", section.max_record.as_ref(), layers)?;
    Ok(Input {
        paths,
        format,
        id: section.id,
        share_duplicates: word("input.duplicates", section.duplicates, &["send", "share"], layers)? == 1,
        skip_bad_rows: word("input.on_bad_row", section.on_bad_row, &["stop", "skip"], layers)? == 1,
        delimiter,
        max_record_bytes: max_record_bytes.unwrap_or(16 * 1024 * 1024),
        max_expanded_bytes: bytes("input.max_expanded", section.max_expanded.as_ref(), layers)?,
        limit: section.limit,
    })
}

fn model(section: ModelSection, layers: &Layers, lookups: &Lookups<'_>) -> Result<Model, Problem> {
    let base_url = base_url(&section, layers, lookups)?;
    let local = address::check(&base_url, section.allow_http.unwrap_or(false))
        .map_err(|message| layers.problem("model.base_url", message))?;
    let transports = [Transport::Auto, Transport::Whole, Transport::Stream];
    let transport =
        transports[word("model.transport", section.transport, &["auto", "whole", "stream"], layers)?];
    let sources =
        [section.api_key_env.is_some(), section.api_key_file.is_some(), section.api_key_command.is_some()];
    if sources.iter().filter(|given| **given).count() > 1 {
        let message = "the key has one place: api_key_env, api_key_file or api_key_command";
        return Err(layers.problem("model.api_key_env", message));
    }
    let key = match (section.api_key_file, section.api_key_command) {
        (Some(path), _) => KeySource::File(path.into()),
        (None, Some(OneOrMany::One(line))) => {
            KeySource::Command(line.split_whitespace().map(str::to_owned).collect())
        }
        (None, Some(OneOrMany::Many(words))) => KeySource::Command(words),
        (None, None) => KeySource::Variable {
            optional: section.api_key_env.is_none() && local,
            name: section.api_key_env.unwrap_or_else(|| "DASHSCOPE_API_KEY".to_owned()),
        },
    };
    if key == KeySource::Command(vec![]) {
        return Err(layers.problem("model.api_key_command", "the command is empty"));
    }
    let base_url = base_url.trim_end_matches('/').trim_end_matches("/chat/completions").to_owned();
    Ok(Model {
        name: section.name.filter(|name| !name.is_empty()),
        book: (lookups.book)(&base_url),
        base_url,
        key,
        headers: headers(section.headers, layers)?,
        transport,
    })
}

/// The address: as it is given, or that of a region. Of the two, the one that was said later in the order of job file,
/// variable and flag holds; said by the same voice they contradict each other.
fn base_url(section: &ModelSection, layers: &Layers, lookups: &Lookups<'_>) -> Result<String, Problem> {
    let voice = |key: &str, given: bool| given.then(|| layers.voice(key));
    let address = voice("model.base_url", section.base_url.is_some());
    let region = voice("model.region", section.region.is_some());
    let workspace = voice("model.workspace", section.workspace.is_some());
    match &section.base_url {
        Some(_) if region == address => {
            let message = "the address is given twice, by `base_url` and by `region`";
            return Err(layers.problem("model.region", message).help("take one of them out"));
        }
        Some(_) if region < address && workspace >= address => {
            let message = "`workspace` goes with `region`; a `base_url` names its host by itself";
            return Err(layers.problem("model.workspace", message));
        }
        Some(base_url) if region < address => return Ok(base_url.clone()),
        None if region.is_none() && workspace.is_none() => return Ok(DEFAULT_BASE_URL.to_owned()),
        _ => {}
    }
    if let Some(name) = &section.workspace {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
        if name.is_empty() || name.len() > 63 || name.starts_with('-') || !name.chars().all(fits) {
            let message = format!("`{name}` is no workspace: its id is of letters, digits and dashes");
            return Err(layers.problem("model.workspace", message));
        }
    }
    let name = section.region.as_deref().unwrap_or("singapore");
    (lookups.region)(name, section.workspace.as_deref())
        .map_err(|message| layers.problem("model.region", message))
}

fn answer(section: AnswerSection, layers: &Layers) -> Result<AnswerRules, Problem> {
    let default = AnswerRules::default();
    let on_length = [OnLength::Keep, OnLength::Fail, OnLength::Grow];
    let rules = AnswerRules {
        on_length: on_length[word("answer.on_length", section.on_length, &["keep", "fail", "grow"], layers)?],
        repair: section.repair.unwrap_or(default.repair),
        expand: section.expand.unwrap_or(default.expand),
        max_rounds: section.max_rounds.unwrap_or(default.max_rounds),
        schema_text: section
            .schema
            .clone()
            .map(|source| Text { source, place: layers.place("answer.schema") }),
        schema: section.schema.map(PathBuf::from),
    };
    match () {
        () if rules.schema.is_none() && rules.expand => {
            Err(layers.problem("answer.expand", "`expand` makes columns of the fields of a `schema`"))
        }
        () if rules.schema.is_none() && section.repair.is_some() => {
            Err(layers.problem("answer.repair", "`repair` mends answers that a `schema` finds fault with"))
        }
        () if rules.repair > 10 => Err(layers.problem("answer.repair", "`repair` is 10 or less")),
        () if rules.max_rounds == 0 || rules.max_rounds > 100 => {
            Err(layers.problem("answer.max_rounds", "`max_rounds` is a whole number from 1 to 100"))
        }
        () => Ok(rules),
    }
}

fn tools(sections: BTreeMap<String, ToolSection>, layers: &Layers) -> Result<Vec<Tool>, Problem> {
    let settle = |(name, section): (String, ToolSection)| {
        let key = format!("tools.{name}");
        let command = match section.command {
            None => return Err(layers.problem(&key, format!("[{key}] says no `command` to run"))),
            Some(OneOrMany::One(line)) => line.split_whitespace().map(str::to_owned).collect(),
            Some(OneOrMany::Many(words)) => words,
        };
        if command.first().is_none_or(String::is_empty) {
            return Err(layers.problem(&format!("{key}.command"), "the command is empty"));
        }
        let timeout = duration(&format!("{key}.timeout"), section.timeout.as_deref(), layers)?;
        let timeout = timeout.unwrap_or(Duration::from_secs(30));
        match timeout.is_zero() {
            true => Err(layers.problem(&format!("{key}.timeout"), "`timeout` is above 0")),
            false => Ok(Tool { name, command, timeout }),
        }
    };
    sections.into_iter().map(settle).collect()
}

fn prompt(section: PromptSection, layers: &Layers) -> Result<Prompt, Problem> {
    let text = |key: &str, source: String| Text { source, place: layers.place(key) };
    let mut turns = Vec::new();
    for (index, turn) in section.messages.into_iter().enumerate() {
        let key = format!("prompt.messages.{index}");
        if !["user", "assistant"].contains(&turn.role.as_str()) {
            let message = format!("a turn's role is `user` or `assistant`, not `{}`", turn.role);
            return Err(layers.problem(&format!("{key}.role"), message));
        }
        turns.push(Turn { role: turn.role, content: text(&format!("{key}.content"), turn.content) });
    }
    if section.user.is_none() && !turns.is_empty() {
        let message = "[prompt] has turns but no `user`: the last turn is the user's";
        return Err(layers.problem("prompt.messages", message));
    }
    Ok(Prompt {
        system: section.system.map(|source| text("prompt.system", source)),
        turns,
        user: section.user.map(|source| text("prompt.user", source)),
    })
}

/// What the job says; where it says nothing of a kind of limit, what the model table says.
fn quotas(section: &LimitsSection, known: &Facts, layers: &Layers) -> Result<Quotas, Problem> {
    let quota = |key: &str, amount: Option<f64>, make: fn(f64) -> Option<Quota>| match amount {
        Some(amount) => {
            let wrong = || layers.problem(&format!("limits.{key}"), format!("`{key}` is a number above 0"));
            make(amount).map(Some).ok_or_else(wrong)
        }
        None => Ok(None),
    };
    // A request limit of the user's own stands alone: with the table's beside it, `qps = 10` would do nothing.
    let requests = section.qps.is_none().then_some(known.requests_per_minute).flatten();
    Ok(Quotas {
        requests_per_second: quota("qps", section.qps, Quota::per_second)?,
        requests_per_minute: quota("qpm", section.qpm.or(requests), Quota::per_minute)?,
        tokens_per_minute: quota("tpm", section.tpm.or(known.tokens_per_minute), Quota::per_minute)?,
    })
}

fn concurrency(value: Option<&Value>, layers: &Layers) -> Result<Concurrency, Problem> {
    match value {
        None => Ok(Concurrency::Auto),
        Some(Value::String(word)) if word == "auto" => Ok(Concurrency::Auto),
        Some(Value::Integer(count)) if *count >= 1 && *count <= 100_000 => {
            Ok(Concurrency::Fixed(*count as usize))
        }
        Some(_) => {
            let message = "`concurrency` is \"auto\" or a whole number from 1 to 100,000";
            Err(layers.problem("limits.concurrency", message))
        }
    }
}

fn caps(section: &LimitsSection, layers: &Layers) -> Result<Caps, Problem> {
    if section.max_cost.is_some_and(|cost| !cost.is_finite() || cost < 0.0) {
        return Err(layers.problem("limits.max_cost", "`max_cost` is a number, 0 or above"));
    }
    Ok(Caps {
        cost: section.max_cost,
        total_tokens: section.max_total_tokens,
        duration: duration("limits.max_duration", section.max_duration.as_deref(), layers)?,
    })
}

fn retry(section: &RetrySection, layers: &Layers) -> Result<Retry, Problem> {
    let time = |key: &str, text: &Option<String>, default: Duration| {
        let given = duration(&format!("retry.{key}"), text.as_deref(), layers)?;
        Ok::<_, Problem>(given.unwrap_or(default))
    };
    let default = Retry::default();
    let retry = Retry {
        max_attempts: section.max_attempts.unwrap_or(default.max_attempts),
        initial_backoff: time("initial_backoff", &section.initial_backoff, default.initial_backoff)?,
        max_backoff: time("max_backoff", &section.max_backoff, default.max_backoff)?,
        timeout: time("timeout", &section.timeout, default.timeout)?,
        stream_timeout: time("stream_timeout", &section.stream_timeout, default.stream_timeout)?,
        idle_timeout: time("idle_timeout", &section.idle_timeout, default.idle_timeout)?,
        max_outage: time("max_outage", &section.max_outage, default.max_outage)?,
    };
    match () {
        () if retry.max_attempts == 0 => {
            Err(layers
                .problem("retry.max_attempts", "`max_attempts` counts the first try too: it is 1 or more"))
        }
        () if retry.initial_backoff.is_zero() => Err(layers.problem(
            "retry.initial_backoff",
            "`initial_backoff` is above 0: a service in trouble needs air",
        )),
        () if retry.max_backoff < retry.initial_backoff => {
            Err(layers.problem("retry.max_backoff", "`max_backoff` is not below `initial_backoff`"))
        }
        () if retry.timeout.is_zero() => Err(layers.problem("retry.timeout", "`timeout` is above 0")),
        () if retry.stream_timeout.is_zero() => {
            Err(layers.problem("retry.stream_timeout", "`stream_timeout` is above 0"))
        }
        () if retry.idle_timeout.is_zero() => {
            Err(layers.problem("retry.idle_timeout", "`idle_timeout` is above 0"))
        }
        () => Ok(retry),
    }
}

fn output(section: OutputSection, layers: &Layers) -> Result<Output, Problem> {
    let Some(path) = section.path.filter(|path| !path.is_empty()) else {
        return Err(
            Problem::new("no output is named").help("give it with --output, or as `path` under [output]")
        );
    };
    let Some(format) = Format::of_path(&path) else {
        let message = format!("the name `{path}` does not tell the format");
        let help = "let it end in .jsonl, .csv, .tsv or .parquet";
        return Err(layers.problem("output.path", message).help(help));
    };
    Ok(Output {
        path: PathBuf::from(path),
        format,
        names: names(&section.select, &section.rename, layers),
        select: section.select,
        rename: BTreeMap::into_iter(section.rename).collect(),
        prefix: section.prefix.unwrap_or_default(),
        spreadsheet_safe: section.spreadsheet_safe.unwrap_or(false),
    })
}

/// The columns that `select` and `rename` name, new names too, and where. An empty `select` has an empty name.
fn names(select: &Option<Vec<String>>, rename: &BTreeMap<String, String>, layers: &Layers) -> Vec<Text> {
    let text = |source: &str, key: &str| Text { source: source.to_owned(), place: layers.place(key) };
    let selected = select.iter().flatten().enumerate();
    let mut names: Vec<Text> =
        selected.map(|(index, name)| text(name, &format!("output.select.{index}"))).collect();
    if select.as_ref().is_some_and(Vec::is_empty) {
        names.push(text("", "output.select"));
    }
    for (from, to) in rename {
        let key = format!("output.rename.{from}");
        names.extend([text(from, &key), text(to, &key)]);
    }
    names
}

fn price(section: Option<PriceSection>, layers: &Layers) -> Result<Option<Price>, Problem> {
    let Some(section) = section else { return Ok(None) };
    for (key, value) in [
        ("input", section.input),
        ("output", section.output),
        ("cached_input", section.cached_input),
        ("thinking_output", section.thinking_output),
        ("cache_write", section.cache_write),
    ] {
        if value.is_some_and(|value| !value.is_finite() || value < 0.0) {
            return Err(
                layers.problem(&format!("price.{key}"), format!("`{key}` is a price per million tokens"))
            );
        }
    }
    match (section.input, section.output) {
        (Some(input), Some(output)) => {
            let PriceSection { cached_input, thinking_output, cache_write, .. } = section;
            let rest = Tier { thinking_output, cached_input, cache_write, ..Tier::default() };
            Ok(Some(Price { tiers: vec![Tier { input, output, ..rest }], ..Price::default() }))
        }
        _ => Err(layers.problem("price", "a price has both `input` and `output`, per million tokens")),
    }
}

fn one_byte(text: &str, layers: &Layers) -> Result<u8, Problem> {
    match text.as_bytes() {
        [byte] if byte.is_ascii() => Ok(*byte),
        _ => {
            Err(layers.problem("input.delimiter", "the delimiter is one character, such as \";\" or \"\\t\""))
        }
    }
}

fn bytes(key: &str, value: Option<&Value>, layers: &Layers) -> Result<Option<u64>, Problem> {
    let size = match value {
        None => return Ok(None),
        Some(Value::Integer(number)) if *number > 0 => Ok(*number as u64),
        Some(Value::String(text)) => units::size(text),
        Some(_) => Err("a size is a number of bytes, or text such as \"16MB\"".to_owned()),
    };
    parse(key, size, layers).map(Some)
}

fn duration(key: &str, text: Option<&str>, layers: &Layers) -> Result<Option<Duration>, Problem> {
    text.map(|text| parse(key, units::duration(text), layers)).transpose()
}

fn parse<T>(key: &str, result: Result<T, String>, layers: &Layers) -> Result<T, Problem> {
    result.map_err(|message| layers.problem(key, message))
}

/// The index of a word among those that are allowed; the first is the default.
fn word(key: &str, given: Option<String>, allowed: &[&str], layers: &Layers) -> Result<usize, Problem> {
    let Some(given) = given else { return Ok(0) };
    allowed.iter().position(|word| *word == given).ok_or_else(|| {
        let last = key.rsplit('.').next().unwrap_or(key);
        let problem =
            layers.problem(key, format!("`{last}` is one of {}, not `{given}`", allowed.join(", ")));
        match nearest(&given, allowed.iter().copied()) {
            Some(name) => problem.help(format!("did you mean `{name}`?")),
            None => problem,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::knobs::{KNOBS, Overlay, set};
    use super::super::problem::Script;
    use super::*;

    fn settle(text: &str) -> Result<Job, Problem> {
        settle_with(text, vec![])
    }

    fn settle_with(text: &str, overlays: Vec<Overlay>) -> Result<Job, Problem> {
        let script = Script { name: "job.toml".into(), text: text.into() };
        let (file, layers) = Layers::read(Some(script), overlays)?;
        let facts = |_: &str| Facts { requests_per_minute: Some(60.0), ..Facts::default() };
        let lookups = Lookups {
            region: &|region, workspace| match workspace {
                Some(workspace) => Ok(format!("https://{workspace}.{region}.example.com/v1")),
                None => Ok(format!("https://{region}.example.com/v1")),
            },
            book: &|_| FactsBook::new(facts),
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
    fn of_address_and_region_the_one_said_last_holds_and_one_voice_says_one_of_them() {
        let knob = |flag: &str| *KNOBS.iter().find(|knob| knob.flag == flag).expect("a knob");
        let flag = |name: &str, value: &str| knob(name).from_flag(&[value.to_owned()]);
        let variable = |name: &str, value: &str| knob(name).from_variable(value);
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
        // Each key is laid over by itself: a region from a flag leaves the workspace of the file.
        assert_eq!(address(in_workspace, vec![flag("region", "frankfurt")]), is("ws-1.frankfurt"));
        for (file, overlays) in [
            (format!("{by_address}{by_region}"), vec![]),
            (String::new(), vec![flag("base-url", own), flag("region", "tokyo")]),
            (String::new(), vec![variable("base-url", own), variable("region", "tokyo")]),
            (by_address.to_owned(), vec![set("model.workspace=ws-1").expect("good")]),
        ] {
            assert!(address(&file, overlays).is_err_and(|said| said.contains("`region`")), "{file}");
        }
    }

    #[test]
    fn a_workspace_is_part_of_a_host_and_nothing_else() {
        for wrong in ["", "-a", "a.b", "a/b", "evil.com/?x=", "ws 1", "wörk"] {
            let shown =
                settle(&format!("{SMALL}model.workspace = \"{wrong}\"\n")).expect_err(wrong).to_string();
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
    fn values_out_of_range_are_shown_where_they_stand() {
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
}
