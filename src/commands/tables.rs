//! The model table of a command: the built-in one with the user's own applied over it.

use std::path::Path;
use std::sync::Arc;

use super::failure::Failure;
use crate::config::layers::explain;
use crate::diagnostic::{Diagnostic, SourceText};
use crate::job::facts::ModelCatalog;
use crate::job::tier::ServedAt;
use crate::models::ModelTable;
use crate::regular;

/// The name of a table that is found automatically.
pub(super) const FOUND_BY_ITSELF: &str = "models.toml";

/// A model table, and its sources.
#[derive(Debug, Clone)]
pub(super) struct Tables {
    /// The table.
    pub(super) table: Arc<ModelTable>,
    /// The user's own file in it, if there is one.
    pub(super) own: Option<String>,
}

impl Tables {
    /// The built-in table with the given file applied over it; by default with `models.toml` next to the job file, if it
    /// exists. Without a job file (an empty path) that is the one in the working directory.
    pub(super) fn read(named: Option<&Path>, job: &Path) -> Result<Self, Failure> {
        let beside = job.with_file_name(FOUND_BY_ITSELF);
        let path = match named {
            Some(path) => path,
            None if beside != job && beside.exists() && !beside.is_dir() => &beside,
            None => return Ok(Self::built_in()),
        };
        let name = path.display().to_string();
        let text = regular::read_to_string(path)
            .map_err(|error| Failure::unreadable("model table", path, &error))?;
        let script = SourceText::new(name.as_str(), text);
        let own = ModelTable::parse(&script.text).map_err(|error| {
            let problem = explain(&script, &error.0);
            match (named, &problem.help) {
                // A user with such a file for another purpose would not know why it is read.
                (None, None) => problem.help(format!(
                    "`{FOUND_BY_ITSELF}` next to a job file is read as a model table; `table` under [model] \
                     names another"
                )),
                _ => problem,
            }
        })?;
        Ok(Self { table: Arc::new(ModelTable::built_in().clone().merge(own)), own: Some(name) })
    }

    /// The built-in table alone.
    pub(super) fn built_in() -> Self {
        Self { table: Arc::new(ModelTable::built_in().clone()), own: None }
    }

    /// The sources of the table, for people.
    pub(super) fn words(&self) -> String {
        match &self.own {
            Some(own) => format!("{own} over the built-in one"),
            None => "built-in".to_owned(),
        }
    }

    /// What the table knows about models where requests go.
    pub(super) fn book(&self, at: &ServedAt<'_>) -> ModelCatalog {
        self.table.catalog(at)
    }

    /// An unknown name, with the known one that was probably meant.
    pub(super) fn unknown(&self, name: &str) -> Failure {
        let problem = Diagnostic::new(format!("`{name}` is not in the model table"));
        Failure::from(match self.table.nearest(name) {
            Some(nearest) => problem.help(format!("did you mean `{nearest}`?")),
            None => problem.help("`fanfold models` lists every model; your own model table can add it"),
        })
    }
}
