//! The templates of a job, filled in with the columns of one row.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use minijinja::value::{ValueKind, merge_maps};
use minijinja::{Error, ErrorKind};
use serde_json::{Map, Value};

use super::guard::{DEEP_STACK, caught, caught_with_stack};
use super::mistakes::{beyond_the_engine, beyond_the_machine, explain, help_for, occurrence, undefined_name};
use super::reading::{Reading, Template, TemplateSource, VALUE};
use super::tags::{KeyUse, OWN, WHOLE_ROW, keys};
use super::templates::{RENDERED_BYTES, Slot, Templates, no_column};
use super::values::{bytes_of_texts, converted, converted_object, reverted};
use crate::diagnostic::Diagnostic;
use crate::job::TemplateText;
use crate::row::EACH;

/// Templates together with the row that fills them in.
pub struct Filled<'a> {
    templates: &'a Templates,
    fields: &'a Map<String, Value>,
    read: Result<Read<'a>, Diagnostic>,
}

/// The templates as compiled for the row, and its columns as the engine's values.
struct Read<'a> {
    reading: For<'a>,
    context: minijinja::Value,
}

pub(super) enum For<'a> {
    MostRows(&'a Reading),
    RowsLikeIt(Arc<Reading>),
}

impl For<'_> {
    pub(super) fn reading(&self) -> &Reading {
        match self {
            Self::MostRows(reading) => reading,
            Self::RowsLikeIt(reading) => reading,
        }
    }
}

impl Templates {
    /// The templates filled in with one row's columns.
    pub fn fill<'a>(&'a self, fields: &'a Map<String, Value>) -> Filled<'a> {
        self.fill_piece(fields, fields)
    }

    /// The templates filled in with the columns of a piece, of the row `whole`.
    pub fn fill_piece<'a>(
        &'a self,
        fields: &'a Map<String, Value>,
        whole: &'a Map<String, Value>,
    ) -> Filled<'a> {
        let reading = reading(self, fields);
        let read =
            reading.map(|reading| Read { context: self.context(reading.reading(), fields, whole), reading });
        Filled { templates: self, fields, read }
    }

    /// The columns of a row that templates may use, as the engine's values.
    fn context(
        &self,
        reading: &Reading,
        fields: &Map<String, Value>,
        whole: &Map<String, Value>,
    ) -> minijinja::Value {
        let mut context: Vec<(String, minijinja::Value)> = Vec::with_capacity(reading.words().len());
        for name in reading.words() {
            match fields.get(name) {
                _ if name == WHOLE_ROW => context.push((name.clone(), converted_object(whole))),
                Some(value) if !self.is_own(name) => context.push((name.clone(), converted(value))),
                _ => {}
            }
        }
        minijinja::Value::from_pairs(context)
    }
}

impl Filled<'_> {
    /// The text of a slot.
    ///
    /// # Errors
    ///
    /// Why the template fails on this row.
    pub fn text(&self, slot: &Slot) -> Result<String, Diagnostic> {
        match slot {
            Slot::Literal(text) => Ok(text.clone()),
            Slot::Text(number) => self.rendered(*number).map(|(text, _)| text),
            Slot::Value(_) => self.value(slot).map(|value| match value {
                Value::String(text) => text,
                other => other.to_string(),
            }),
        }
    }

    /// The value of a slot.
    ///
    /// # Errors
    ///
    /// Why the template fails on this row.
    pub fn value(&self, slot: &Slot) -> Result<Value, Diagnostic> {
        match slot {
            Slot::Value(number) => self.rendered(*number).map(|(_, value)| value),
            _ => self.text(slot).map(Value::String),
        }
    }

    /// The result of a template: its text, and its value if it is one.
    pub(super) fn rendered(&self, number: usize) -> Result<(String, Value), Diagnostic> {
        let read = self.read.as_ref().map_err(Clone::clone)?;
        let source = &self.templates.sources[number];
        let reading = read.reading.reading();
        let Some(template) = reading.template(number) else {
            return Err(source.text.problem(None, "the template was not read"));
        };
        let prober = &self.templates.prober;
        let excess = prober.excess(&|| self.templates.briefing(), number, template.growth, self.fields);
        if let Some(excess) = excess {
            return Err(beyond_the_machine(&source.text, excess));
        }
        let render = || self.render(source, reading, template, &read.context);
        let rendered = if template.is_deep { caught_with_stack(DEEP_STACK, render) } else { caught(render) };
        rendered.unwrap_or_else(|| Err(beyond_the_engine(&source.text)))
    }

    fn render(
        &self,
        source: &TemplateSource,
        reading: &Reading,
        template: &Template,
        context: &minijinja::Value,
    ) -> Result<(String, Value), Diagnostic> {
        let text = &source.text;
        let failed = |error: Error| self.explain(text, template, &error);
        let context = match template.aliases.as_slice() {
            [] => context.clone(),
            aliases => merge_maps([context.clone(), self.under(aliases)]),
        };
        let most = self.most_bytes(text);
        let mut out = LimitedWriter { bytes: Vec::new(), most };
        let compiled = reading.compiled(&source.name).map_err(failed)?;
        let captured = compiled.render_captured_to(context, &mut out).map_err(failed)?;
        if source.keeps_type {
            let value = captured.state().lookup(VALUE).unwrap_or_default();
            return Ok((String::new(), self.json(text, template, &value)?));
        }
        let rendered = String::from_utf8(out.bytes).map_err(|error| text.problem(None, error.to_string()))?;
        Ok((rendered, Value::Null))
    }

    /// The columns whose names the engine cannot parse, under their aliases.
    fn under(&self, aliases: &[(String, String)]) -> minijinja::Value {
        let columns = aliases.iter().filter_map(|(alias, column)| {
            let value = self.fields.get(column)?;
            Some((alias.clone(), converted(value)))
        });
        minijinja::Value::from_pairs(columns)
    }

    fn json(
        &self,
        text: &TemplateText,
        template: &Template,
        value: &minijinja::Value,
    ) -> Result<Value, Diagnostic> {
        let json = reverted(value).ok_or_else(|| match value.kind() {
            ValueKind::Undefined => self
                .missing_column(text, template)
                .unwrap_or_else(|| text.problem(None, "the row has nothing with that name")),
            kind => text.problem(None, format!("a value of type `{kind}` is not JSON")),
        })?;
        let most = self.most_bytes(text);
        match bytes_of_texts(&json) > most {
            true => Err(text.problem(None, too_long(most))),
            false => Ok(json),
        }
    }

    /// The maximum size of a template's result: any record that can be read fits, with the text around it.
    fn most_bytes(&self, text: &TemplateText) -> usize {
        let longest = usize::try_from(self.templates.longest).unwrap_or(usize::MAX);
        let least = usize::try_from(RENDERED_BYTES).unwrap_or(usize::MAX);
        longest.max(least).saturating_add(text.source.len())
    }

    /// Explains an error of a rendering; a column that this row lacks is named.
    fn explain(&self, text: &TemplateText, template: &Template, error: &Error) -> Diagnostic {
        let explained = || explain(text, error, template.shift);
        if error.kind() != ErrorKind::UndefinedError {
            return explained();
        }
        let missing = || self.missing_column(text, template);
        match undefined_name(error) {
            Some((name, _)) if name == WHOLE_ROW || self.fields.contains_key(name) => {
                self.missing_named_by_each(text).unwrap_or_else(explained)
            }
            Some((name, _)) if template.names.contains(name) => self.no_column(text, name),
            // A variable set to a missing value, or a use that the engine does not list among the names.
            Some((name, true)) => missing().unwrap_or_else(|| self.no_column(text, name)),
            _ => missing().unwrap_or_else(explained),
        }
    }

    /// The first name in a template that is not a column of this row.
    fn missing_column(&self, text: &TemplateText, template: &Template) -> Option<Diagnostic> {
        let is_missing = |name: &&String| *name != WHOLE_ROW && !self.fields.contains_key(name.as_str());
        template.names.iter().find(is_missing).map(|name| self.no_column(text, name))
    }

    /// The first column that a value of `[each]` names and this row does not have.
    fn missing_named_by_each(&self, text: &TemplateText) -> Option<Diagnostic> {
        let each = self.fields.get(EACH)?;
        let named = keys(&text.source, WHOLE_ROW).into_iter().filter_map(|key| match key {
            KeyUse::OfEach(name) => each.get(&name)?.as_str(),
            KeyUse::Named(_) | KeyUse::Any => None,
        });
        let name = named.into_iter().find(|column| !self.fields.contains_key(*column))?;
        let known: Vec<&str> =
            self.fields.keys().map(String::as_str).filter(|name| !OWN.contains(name)).collect();
        let message = format!("the row has no column `{name}`, which [each] names");
        let problem = text.problem(occurrence(&text.source, WHOLE_ROW), message);
        Some(problem.help(help_for(name, &known)))
    }

    fn no_column(&self, text: &TemplateText, name: &str) -> Diagnostic {
        let known: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        no_column(text, name, &known, "row")
    }
}

/// The templates as compiled for a row.
pub(super) fn reading<'a>(
    templates: &'a Templates,
    fields: &Map<String, Value>,
) -> Result<For<'a>, Diagnostic> {
    if templates.known.is_none() {
        if let Some(problem) = templates.taken_name(|name| fields.contains_key(name)) {
            return Err(problem);
        }
        let found = || templates.candidates.iter().filter(|name| fields.contains_key(name.as_str()));
        if !found().eq(templates.first.columns()) {
            let columns: BTreeSet<String> = found().cloned().collect();
            return templates.reading(columns, fields).map(For::RowsLikeIt);
        }
    }
    Ok(For::MostRows(&templates.first))
}

/// A writer that refuses to grow past the limit.
struct LimitedWriter {
    bytes: Vec<u8>,
    most: usize,
}

impl io::Write for LimitedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(io::Error::other(too_long(self.most)));
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn too_long(most: usize) -> String {
    format!(
        "it renders to more than {} MiB; if it is meant to be this long, raise `max_record` under [input]",
        most >> 20
    )
}
