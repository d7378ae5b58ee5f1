//! `fanfold models`: the facts in the model table, for all models in one region or for one model in all.

mod card;
mod data;
mod found;
mod list;

use std::io::{Write, stdout};
use std::path::Path;

use super::environment::Environment;
use super::failure::Failure;
use super::tables::Tables;
use crate::cli::ModelsArgs;
use crate::config::flags::JOB_FLAGS;
use crate::exit::Exit;
use crate::models::Region;
use crate::text::printable;

/// Runs the command.
pub(super) fn run(args: ModelsArgs) -> Result<Exit, Failure> {
    let region = region(&args)?;
    let tables = Tables::read(args.table.as_deref(), Path::new(""))?;
    let text = match (&args.name, args.json) {
        (Some(name), json) => {
            let found = tables.table.find(name, region).ok_or_else(|| tables.unknown(name))?;
            match json {
                true => data::of_one(&tables, name, &found)?,
                false => card::of(&tables, name, &found),
            }
        }
        (None, true) => data::of_all(&tables, region)?,
        (None, false) => list::of(&tables, region),
    };
    writeln!(stdout().lock(), "{}", printable(&text))?;
    Ok(Exit::Done)
}

/// The requested region, by name or by address; Singapore by default. `None`: an address in no region.
fn region(args: &ModelsArgs) -> Result<Option<Region>, Failure> {
    let environment = Environment::read(None)?;
    let variable = |key: &str| {
        let job_flag = JOB_FLAGS.iter().find(|job_flag| job_flag.key == key)?;
        environment.get(&job_flag.variable())
    };
    let (name, address) = match (&args.region, &args.base_url) {
        (None, None) => (variable("model.region"), variable("model.base_url")),
        (name, address) => (name.clone(), address.clone()),
    };
    match (name, address) {
        (Some(name), _) => name.parse().map(Some).map_err(|error| {
            let exit = if args.region.is_some() { Exit::Usage } else { Exit::CannotRun };
            Failure { exit, ..Failure::new(error) }
        }),
        (None, Some(address)) => Ok(Region::from_base_url(&address)),
        (None, None) => Ok(Some(Region::Singapore)),
    }
}
