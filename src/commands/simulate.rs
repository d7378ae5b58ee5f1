//! `fanfold simulate`: the simulator as a server of its own.

use std::io::{Write, stdout};

use super::{Failure, interrupt};
use crate::cli::SimulateArgs;
use crate::dispatch::stop::Urgency;
use crate::exit::Exit;
use crate::simulator::{self, Limits, Script, Settings};
use crate::watch::{Mode, Screen};

/// Runs the command until it is interrupted.
pub(super) fn run(args: SimulateArgs) -> Result<Exit, Failure> {
    let stop = interrupt::listen(&Screen::new(Mode::Quiet, false), "stopping")?;
    let script = match &args.script {
        Some(path) => {
            let failed = |error: &dyn std::fmt::Display| Failure::new(format!("{}: {error}", path.display()));
            let text = std::fs::read_to_string(path).map_err(|error| failed(&error))?;
            Script::parse(&text).map_err(|error| failed(&error))?
        }
        None => Script::default(),
    };
    if [args.qps, args.qpm, args.tpm].contains(&Some(0)) {
        return Err(Failure {
            exit: Exit::Usage,
            message: "a limit of 0 would refuse every request".to_owned(),
        });
    }
    let api_key = match &args.key_env {
        Some(name) => {
            Some(std::env::var(name).map_err(|_| Failure::new(format!("the variable {name} is not set")))?)
        }
        None => None,
    };
    let settings = Settings {
        bind: args.bind,
        port: args.port,
        limits: Limits {
            requests_per_second: args.qps,
            requests_per_minute: args.qpm,
            tokens_per_minute: args.tpm,
        },
        window: args.window.parse().map_err(Failure::new)?,
        latency: args.latency.parse().map_err(Failure::new)?,
        profile: args.profile.parse().map_err(Failure::new)?,
        api_key,
        script,
        witness: args.witness.clone(),
        seed: args.seed,
        ..Settings::default()
    };
    let server = simulator::spawn_thread(settings).map_err(Failure::new)?;
    let mut out = stdout();
    writeln!(out, "{}", server.base_url())?;
    out.flush()?;
    while *stop.borrow() == Urgency::None {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    Ok(Exit::Done)
}
