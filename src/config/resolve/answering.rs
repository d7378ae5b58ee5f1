//! The requirements for an answer, and the commands that are run to get it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::values::duration;
use crate::checks::{self, Checks, Keep, LengthRange};
use crate::config::file::{AnswerSection, ToolSection};
use crate::config::layers::Layers;
use crate::config::one_or_many::OneOrMany;
use crate::diagnostic::{Diagnostic, nearest};
use crate::job::TemplateText;
use crate::job::answer::{AnswerRules, Tool};

pub(super) fn answer(section: AnswerSection, layers: &Layers) -> Result<AnswerRules, Diagnostic> {
    let default = AnswerRules::default();
    let rules = AnswerRules {
        on_length: section.on_length.unwrap_or_default(),
        checks: checks(&section, layers)?,
        source: section
            .source
            .clone()
            .map(|source| TemplateText { source, place: layers.place("answer.source") }),
        on_check: section.on_check.unwrap_or_default(),
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
    let has_checks = !rules.checks.is_empty();
    if rules.schema.is_none() && !has_checks && section.repair.is_some() {
        let problem = layers
            .problem("answer.repair", "`repair` needs a `schema` or `checks`, which an answer can fail");
        return Err(problem.help("set `schema` or `checks` under [answer], or remove `repair`"));
    }
    for (key, is_set) in [("source", rules.source.is_some()), ("on_check", section.on_check.is_some())] {
        if is_set && !has_checks {
            let problem = layers.problem(&format!("answer.{key}"), format!("`{key}` needs `checks`"));
            return Err(
                problem.help(format!("set `checks`, `keep` or `length` under [answer], or remove `{key}`"))
            );
        }
    }
    layers.refuse_if(rules.repair > 10, "answer.repair", "`repair` must be 10 or less")?;
    let rounds = "`max_rounds` must be a whole number from 1 to 100";
    layers.refuse_if(!(1..=100).contains(&rules.max_rounds), "answer.max_rounds", rounds)?;
    Ok(rules)
}

/// The checks of a section. An expression to keep, and a range of lengths, are checks by themselves.
fn checks(section: &AnswerSection, layers: &Layers) -> Result<Checks, Diagnostic> {
    let mut checks = Checks::default();
    for (index, name) in section.checks.iter().flatten().enumerate() {
        match name.as_str() {
            "placeholders" => checks.placeholders = true,
            "translated" => checks.translated = true,
            "length" => checks.length = Some(LengthRange::default()),
            _ => {
                let known = checks::NAMES.map(|name| format!("`{name}`")).join(", ");
                let message = format!("there is no check `{name}`; the checks are {known}");
                let problem = layers.problem(&format!("answer.checks.{index}"), message);
                return Err(match nearest(name, checks::NAMES) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem.help("an expression to be kept belongs in `keep`"),
                });
            }
        }
    }
    if let Some([least, most]) = section.length {
        let is_range = least >= 0.0 && most > least && most.is_finite();
        let message = format!("`length` is a range, and {least} to {most} is none");
        let help =
            "give the shortest and the longest answer as multiples of the source's characters: [0.2, 6.0]";
        layers.refuse_if(!is_range, "answer.length", &message).map_err(|problem| problem.help(help))?;
        checks.length = Some(LengthRange { least, most });
    }
    let is_one = matches!(section.keep, Some(OneOrMany::One(_)));
    for (index, pattern) in section.keep.clone().map(OneOrMany::into_list).into_iter().flatten().enumerate() {
        let key = if is_one { "answer.keep".to_owned() } else { format!("answer.keep.{index}") };
        let problem = |reason: String| {
            layers.problem(&key, format!("`{pattern}` is no regular expression to keep: {reason}"))
        };
        checks.keep.push(Keep::new(&pattern).map_err(problem)?);
    }
    Ok(checks)
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
