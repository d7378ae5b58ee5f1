//! The compiled templates of a job: which texts in their braces are columns, and whether the input has them.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, PoisonError, RwLock};

use serde_json::{Map, Value};

use super::guard::DEEP_STACK;
use super::mistakes::{help_for, is_like_a_name, occurrence};
use super::prober::{Briefing, Prober};
use super::reading::{Reading, TemplateSource};
use super::tags::{self, KeyUse, OWN, WHOLE_ROW, keys};
use crate::diagnostic::{Diagnostic, nearest};
use crate::job::TemplateText;
use crate::job::each::{Each, EachName};
use crate::row::{Column, EACH, PIECE};

/// The maximum result of one template, in bytes, unless longer records are read.
pub(super) const RENDERED_BYTES: u64 = 16 * 1024 * 1024;

/// The memory limit of a rendering, apart from some copies of the longest record.
const MEMORY: u64 = 256 << 20;
const RECORDS: u64 = 12;

/// The maximum number of compilations kept for rows with other columns than the first. Any more are compiled for each use.
const READINGS: usize = 64;

/// The templates of a job, compiled.
#[derive(Debug)]
pub struct Templates {
    pub(super) sources: Vec<TemplateSource>,
    /// The columns of the input, where they are known before the rows.
    pub(super) known: Option<Vec<String>>,
    /// Texts in braces that are the name of a column if there is such a column, and otherwise an expression or an error.
    pub(super) candidates: BTreeSet<String>,
    /// The templates as compiled for most rows.
    pub(super) first: Reading,
    /// Templates that use a name of the program's where a column could be meant.
    own: Vec<(usize, &'static str)>,
    /// The templates as compiled for rows that have other candidates as columns.
    others: RwLock<HashMap<BTreeSet<String>, Arc<Reading>>>,
    /// The longest record, in bytes.
    pub(super) longest: u64,
    /// Tries renderings that may grow.
    pub(super) prober: Prober,
    /// Whether rows are cut into pieces, so that each has the fields of a piece.
    pub(super) has_pieces: bool,
    /// The names of `[each]`, in a job that has it, with their values.
    pub(super) each: Vec<(String, Vec<String>)>,
}

/// A place in the request that a template fills.
#[derive(Debug, Clone)]
pub enum Slot {
    /// Text without any template.
    Literal(String),
    /// A template that makes text, by its number.
    Text(usize),
    /// A template that is a single expression and keeps its value's type, by its number.
    Value(usize),
}

impl Slot {
    /// Whether the slot needs no row.
    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

impl Default for Templates {
    /// For rows that each bring their own columns.
    fn default() -> Self {
        Self::new(None, RENDERED_BYTES)
    }
}

impl Templates {
    /// No templates yet, for an input with these columns, or whose rows each bring their own. `longest` is the maximum
    /// record in bytes.
    pub fn new(columns: Option<&[Column]>, longest: u64) -> Self {
        // An input without any columns has no rows either.
        let known = columns.filter(|columns| !columns.is_empty());
        Self::of_names(
            known.map(|columns| columns.iter().map(|column| column.name.clone()).collect()),
            longest,
        )
    }

    /// The same, by the names of the columns.
    pub(super) fn of_names(known: Option<Vec<String>>, longest: u64) -> Self {
        Self {
            sources: Vec::new(),
            known,
            candidates: BTreeSet::new(),
            first: Reading::new(BTreeSet::new()),
            own: Vec::new(),
            others: RwLock::default(),
            longest,
            prober: Prober::default(),
            has_pieces: false,
            each: Vec::new(),
        }
    }

    /// The same templates, none of which is compiled yet, for rows that are cut into pieces.
    #[must_use]
    pub fn of_pieces(mut self) -> Self {
        self.known.iter_mut().for_each(|known| known.push(PIECE.to_owned()));
        Self { has_pieces: true, ..self }
    }

    /// The same templates, none of which is compiled yet, for rows that are asked for each of these values.
    #[must_use]
    pub fn of_each(mut self, each: &Each) -> Self {
        let values = |name: &EachName| name.values.iter().map(|value| value.source.clone()).collect();
        let named = each.names.iter().map(|name| (name.name.clone(), values(name)));
        self.each = named.collect();
        self.known.iter_mut().for_each(|known| known.push(EACH.to_owned()));
        self
    }

    /// Whether a name belongs to the program and to no column.
    pub(super) fn is_own(&self, name: &str) -> bool {
        let has_each = !self.each.is_empty();
        OWN.contains(&name) && !(self.has_pieces && name == PIECE) && !(has_each && name == EACH)
    }

    /// Compiles a template that makes text.
    ///
    /// # Errors
    ///
    /// A mistake in the template, shown at its position.
    pub fn add(&mut self, name: &str, text: TemplateText) -> Result<Slot, Diagnostic> {
        if !text.source.contains("{{") && !text.source.contains("{%") && !text.source.contains("{#") {
            return Ok(Slot::Literal(text.source));
        }
        self.compile(TemplateSource { name: name.to_owned(), text, keeps_type: false }).map(Slot::Text)
    }

    /// Compiles a template that keeps its value's type if it is a single expression.
    ///
    /// # Errors
    ///
    /// A mistake in the template, shown at its position.
    pub fn add_value(&mut self, name: &str, text: TemplateText) -> Result<Slot, Diagnostic> {
        let inner = text.source.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        if inner.is_none_or(|inner| inner.contains("{{") || inner.contains("}}")) {
            return self.add(name, text);
        }
        self.compile(TemplateSource { name: name.to_owned(), text, keeps_type: true }).map(Slot::Value)
    }

    pub(super) fn compile(&mut self, source: TemplateSource) -> Result<usize, Diagnostic> {
        let candidates = self.candidates_of(&source.text.source);
        if let Some(known) = &self.known {
            let columns = candidates.iter().filter(|name| known.contains(name)).cloned();
            self.first.take_for_columns(columns.collect::<Vec<_>>());
        }
        if let Err(problem) = self.first.add(&source) {
            let names = self.like_names(&source.text.source, self.first.columns());
            match &self.known {
                Some(known) => {
                    let known: Vec<&str> = known.iter().map(String::as_str).collect();
                    return Err(misnamed(&source.text, &names, &known, "input").unwrap_or(problem));
                }
                // The rows decide whether there is such a column.
                None if names.is_empty() => return Err(problem),
                None => self.first.take_for_columns(names),
            }
            self.first.add(&source)?;
        }
        let number = self.sources.len();
        for name in OWN {
            if self.is_own(name) && self.uses_own(&source.text.source, number, name) {
                self.own.push((number, name));
            }
        }
        self.candidates.extend(candidates);
        self.sources.push(source);
        Ok(number)
    }

    /// The texts in a template's braces that are the name of a column if there is one, and not a variable.
    fn candidates_of(&self, source: &str) -> BTreeSet<String> {
        let heads = source.match_indices("{{").flat_map(|(at, _)| tags::heads(source, at + 2));
        let names: BTreeSet<&str> = heads.map(|head| &source[head]).collect();
        names.into_iter().filter(|name| !self.first.is_variable(name)).map(str::to_owned).collect()
    }

    /// The texts in a template's braces that are not expressions, and look like names of columns other than these.
    fn like_names(&self, source: &str, columns: &BTreeSet<String>) -> Vec<String> {
        let tags = tags::tags(source, &|name| columns.contains(name));
        let variables = tags.into_iter().filter(|tag| tag.is_variable && tag.column.is_none());
        let names = variables.filter_map(|tag| Some(&source[tags::heads(source, tag.inside.start).last()?]));
        let is_meant = |name: &&str| is_like_a_name(name) && !self.first.is_expression(name);
        names.filter(is_meant).map(str::to_owned).collect()
    }

    /// Whether a template uses a name of the program's as the name of a column.
    fn uses_own(&self, source: &str, number: usize, name: &str) -> bool {
        if name != WHOLE_ROW {
            return self.first.template(number).is_some_and(|template| template.names.contains(name));
        }
        // Before a filter or a key it can only be the whole row; next to an operator, nobody means that.
        let mut tags = source.match_indices("{{").map(|(at, _)| tags::heads(source, at + 2));
        tags.any(|mut heads| heads.next().is_some_and(|head| &source[head] == WHOLE_ROW))
            || tags::is_an_operand(source, WHOLE_ROW)
    }

    /// Whether a template may use a column, or a name of the program's, other than through the whole row.
    pub fn uses(&self, name: &str) -> bool {
        let mut templates = (0..self.sources.len()).filter_map(|number| self.first.template(number));
        self.candidates.iter().any(|candidate| candidate == name)
            || templates.any(|template| template.names.contains(name))
    }

    /// The columns that the templates may depend on; `None` when one uses the whole row.
    pub fn columns(&self) -> Option<BTreeSet<String>> {
        if self.first.words().contains(WHOLE_ROW) {
            return None;
        }
        let mut columns = self.first.words().clone();
        columns.extend(self.candidates.iter().cloned());
        Some(columns)
    }

    /// Checks the names in the templates against the columns of the input, where these are known.
    ///
    /// # Errors
    ///
    /// The first name that is not a column, shown at its position, with the nearest column.
    pub fn check_columns(&self) -> Result<(), Diagnostic> {
        let Some(known) = &self.known else { return Ok(()) };
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        if let Some(problem) = self.taken_name(|name| known.contains(&name)) {
            return Err(problem);
        }
        for (number, source) in self.sources.iter().enumerate() {
            let names = self.first.template(number).into_iter().flat_map(|template| &template.names);
            let is_missing = |name: &&String| !known.contains(&name.as_str()) && !self.first.is_global(name);
            if let Some(name) = names.filter(|name| *name != WHOLE_ROW).find(is_missing) {
                return Err(no_column(&source.text, name, &known, "input"));
            }
            self.check_each(source, &known)?;
        }
        Ok(())
    }

    /// Checks the columns that a template names by a value of `[each]`.
    fn check_each(&self, source: &TemplateSource, known: &[&str]) -> Result<(), Diagnostic> {
        for key in keys(&source.text.source, WHOLE_ROW) {
            let KeyUse::OfEach(name) = key else { continue };
            let values = self.each.iter().find(|(known, _)| *known == name).map(|(_, values)| values);
            let missing = values.into_iter().flatten().find(|value| !known.contains(&value.as_str()));
            if let Some(value) = missing {
                let message = format!("the input has no column `{value}`, which `each.{name}` names");
                let columns: Vec<&str> = known.iter().copied().filter(|name| !OWN.contains(name)).collect();
                let problem = source.text.problem(occurrence(&source.text.source, WHOLE_ROW), message);
                return Err(problem.help(help_for(value, &columns)));
            }
        }
        Ok(())
    }

    /// Checks the names of `[each]` that the templates use.
    ///
    /// # Errors
    ///
    /// A name that `[each]` does not have, shown at its position.
    pub fn check_each_names(&self) -> Result<(), Diagnostic> {
        let has = |name: &String| self.each.iter().any(|(known, _)| known == name);
        for (source, key) in self.each_uses() {
            match key {
                KeyUse::Named(name) if !has(&name) => return Err(self.no_each(&source.text, &name)),
                _ => {}
            }
        }
        Ok(())
    }

    /// The first name of `[each]` with several values that no template uses, so that all of them make the same request.
    pub fn unused_each(&self) -> Option<&str> {
        let uses: Vec<KeyUse> = self.each_uses().map(|(_, key)| key).collect();
        let is_used = |name: &String| {
            uses.iter().any(|key| match key {
                KeyUse::Named(used) => used == name,
                KeyUse::OfEach(_) | KeyUse::Any => true,
            })
        };
        let unused = self.each.iter().find(|(name, values)| values.len() > 1 && !is_used(name));
        unused.map(|(name, _)| name.as_str())
    }

    /// How the templates use the combination, unless they give its name to something else.
    fn each_uses(&self) -> impl Iterator<Item = (&TemplateSource, KeyUse)> {
        let is_free =
            |number| self.first.template(number).is_some_and(|template| template.names.contains(EACH));
        let sources = self
            .sources
            .iter()
            .enumerate()
            .filter(move |(number, _)| !self.each.is_empty() && is_free(*number));
        sources
            .flat_map(|(_, source)| keys(&source.text.source, EACH).into_iter().map(move |key| (source, key)))
    }

    fn no_each(&self, text: &TemplateText, name: &str) -> Diagnostic {
        let names = self.each.iter().map(|(known, _)| known.as_str());
        let problem = text.problem(occurrence(&text.source, EACH), format!("[each] has no `{name}`"));
        match nearest(name, names.clone()) {
            Some(near) => problem.help(format!("did you mean `each.{near}`?")),
            None => problem.help(format!("it has {}", names.collect::<Vec<_>>().join(", "))),
        }
    }

    /// The error for a template that uses a name of the program's while there is such a column.
    pub(super) fn taken_name(&self, is_column: impl Fn(&str) -> bool) -> Option<Diagnostic> {
        let (number, name) = self.own.iter().find(|(_, name)| is_column(name))?;
        let text = &self.sources[*number].text;
        let message = format!("fanfold reserves the name `{name}`, so it is not a column");
        let problem = text.problem(occurrence(&text.source, name), message);
        Some(problem.help(format!("write the column as {{{{ row[\"{name}\"] }}}}")))
    }

    /// The first message to a prober of these templates.
    pub(super) fn briefing(&self) -> Briefing {
        let mut numbers = 0..self.sources.len();
        let is_deep = |number| self.first.template(number).is_some_and(|template| template.is_deep);
        let stack = if numbers.any(is_deep) { DEEP_STACK as u64 } else { 0 };
        let entry =
            |source: &TemplateSource| (source.name.clone(), source.text.source.clone(), source.keeps_type);
        Briefing {
            known: self.known.clone(),
            longest: self.longest,
            sources: self.sources.iter().map(entry).collect(),
            memory: MEMORY + self.longest.saturating_mul(RECORDS) + stack,
            has_pieces: self.has_pieces,
            each: self.each.clone(),
        }
    }

    /// The templates as compiled where exactly these candidates are columns.
    pub(super) fn reading(
        &self,
        columns: BTreeSet<String>,
        fields: &Map<String, Value>,
    ) -> Result<Arc<Reading>, Diagnostic> {
        if let Some(known) = self.others.read().unwrap_or_else(PoisonError::into_inner).get(&columns) {
            return Ok(known.clone());
        }
        let mut reading = Reading::new(columns.clone());
        for source in &self.sources {
            reading.add(source).map_err(|problem| {
                let known: Vec<&str> = fields.keys().map(String::as_str).collect();
                let names = self.like_names(&source.text.source, &columns);
                misnamed(&source.text, &names, &known, "row").unwrap_or(problem)
            })?;
        }
        let reading = Arc::new(reading);
        let mut others = self.others.write().unwrap_or_else(PoisonError::into_inner);
        if others.len() < READINGS {
            others.insert(columns, reading.clone());
        }
        Ok(reading)
    }
}

/// The error for the first text in braces that looks like the name of a column but is not one.
fn misnamed(text: &TemplateText, names: &[String], known: &[&str], who: &str) -> Option<Diagnostic> {
    names.first().map(|name| no_column(text, name, known, who))
}

pub(super) fn no_column(text: &TemplateText, name: &str, known: &[&str], who: &str) -> Diagnostic {
    let problem = text.problem(occurrence(&text.source, name), format!("the {who} has no column `{name}`"));
    problem.help(help_for(name, known))
}
