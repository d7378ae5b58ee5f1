//! Templates over a row's columns: minijinja, strict about names, without HTML escaping, null as nothing.

mod mistakes;

use std::cell::Cell;
use std::collections::BTreeSet;
use std::io;
use std::ops::Range;
use std::panic::{self, AssertUnwindSafe};

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, Error, ErrorKind, UndefinedBehavior};
use serde_json::{Map, Value};

use crate::job::Text;
use crate::job::problem::{Problem, nearest};
use crate::row::Column;
use mistakes::explain;

/// The most bytes one template may render to.
const MAX_RENDERED_BYTES: usize = 16 * 1024 * 1024;

/// Steps one rendering may take, so that a loop without an end is an error.
const MAX_STEPS: u64 = 5_000_000;

/// The name under which a template sees the whole row, for columns whose names are no identifiers.
const WHOLE_ROW: &str = "row";

/// The variable that carries the value of a template that is one expression.
const VALUE: &str = "fanfold_value";

thread_local! {
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread has the engine read a template: a panic now is the engine's, is told as a mistake in the template,
/// and needs no words of its own.
pub fn is_reading() -> bool {
    READING.get()
}

/// The templates of a job, compiled.
#[derive(Debug)]
pub struct Templates {
    environment: Environment<'static>,
    texts: Vec<(String, Text)>,
    names: BTreeSet<String>,
}

/// A place in the request that a template fills.
#[derive(Debug, Clone)]
pub enum Slot {
    /// Text without any template in it.
    Literal(String),
    /// A template that makes text; its number.
    Text(usize),
    /// A template that is one expression and nothing else, and keeps its value's type; its number.
    Value(usize),
}

impl Slot {
    /// Whether the slot needs no row.
    pub fn is_literal(&self) -> bool {
        matches!(self, Self::Literal(_))
    }
}

impl Default for Templates {
    fn default() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_debug(true);
        environment.set_fuel(Some(MAX_STEPS));
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        // Null is nothing; what is no text and no number is shown as the JSON it came from.
        environment.set_formatter(|out, state, value| match (value.kind(), reverted(value)) {
            (ValueKind::None, _) => Ok(()),
            (ValueKind::Bool | ValueKind::Seq | ValueKind::Map, Some(json)) => Ok(write!(out, "{json}")?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        environment.add_filter("tojson", tojson);
        Self { environment, texts: Vec::new(), names: BTreeSet::new() }
    }
}

impl Templates {
    /// Compiles a template that makes text.
    ///
    /// # Errors
    ///
    /// A mistake in the template, shown where it stands.
    pub fn add(&mut self, name: &str, text: Text) -> Result<Slot, Problem> {
        if !text.source.contains("{{") && !text.source.contains("{%") && !text.source.contains("{#") {
            return Ok(Slot::Literal(text.source));
        }
        let source = text.source.clone();
        self.compile(name, source, text).map(Slot::Text)
    }

    /// Compiles a template that keeps its value's type when it is one expression and nothing else.
    ///
    /// # Errors
    ///
    /// A mistake in the template, shown where it stands.
    pub fn add_value(&mut self, name: &str, text: Text) -> Result<Slot, Problem> {
        let trimmed = text.source.trim();
        let inner = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let single = inner.filter(|inner| !inner.contains("{{") && !inner.contains("}}"));
        let Some(expression) = single.map(|inner| inner.trim_matches('-').to_owned()) else {
            return self.add(name, text);
        };
        // The template is compiled as it stands first, so that a mistake is shown in the user's own words.
        self.read(name, text.source.clone(), &text)?;
        let source = format!("{{% set {VALUE} = ({expression}) %}}");
        self.compile(name, source, text).map(Slot::Value)
    }

    fn compile(&mut self, name: &str, source: String, text: Text) -> Result<usize, Problem> {
        self.read(name, source, &text)?;
        if let Ok(template) = self.environment.get_template(name) {
            let globals: BTreeSet<&str> = self.environment.globals().map(|(name, _)| name).collect();
            let names = template.undeclared_variables(false);
            self.names.extend(names.into_iter().filter(|name| !globals.contains(name.as_str())));
        }
        self.texts.push((name.to_owned(), text));
        Ok(self.texts.len() - 1)
    }

    /// Has the engine read a template. At some that it takes for good it panics: `{% import "a" as "b" %}`.
    fn read(&mut self, name: &str, source: String, text: &Text) -> Result<(), Problem> {
        let reading = || self.environment.add_template_owned(name.to_owned(), source);
        READING.set(true);
        let read = panic::catch_unwind(AssertUnwindSafe(reading));
        READING.set(false);
        match read {
            Ok(read) => read.map_err(|error| explain(text, &error)),
            Err(_) => {
                let message = "the template does not work: the engine cannot make sense of it";
                let help = "is there a text in quotes where a name belongs, as in {% import 'a' as 'b' %}?";
                Err(text.problem(None, message).help(help))
            }
        }
    }

    /// The columns that the templates name; `None` when one takes the whole row.
    pub fn columns(&self) -> Option<BTreeSet<String>> {
        (!self.names.contains(WHOLE_ROW)).then(|| self.names.clone())
    }

    /// Holds the names that the templates use against the columns there are.
    ///
    /// # Errors
    ///
    /// The first name that is no column, shown where it stands, with the nearest column.
    pub fn check_columns(&self, columns: &[Column]) -> Result<(), Problem> {
        let known: Vec<&str> = columns.iter().map(|column| column.name.as_str()).collect();
        let missing = self.names.iter().find(|name| *name != WHOLE_ROW && !known.contains(&name.as_str()));
        let Some(name) = missing else { return Ok(()) };
        let found = self.texts.iter().find_map(|(_, text)| Some((text, occurrence(&text.source, name)?)));
        let message = format!("the input has no column `{name}`");
        let problem = match found {
            Some((text, span)) => text.problem(Some(span), message),
            None => Problem::new(message),
        };
        Err(problem.help(help_for(name, &known)))
    }

    /// The templates filled with one row's columns.
    pub fn fill<'a>(&'a self, fields: &'a Map<String, Value>) -> Filled<'a> {
        let mut context: Vec<(String, minijinja::Value)> = Vec::with_capacity(self.names.len());
        for name in &self.names {
            if let Some(value) = fields.get(name) {
                context.push((name.clone(), converted(value)));
            } else if name == WHOLE_ROW {
                context.push((name.clone(), converted_object(fields)));
            }
        }
        Filled { templates: self, fields, context: minijinja::Value::from_pairs(context) }
    }
}

/// Templates together with the row they are filled with.
pub struct Filled<'a> {
    templates: &'a Templates,
    fields: &'a Map<String, Value>,
    context: minijinja::Value,
}

impl Filled<'_> {
    /// The text of a slot.
    ///
    /// # Errors
    ///
    /// Why the template fails on this row.
    pub fn text(&self, slot: &Slot) -> Result<String, Problem> {
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
    pub fn value(&self, slot: &Slot) -> Result<Value, Problem> {
        let Slot::Value(number) = slot else { return self.text(slot).map(Value::String) };
        let (_, value) = self.rendered(*number)?;
        let value = value.unwrap_or_default();
        let text = &self.templates.texts[*number].1;
        let value = reverted(&value).ok_or_else(|| match value.kind() {
            ValueKind::Undefined => self
                .missing_column(text)
                .unwrap_or_else(|| text.problem(None, "the row has nothing of that name")),
            kind => text.problem(None, format!("a value of the kind `{kind}` is not JSON")),
        })?;
        match bytes_of_texts(&value) > MAX_RENDERED_BYTES {
            true => Err(text.problem(None, too_long())),
            false => Ok(value),
        }
    }

    fn rendered(&self, number: usize) -> Result<(String, Option<minijinja::Value>), Problem> {
        let (name, text) = &self.templates.texts[number];
        let mut out = Bounded(Vec::new());
        let template =
            self.templates.environment.get_template(name).map_err(|error| explain(text, &error))?;
        let captured = template
            .render_captured_to(self.context.clone(), &mut out)
            .map_err(|error| self.explain(text, &error))?;
        let value = captured.state().lookup(VALUE);
        let rendered = String::from_utf8(out.0).map_err(|error| text.problem(None, error.to_string()))?;
        Ok((rendered, value))
    }

    /// An error of a rendering; a name that this row does not have is told by name.
    fn explain(&self, text: &Text, error: &Error) -> Problem {
        match error.kind() {
            ErrorKind::UndefinedError => self.missing_column(text).unwrap_or_else(|| explain(text, error)),
            _ => explain(text, error),
        }
    }

    /// The first name in a template that is no column of this row.
    fn missing_column(&self, text: &Text) -> Option<Problem> {
        let missing = self.templates.names.iter().find(|name| {
            *name != WHOLE_ROW && !self.fields.contains_key(*name) && occurrence(&text.source, name).is_some()
        });
        let name = missing?;
        let known: Vec<&str> = self.fields.keys().map(String::as_str).collect();
        let problem = text.problem(occurrence(&text.source, name), format!("the row has no column `{name}`"));
        Some(problem.help(help_for(name, &known)))
    }
}

/// The filter `tojson`, with `indent`. The engine's own escapes `<` and `&` for HTML, which no prompt wants.
fn tojson(value: &minijinja::Value, options: minijinja::value::Kwargs) -> Result<String, Error> {
    let indent: Option<u64> = options.get("indent")?;
    options.assert_all_used()?;
    let json = reverted(value).ok_or_else(|| {
        Error::new(ErrorKind::InvalidOperation, format!("a {} is no JSON value", value.kind()))
    })?;
    Ok(match indent {
        Some(_) => format!("{json:#}"),
        None => json.to_string(),
    })
}

fn too_long() -> String {
    format!("it renders to more than {} MiB", MAX_RENDERED_BYTES >> 20)
}

/// The bytes of all texts in a value: a value is not written piece by piece, as a text is.
fn bytes_of_texts(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(bytes_of_texts).sum(),
        Value::Object(fields) => fields.iter().map(|(key, value)| key.len() + bytes_of_texts(value)).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}

/// A writer that refuses to grow past the limit.
struct Bounded(Vec<u8>);

impl io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len() + bytes.len() > MAX_RENDERED_BYTES {
            return Err(io::Error::other(too_long()));
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn help_for(name: &str, known: &[&str]) -> String {
    let columns = match known {
        [] => "the input has no columns".to_owned(),
        known => format!("the columns are {}", known.join(", ")),
    };
    match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`? {columns}"),
        None => columns,
    }
}

/// Where a name stands inside a template's braces.
fn occurrence(source: &str, name: &str) -> Option<Range<usize>> {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    source.match_indices(name).map(|(at, _)| at..at + name.len()).find(|span| {
        let (before, after) = (&source[..span.start], &source[span.end..]);
        let opened = before.rfind("{{").max(before.rfind("{%"));
        let closed = before.rfind("}}").max(before.rfind("%}"));
        opened.is_some()
            && opened > closed
            && !before.ends_with(word)
            && !before.ends_with('.')
            && !after.starts_with(word)
    })
}

fn converted(value: &Value) -> minijinja::Value {
    match value {
        Value::Null => minijinja::Value::from(()),
        Value::Bool(flag) => minijinja::Value::from(*flag),
        Value::Number(number) => match (number.as_i64(), number.as_u64()) {
            (Some(number), _) => minijinja::Value::from(number),
            (None, Some(number)) => minijinja::Value::from(number),
            (None, None) => minijinja::Value::from(number.as_f64().unwrap_or(f64::NAN)),
        },
        Value::String(text) => minijinja::Value::from(text.as_str()),
        Value::Array(values) => values.iter().map(converted).collect(),
        Value::Object(fields) => converted_object(fields),
    }
}

fn converted_object(fields: &Map<String, Value>) -> minijinja::Value {
    minijinja::Value::from_pairs(fields.iter().map(|(key, value)| (key.as_str(), converted(value))))
}

/// The JSON value of a template's value; `None` for what JSON cannot hold.
fn reverted(value: &minijinja::Value) -> Option<Value> {
    Some(match value.kind() {
        ValueKind::None => Value::Null,
        ValueKind::Bool => Value::Bool(value.is_true()),
        ValueKind::Number => match (i64::try_from(value.clone()), u64::try_from(value.clone())) {
            (Ok(number), _) if value.is_integer() => Value::from(number),
            (_, Ok(number)) if value.is_integer() => Value::from(number),
            _ => Value::Number(serde_json::Number::from_f64(f64::try_from(value.clone()).ok()?)?),
        },
        ValueKind::String => Value::from(value.as_str()?),
        ValueKind::Seq | ValueKind::Iterable => {
            Value::Array(value.try_iter().ok()?.map(|item| reverted(&item)).collect::<Option<_>>()?)
        }
        ValueKind::Map => {
            let mut fields = Map::new();
            for key in value.try_iter().ok()? {
                fields.insert(key.to_string(), reverted(&value.get_item(&key).ok()?)?);
            }
            Value::Object(fields)
        }
        _ => return None,
    })
}
