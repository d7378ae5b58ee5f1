//! Names in a line with commas between them: those that are known, and what to say of the others.

use crate::commands::failure::Failure;
use crate::diagnostic::{Diagnostic, nearest};
use crate::job::languages::Languages;

/// A name of a list.
#[derive(Debug)]
pub(super) enum ListedNames {
    /// One that is known, as it is written in the job.
    Known(String),
    /// One that is not.
    Unknown(UnknownName),
}

/// A name that is not known.
#[derive(Debug)]
pub(super) struct UnknownName {
    pub(super) name: String,
    /// What is wrong with it.
    pub(super) problem: Diagnostic,
    /// The name that was probably meant.
    pub(super) meant: Option<String>,
}

/// The languages that a text names.
pub(super) fn languages(known: &Languages, model: &str, text: &str) -> Vec<ListedNames> {
    let names = text.split(',').map(str::trim).filter(|name| !name.is_empty());
    let listed = names.map(|name| match known.fault(model, name) {
        None => ListedNames::Known(
            known.find(name).map_or_else(|| name.to_owned(), |language| language.name.clone()),
        ),
        Some((message, help)) => {
            let problem = Diagnostic::new(message);
            let problem = match help {
                Some(help) => problem.help(help),
                None => problem,
            };
            let meant = known.meant(name).map(|language| language.name.clone());
            ListedNames::Unknown(UnknownName { name: name.to_owned(), problem, meant })
        }
    });
    listed.collect()
}

/// The columns that a text names; a column's own name may have commas in it.
pub(super) fn columns(known: &[&str], text: &str) -> Vec<ListedNames> {
    let parts: Vec<&str> = text.split(',').collect();
    let (mut listed, mut at) = (Vec::new(), 0);
    while at < parts.len() {
        let ends = (at + 1..=parts.len()).rev();
        let found =
            ends.filter_map(|end| Some((end, column(known, parts[at..end].join(",").trim())?))).next();
        let name = parts[at].trim();
        match found {
            Some((end, column)) => {
                listed.push(ListedNames::Known(column.to_owned()));
                at = end;
                continue;
            }
            None if name.is_empty() => {}
            None => listed.push(ListedNames::Unknown(unknown_column(known, name))),
        }
        at += 1;
    }
    listed
}

/// The column of a name, in any case.
fn column<'a>(known: &[&'a str], name: &str) -> Option<&'a str> {
    let alike = || known.iter().find(|column| column.to_lowercase() == name.to_lowercase());
    known.iter().find(|column| column.trim() == name).or_else(alike).copied()
}

fn unknown_column(known: &[&str], name: &str) -> UnknownName {
    let meant = nearest(name, known.iter().copied()).map(str::to_owned);
    let help = match &meant {
        Some(column) => format!("did you mean `{column}`?"),
        None => format!("its columns are {}", known.join(", ")),
    };
    let problem = Diagnostic::new(format!("the input has no column `{name}`")).help(help);
    UnknownName { name: name.to_owned(), problem, meant }
}

/// The names of a list, each once.
///
/// # Errors
///
/// All that are not known; no name, for which `such` is an example.
pub(super) fn settled(listed: Vec<ListedNames>, such: &str) -> Result<Vec<String>, Failure> {
    let (mut names, mut problems) = (Vec::new(), Vec::new());
    for name in listed {
        match name {
            ListedNames::Known(name) if names.contains(&name) => {}
            ListedNames::Known(name) => names.push(name),
            ListedNames::Unknown(unknown) => problems.push(unknown.problem.to_string()),
        }
    }
    match (problems.is_empty(), names.is_empty()) {
        (false, _) => Err(Failure::new(problems.join("\n"))),
        (true, true) => Err(Failure::new(format!("name at least one, such as {such}"))),
        (true, false) => Ok(names),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_any_case_and_with_commas_in_their_names() {
        let known = ["Name", "Text, short", "Text"];
        let names = |text: &str| settled(columns(&known, text), "Name").map_err(|failure| failure.message);
        assert_eq!(
            names("name, Text, short,Text"),
            Ok(["Name", "Text, short", "Text"].map(str::to_owned).to_vec())
        );
        assert_eq!(names("Name,,Name"), Ok(vec!["Name".to_owned()]));
        let said = names("Nmae, Text, Zzzzzzzz").expect_err("two are unknown");
        assert!(said.contains("did you mean `Name`?") && said.contains("`Zzzzzzzz`"), "{said}");
        assert!(names(" , ").expect_err("none").contains("such as Name"));
    }
}
