//! The columns of an output for the combinations of `[each]`.

use std::collections::HashMap;

use serde_json::Value;

use super::PipelineError;
use crate::diagnostic::Diagnostic;
use crate::job::each::{Combination, Each};
use crate::job::{Job, RowLayout, TemplateText};
use crate::render::template::Templates;
use crate::row::{Column, ColumnKind, EACH};
use crate::write::EachColumns;

/// The columns for the combinations of a job.
///
/// # Errors
///
/// A mistake in the template of their names.
pub(super) fn each_columns(job: &Job) -> Result<EachColumns, PipelineError> {
    let Some(each) = &job.each else { return Ok(EachColumns::None) };
    let combinations = each.combinations();
    if job.output.layout == RowLayout::Long {
        let names = each.names().map(str::to_owned).collect();
        return Ok(EachColumns::Long {
            names,
            values: combinations.into_iter().map(|one| one.values).collect(),
        });
    }
    let named = match &job.output.wide {
        Some(template) => of_template(each, &combinations, template)?,
        None => combinations.iter().map(|one| (of_values("response", one), of_values("", one))).collect(),
    };
    let (responses, prefixes) = named.into_iter().unzip();
    Ok(EachColumns::Wide { responses, prefixes })
}

/// A name followed by the values of a combination.
fn of_values(first: &str, combination: &Combination) -> String {
    let first = Some(first).filter(|first| !first.is_empty());
    first.into_iter().chain(combination.values.iter().map(String::as_str)).collect::<Vec<_>>().join("_")
}

/// The template gives two combinations one name, as where it leaves out what they differ in.
fn same_name(
    each: &Each,
    (one, other): (&Combination, &Combination),
    name: &str,
    template: &TemplateText,
) -> Diagnostic {
    let differing =
        each.names().zip(one.values.iter().zip(&other.values)).filter(|(_, (one, other))| one != other);
    let unused: Vec<&str> =
        differing.map(|(name, _)| name).filter(|name| !template.source.contains(name)).collect();
    let message =
        format!("`wide` gives two columns the name `{name}`: {}, and {}", one.shown(), other.shown());
    let help = match unused.as_slice() {
        [] => "the columns of a row must have different names".to_owned(),
        unused => format!("it does not use `{}` of [each]; add {{{{ {} }}}}", unused.join("`, `"), unused[0]),
    };
    template.problem(Some(0..template.source.len()), message).help(help)
}

/// The names by the job's template, which are also those before the fields of an answer.
fn of_template(
    each: &Each,
    combinations: &[Combination],
    template: &TemplateText,
) -> Result<Vec<(String, String)>, PipelineError> {
    let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
    let columns: Vec<Column> = each.names().map(column).collect();
    let mut templates = Templates::new(Some(&columns), 0);
    // As in the other templates of the job: `each.lang` beside `lang`.
    let knows_each = !each.names().any(|name| name == EACH);
    if knows_each {
        templates = templates.of_each(each);
    }
    let slot = templates.add("output.wide", template.clone())?;
    templates.check_columns()?;
    let mut names = Vec::new();
    let mut seen: HashMap<String, &Combination> = HashMap::new();
    for combination in combinations {
        let mut fields = each.fields(combination);
        if knows_each {
            fields.insert(EACH.to_owned(), Value::Object(fields.clone()));
        }
        let name = templates.fill(&fields).text(&slot)?;
        if name.trim().is_empty() {
            let message = format!("`wide` gives the column of {} no name", combination.shown());
            return Err(template.problem(Some(0..template.source.len()), message).into());
        }
        if let Some(first) = seen.insert(name.clone(), combination) {
            return Err(same_name(each, (first, combination), &name, template).into());
        }
        names.push((name.clone(), name));
    }
    Ok(names)
}
