//! From the command line to the settled job.

use std::fs;
use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::sync::Arc;

use super::Failure;
use super::environment::Environment;
use crate::cli::{Color, JobArgs, Progress};
use crate::format::Format;
use crate::job::Job;
use crate::job::facts::{Facts, FactsBook};
use crate::job::knobs::set;
use crate::job::layers::Layers;
use crate::job::price::{Price, Tier};
use crate::job::problem::{Problem, Script};
use crate::job::resolve::{Lookups, resolve};
use crate::models::{Region, Table};
use crate::pipeline::check_request;
use crate::watch::{Mode, Screen};

/// A job as the command line asks for it.
#[derive(Debug)]
pub(super) struct Loaded {
    /// The job. Of a rehearsal, with an output of its own.
    pub(super) job: Job,
    /// Where variables are looked up.
    pub(super) environment: Environment,
}

/// Reads the job file and lays environment and flags over it.
pub(super) fn load(args: &JobArgs) -> Result<Loaded, Failure> {
    let environment = Environment::read(args.env_file.as_deref())?;
    let file = args.job.as_deref().map(read).transpose()?;
    let mut overlays = environment.overlays();
    for argument in &args.set {
        overlays.push(set(argument)?);
    }
    overlays.extend(args.knobs.overlays.iter().cloned());
    let (file, layers) = Layers::read(file, overlays)?;
    let mut job = resolve(file, &layers, &lookups())?;
    check_request(&job).map_err(|(key, message)| {
        let problem = layers.problem(&format!("request.{key}"), format!("`{key}` {message}"));
        Failure::from(problem)
    })?;
    if args.simulate {
        job.output = job.output.simulated();
    }
    Ok(Loaded { job, environment })
}

/// Where a job or a question looks up addresses and models.
pub(super) fn lookups() -> Lookups<'static> {
    Lookups { region: &address_of, book: &book }
}

fn read(path: &Path) -> Result<Script, Failure> {
    let name: Arc<str> = path.to_string_lossy().into();
    if Format::of_path(&name).is_some() {
        let problem = Problem::new(format!("{name} is no job file: by its name it holds rows"));
        return Err(problem
            .help(format!(
                "give a TOML file, or the job as flags: --input {name}, --output, --model, --prompt"
            ))
            .into());
    }
    let text = fs::read(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            let problem = Problem::new(format!("there is no job file {name}"));
            Failure::from(problem.help(
                "give the path of a TOML file, or the job as flags: --input, --output, --model, --prompt",
            ))
        }
        _ => Failure::new(format!("the job file {name}: {error}")),
    })?;
    let text = String::from_utf8(text)
        .map_err(|_| Failure::new(format!("the job file {name} is not UTF-8 text")))?;
    Ok(Script { name, text: text.strip_prefix('\u{feff}').unwrap_or(&text).into() })
}

/// The address of a region.
fn address_of(region: &str, workspace: Option<&str>) -> Result<String, String> {
    let region: Region = region.parse().map_err(|error| format!("{error}"))?;
    match workspace {
        Some(workspace) => {
            Ok(format!("https://{workspace}.{}.maas.aliyuncs.com/compatible-mode/v1", region.id()))
        }
        None => region.base_url().map(str::to_owned).ok_or_else(|| {
            format!("{region} has no shared host: name your workspace with `workspace` under [model]")
        }),
    }
}

/// What the model table knows of models at an address.
fn book(base_url: &str) -> FactsBook {
    let region = Region::from_base_url(base_url);
    FactsBook::new(move |model| facts(model, region))
}

/// What the model table knows of a model in a region. Limits and prices belong to a region; of a server that belongs
/// to none it knows only what a model of that name is like.
fn facts(model: &str, region: Option<Region>) -> Facts {
    let Some(found) = Table::built_in().find(model, region) else { return Facts::default() };
    let limits = found.limits();
    let tier = |tier: &crate::models::Tier| Tier {
        up_to: tier.up_to,
        input: tier.input,
        output: tier.output,
        thinking_output: tier.thinking_output,
        cached_input: tier.cached_input,
    };
    let price = found.prices().map(|prices| Price {
        tiers: prices.tiers.iter().map(tier).collect(),
        as_of: prices.as_of.map(|date| date.to_string()),
    });
    Facts {
        requests_per_minute: limits.and_then(|limits| limits.requests_per_minute).map(|n| f64::from(n.get())),
        tokens_per_minute: limits.and_then(|limits| limits.tokens_per_minute).map(|n| f64::from(n.get())),
        price: price.map(Arc::new),
        max_input_tokens: found.model.longest_input(false),
        max_input_tokens_thinking: found.model.longest_input(true),
        max_output_tokens: found.model.max_output,
        max_thinking_tokens: found.model.max_thinking,
        thinking: found.model.thinking,
        transport: found.model.transport,
        function_calling: found.model.function_calling,
        languages: None,
    }
}

/// Whether to use colours on what is a terminal or is none.
pub(super) fn colored(when: Color, terminal: bool) -> bool {
    match when {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    }
}

/// The screen of a command.
pub(super) fn screen(args: &JobArgs, progress: Progress) -> Screen {
    let terminal = stderr().is_terminal();
    let color = colored(args.color, terminal);
    let mode = match progress {
        _ if args.quiet => Mode::Quiet,
        Progress::Auto if terminal => Mode::Bar,
        Progress::Auto | Progress::Plain => Mode::Plain,
        Progress::Bar => Mode::Bar,
        Progress::Json => Mode::Json,
        Progress::None => Mode::None,
    };
    Screen::new(mode, color)
}
