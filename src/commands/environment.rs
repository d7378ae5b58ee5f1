//! Variables: of the environment, and of the file that `--env-file` names.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::Failure;
use crate::job::knobs::{KNOBS, Overlay};

/// Where variables are looked up. What the environment says beats the file.
#[derive(Debug, Default)]
pub(super) struct Environment {
    file: HashMap<String, String>,
}

impl Environment {
    /// The environment, and the file's variables where there is one.
    pub(super) fn read(file: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = file else { return Ok(Self::default()) };
        let text =
            fs::read_to_string(path).map_err(|error| Failure::new(format!("{}: {error}", path.display())))?;
        let mut variables = HashMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            let line = line.strip_prefix("export ").unwrap_or(line);
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let Some((name, value)) = line.split_once('=') else {
                return Err(Failure::new(format!(
                    "{}:{}: not of the form NAME=VALUE",
                    path.display(),
                    index + 1
                )));
            };
            variables.insert(name.trim().to_owned(), unquoted(value.trim()).to_owned());
        }
        Ok(Self { file: variables })
    }

    /// The value of a variable.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().or_else(|| self.file.get(name).cloned())
    }

    /// What the variables of the knobs set.
    pub(super) fn overlays(&self) -> Vec<Overlay> {
        KNOBS.iter().filter_map(|knob| Some(knob.from_variable(&self.get(&knob.variable())?))).collect()
    }
}

fn unquoted(value: &str) -> &str {
    ['"', '\''].iter().find_map(|quote| value.strip_prefix(*quote)?.strip_suffix(*quote)).unwrap_or(value)
}
