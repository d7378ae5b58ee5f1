//! A file of its own for the answer to each document: `documents = "out/{{ stem }}.zh.md"`.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::{Component, Path, PathBuf, absolute};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::fold::FoldedRow;
use super::row_requests::Combinations;
use super::{Opened, PipelineError};
use crate::diagnostic::Diagnostic;
use crate::dispatch::stop::{Stop, StopLevel};
use crate::job::{Output, TemplateText};
use crate::outcome::{RowResult, Status};
use crate::read::Projection;
use crate::read::documents::{own_files, path_of};
use crate::render::template::{Slot, Templates};
use crate::row::{Item, Row};
use crate::write::write_text;

/// The names of the files that documents' answers get.
pub(super) struct DocumentFiles {
    templates: Templates,
    name: Slot,
    text: TemplateText,
    output: Output,
    /// The combinations, in a job with `[each]`: each has a file.
    each: Option<Arc<Combinations>>,
    /// The folder that the template names before anything is filled in: no file leads above it.
    folder: PathBuf,
}

impl DocumentFiles {
    /// The files of a job; `None` if its answers get none.
    ///
    /// # Errors
    ///
    /// A mistake in the template, or an input that is not of documents.
    pub(super) fn of(opened: &Opened) -> Result<Option<Self>, PipelineError> {
        let Some(text) = opened.job.output.documents.clone() else { return Ok(None) };
        let problem = |message: &str| text.problem(Some(0..text.source.len()), message);
        if !opened.source.is_of_documents() {
            let help = "remove it, or give documents as the input; the output has the answers of rows";
            return Err(problem("`documents` needs an input of documents").help(help).into());
        }
        let mut templates = Templates::new(opened.source.columns(), opened.job.input.max_record_bytes);
        if let Some(each) = &opened.job.each {
            templates = templates.of_each(each);
        }
        let name = templates.add("output.documents", text.clone())?;
        templates.check_columns()?;
        templates.check_each_names()?;
        if let Some(unused) = templates.unused_each() {
            let message =
                format!("the answers for all values of `each.{unused}` would be written to one file");
            return Err(problem(&message).help(format!("add {{{{ each.{unused} }}}} to the name")).into());
        }
        if name.is_literal() {
            let help = "name it by a column, such as \"out/{{ stem }}.md\"";
            return Err(problem("every document would be written to this one file").help(help).into());
        }
        let folder = literal_folder(&text.source).to_owned();
        let output = opened.job.output.clone();
        let each = opened.requester().each.clone();
        Ok(Some(Self { templates, name, folder, text, output, each }))
    }

    /// The file of a row with these columns.
    fn place(&self, fields: &Map<String, Value>) -> Result<PathBuf, Diagnostic> {
        let name = self.templates.fill(fields).text(&self.name)?;
        // Without a folder of its own, `{{ folder }}/…` is in the working directory.
        let is_rooted = self.text.source.starts_with('/');
        let at_root = fields.get("folder").and_then(|folder| folder.as_str()) == Some("");
        let name = if at_root && !is_rooted { name.trim_start_matches('/') } else { &name };
        let path = Path::new(name);
        let below = path.strip_prefix(&self.folder).ok().filter(|below| {
            let mut parts = below.components();
            parts.all(|part| matches!(part, Component::Normal(_) | Component::CurDir))
        });
        let is_file = below.is_some_and(|below| below.file_name().is_some()) && !name.ends_with('/');
        match is_file && !name.contains('\0') {
            true => Ok(path.to_owned()),
            false => Err(self.refused(format!("`{name}` is not a file below {}", self.folder_shown()))),
        }
    }

    /// Refuses names that lead above their folder, onto a source or a file of the job's, or twice to one file.
    ///
    /// # Errors
    ///
    /// The first such name, or that somebody stopped it.
    pub(super) fn check(&self, opened: &Opened, stop: &Stop) -> Result<(), PipelineError> {
        let wanted = self.templates.columns().map_or(Projection::Fields, |mut columns| {
            columns.insert("folder".to_owned());
            Projection::Only(columns)
        });
        let mut taken = own_places(opened);
        let output = &opened.job.output;
        let (mut named, mut targets) = (Vec::new(), Vec::new());
        for item in opened.rows(wanted)? {
            let item = item?;
            if *stop.borrow() != StopLevel::None {
                return Err(PipelineError::Interrupted);
            }
            let source = path_of(&item.place().file);
            taken.insert(settled(&source));
            taken.extend(source.canonicalize().ok());
            if let Item::Row(row) = &item {
                for fields in self.fields_of(row) {
                    let name = self.place(&fields)?;
                    // What a run refuses, its rehearsal does too.
                    named.push((name.clone(), source.clone()));
                    targets.push((output.document(name), source.clone()));
                }
            }
        }
        self.check_all(&named, &taken)?;
        self.check_all(&targets, &taken).map_err(PipelineError::from)
    }

    /// Checks the file of each source against the places that are taken, and against one another.
    fn check_all(&self, targets: &[(PathBuf, PathBuf)], taken: &HashSet<PathBuf>) -> Result<(), Diagnostic> {
        let folder = if self.folder.as_os_str().is_empty() { Path::new(".") } else { &self.folder };
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| settled(folder));
        let mut sources = HashMap::new();
        for (target, source) in targets {
            let place = settled(target);
            let shown = target.display();
            let through_a_link = target.canonicalize().is_ok_and(|real| taken.contains(&real));
            if taken.contains(&place) || through_a_link {
                return Err(self.refused(format!("{shown} is a source, or belongs to the job")));
            }
            if !place.starts_with(&folder) {
                return Err(self.refused(format!("{shown} leads out of {}", self.folder_shown())));
            }
            if target.is_dir() {
                return Err(self.refused(format!("{shown} is a folder")));
            }
            if let Some(other) = sources.insert(place, source) {
                let (one, two) = (other.display(), source.display());
                return Err(self.refused(format!("{one} and {two} would both be written to {shown}")));
            }
        }
        Ok(())
    }

    /// The columns of a row as the template sees them: once, or for each combination.
    fn fields_of(&self, row: &Row) -> Vec<Map<String, Value>> {
        let Some(each) = &self.each else { return vec![row.fields.clone()] };
        let put = |number| {
            let mut fields = row.fields.clone();
            each.put(number, &mut fields);
            fields
        };
        (0..each.all.len()).map(put).collect()
    }

    /// Writes the answers to a document.
    ///
    /// # Errors
    ///
    /// A file cannot be written.
    pub(super) fn write_row(&self, folded: &FoldedRow) -> Result<(), PipelineError> {
        let Item::Row(row) = &folded.item else { return Ok(()) };
        let results =
            if self.each.is_some() { &folded.each[..] } else { std::slice::from_ref(&folded.result) };
        self.fields_of(row).iter().zip(results).try_for_each(|(fields, result)| self.write(fields, result))
    }

    /// Writes the answer to a document that has one, and the text of one that asks nothing. Any other keeps the file that it has.
    ///
    /// # Errors
    ///
    /// The file cannot be written.
    fn write(&self, fields: &Map<String, Value>, result: &RowResult) -> Result<(), PipelineError> {
        let (Status::Ok | Status::Skipped, Some(text)) = (result.status, result.response()) else {
            return Ok(());
        };
        write_text(&self.output.document(self.place(fields)?), text)?;
        Ok(())
    }

    fn folder_shown(&self) -> String {
        match self.folder.as_os_str().is_empty() {
            true => "the working directory".to_owned(),
            false => self.folder.display().to_string(),
        }
    }

    fn refused(&self, message: String) -> Diagnostic {
        let help = "give the answers names or a folder of their own, such as \"out/{{ path }}.md\"";
        self.text.problem(Some(0..self.text.source.len()), message).help(help)
    }
}

/// The files of the job, none of which an answer may replace.
fn own_places(opened: &Opened) -> HashSet<PathBuf> {
    let output = &opened.job.output;
    let journal = output.journal();
    let own = [output.path.clone(), output.summary(), output.report(), output.spool()].into_iter();
    let digest = opened.job.digest.as_ref().and_then(|digest| digest.output.clone());
    let own =
        own.chain(digest).chain(own_files(&output.kept_documents())).chain(crate::journal::files(&journal));
    own.chain(opened.job.read_from.clone()).map(|own| settled(&own)).collect()
}

/// The folder that a template names before its first brace.
fn literal_folder(template: &str) -> &Path {
    let literal = &template[..template.find('{').unwrap_or(template.len())];
    Path::new(literal.rfind('/').map_or("", |last| &literal[..=last]))
}

/// A path by which two names of one place are equal, also of a file and folders that do not exist yet. The file itself is not
/// followed, if it is a link.
fn settled(path: &Path) -> PathBuf {
    let whole = absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut missing = Vec::new();
    let mut above = whole.as_path();
    while let (Some(parent), Some(name)) = (above.parent(), above.file_name()) {
        missing.push(name);
        if let Ok(real) = fs::canonicalize(parent) {
            return missing.iter().rev().fold(real, |path, name| path.join(name));
        }
        above = parent;
    }
    whole
}
