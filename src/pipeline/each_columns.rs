//! The columns of an output for the combinations of `[each]`.

use super::PipelineError;
use crate::job::each::{Combination, Each};
use crate::job::{Job, RowLayout, TemplateText};
use crate::render::template::Templates;
use crate::row::{Column, ColumnKind};
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

/// The names by the job's template, which are also those before the fields of an answer.
fn of_template(
    each: &Each,
    combinations: &[Combination],
    template: &TemplateText,
) -> Result<Vec<(String, String)>, PipelineError> {
    let column = |name: &str| Column { name: name.to_owned(), kind: ColumnKind::Text };
    let columns: Vec<Column> = each.names().map(column).collect();
    let mut templates = Templates::new(Some(&columns), 0);
    let slot = templates.add("output.wide", template.clone())?;
    templates.check_columns()?;
    let mut names = Vec::new();
    for combination in combinations {
        let name = templates.fill(&each.fields(combination)).text(&slot)?;
        if name.trim().is_empty() {
            let message = format!("`wide` gives the column of {} no name", combination.shown());
            return Err(template.problem(Some(0..template.source.len()), message).into());
        }
        names.push((name.clone(), name));
    }
    Ok(names)
}
