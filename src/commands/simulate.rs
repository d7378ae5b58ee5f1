//! `fanfold simulate`: the simulator as a separate server.

use std::io::{Write, stdout};
use std::path::Path;

use super::failure::Failure;
use super::interrupt;
use super::variables;
use crate::cli::SimulateArgs;
use crate::config::layers::explain;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::dispatch::stop::StopLevel;
use crate::exit::Exit;
use crate::simulator::{self, Script, ScriptError, ServerLimits, ServerSettings};
use crate::watch::{Mode, Screen};

/// Runs the command until it is interrupted.
pub(super) fn run(args: SimulateArgs) -> Result<Exit, Failure> {
    let stop = interrupt::listen(&Screen::new(Mode::Quiet, false), "stopping")?;
    let script = match &args.script {
        Some(path) => {
            let text = crate::regular::read_to_string(path)
                .map_err(|error| Failure::unreadable("script", path, &error))?;
            Script::parse(&text).map_err(|error| unfit(path, &text, &error))?
        }
        None => Script::default(),
    };
    if [args.qps, args.qpm, args.tpm].contains(&Some(0)) {
        let problem = Diagnostic::new("a limit of 0 would refuse every request");
        return Err(Failure::usage(problem.help("leave the flag out to have no limit")));
    }
    let api_key = match &args.key_env {
        Some(name) => {
            let unset = |_| {
                Diagnostic::new(format!("the variable {name} of --key-env is not set"))
                    .help(format!("export {name}=… , with any text as the key"))
            };
            Some(variables::text(name).map_err(unset)?)
        }
        None => None,
    };
    let settings = ServerSettings {
        bind: args.bind,
        port: args.port,
        limits: ServerLimits {
            requests_per_second: args.qps,
            requests_per_minute: args.qpm,
            tokens_per_minute: args.tpm,
        },
        window: args.window.parse().map_err(Failure::new)?,
        latency: args.latency.parse().map_err(Failure::new)?,
        profile: args.profile.parse().map_err(Failure::new)?,
        translations: args.translate.parse().map_err(Failure::new)?,
        api_key,
        script,
        witness: args.witness.clone(),
        seed: args.seed,
        ..ServerSettings::default()
    };
    let server = simulator::spawn_thread(settings).map_err(|error| Failure::with_causes(&error))?;
    let mut out = stdout();
    writeln!(out, "{}", server.base_url())?;
    out.flush()?;
    while *stop.borrow() == StopLevel::None {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(Exit::Done)
}

/// An invalid script, shown like a job file.
fn unfit(path: &Path, text: &str, error: &ScriptError) -> Failure {
    let name = path.display().to_string();
    match error {
        ScriptError::Unreadable(error) => explain(&SourceText::new(name, text), error).into(),
        ScriptError::Senseless { .. } => Failure::new(format!("{name}: {error}")),
    }
}
