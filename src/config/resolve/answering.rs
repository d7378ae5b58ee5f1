//! The requirements for an answer, and the commands that are run to get it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::values::duration;
use crate::config::file::{AnswerSection, ToolSection};
use crate::config::layers::Layers;
use crate::diagnostic::Diagnostic;
use crate::job::TemplateText;
use crate::job::answer::{AnswerRules, Tool};

pub(super) fn answer(section: AnswerSection, layers: &Layers) -> Result<AnswerRules, Diagnostic> {
    let default = AnswerRules::default();
    let rules = AnswerRules {
        on_length: section.on_length.unwrap_or_default(),
        repair: section.repair.unwrap_or(default.repair),
        expand: section.expand.unwrap_or(default.expand),
        max_rounds: section.max_rounds.unwrap_or(default.max_rounds),
        schema_text: section
            .schema
            .clone()
            .map(|source| TemplateText { source, place: layers.place("answer.schema") }),
        schema: section.schema.map(PathBuf::from),
    };
    if rules.schema.is_none() && rules.expand {
        let problem =
            layers.problem("answer.expand", "`expand` needs a `schema`, whose fields become columns");
        return Err(problem.help("set `schema` under [answer], or remove `expand`"));
    }
    if rules.schema.is_none() && section.repair.is_some() {
        let problem = layers.problem("answer.repair", "`repair` needs a `schema` to check answers against");
        return Err(problem.help("set `schema` under [answer], or remove `repair`"));
    }
    layers.refuse_if(rules.repair > 10, "answer.repair", "`repair` must be 10 or less")?;
    let rounds = "`max_rounds` must be a whole number from 1 to 100";
    layers.refuse_if(!(1..=100).contains(&rules.max_rounds), "answer.max_rounds", rounds)?;
    Ok(rules)
}

pub(super) fn tools(
    sections: BTreeMap<String, ToolSection>,
    layers: &Layers,
) -> Result<Vec<Tool>, Diagnostic> {
    let settle = |(name, section): (String, ToolSection)| {
        let key = format!("tools.{name}");
        let command = match section.command {
            None => {
                let problem = layers.problem(&key, format!("[{key}] has no `command` to run"));
                return Err(problem.help("command = [\"./program\", \"argument\"]"));
            }
            Some(command) => command.into_command(),
        };
        let is_empty = command.first().is_none_or(String::is_empty);
        layers.refuse_if(is_empty, &format!("{key}.command"), "the command is empty")?;
        let timeout = duration(&format!("{key}.timeout"), section.timeout.as_deref(), layers)?;
        let timeout = timeout.unwrap_or(Duration::from_secs(30));
        layers.refuse_if(timeout.is_zero(), &format!("{key}.timeout"), "`timeout` must be above 0")?;
        Ok(Tool { name, command, timeout })
    };
    sections.into_iter().map(settle).collect()
}
