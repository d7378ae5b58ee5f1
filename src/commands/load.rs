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
use crate::job::knobs::set;
use crate::job::layers::Layers;
use crate::job::price::Price;
use crate::job::problem::{Problem, Script};
use crate::job::resolve::{Facts, resolve};
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
    let mut job = resolve(file, &layers, facts)?;
    check_request(&job).map_err(|(key, message)| {
        let problem = layers.problem(&format!("request.{key}"), format!("`{key}` {message}"));
        Failure::from(problem)
    })?;
    if args.simulate {
        job.output = job.output.simulated();
    }
    Ok(Loaded { job, environment })
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

/// What the model table knows of a model at an address. Of a server it does not know, it says nothing of limits.
fn facts(model: &str, base_url: &str) -> Facts {
    let Some(region) = Region::from_base_url(base_url) else { return Facts::default() };
    let Some(found) = Table::built_in().find(model, Some(region)) else { return Facts::default() };
    let limits = found.limits();
    let tier = found.tier_for(0);
    Facts {
        requests_per_minute: limits.and_then(|limits| limits.requests_per_minute).map(|n| f64::from(n.get())),
        tokens_per_minute: limits.and_then(|limits| limits.tokens_per_minute).map(|n| f64::from(n.get())),
        price: tier.map(|tier| Price {
            input: tier.input,
            output: tier.output,
            cached_input: tier.cached_input,
        }),
        max_output_tokens: found.model.max_output,
    }
}

/// The screen of a command.
pub(super) fn screen(args: &JobArgs, progress: Progress) -> Screen {
    let terminal = stderr().is_terminal();
    let color = match args.color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
    };
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
