//! The templates of a job as compiled by the engine, once it is known which texts in their braces are names of columns.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::ValueKind;
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::growth::Growth;
use super::guard::{caught, caught_with_stack};
use super::mistakes::{beyond_the_engine, explain};
use super::tags::{KeyUse, Tag, WHOLE_ROW, keys, may_be_blank, tags, words};
use super::values::{reverted, tojson};
use crate::diagnostic::Diagnostic;
use crate::job::TemplateText;

/// The step limit of a rendering, which makes an endless loop an error.
const MAX_STEPS: u64 = 5_000_000;

/// The variable that carries the value of a template that is one expression.
pub(super) const VALUE: &str = "fanfold_value";

/// Tags up to this length, in bytes, are compiled on any stack.
const SMALL_TAGS: usize = 512;

/// Longer tags are rejected: they are not a template, and could be nested deeper than any stack allows.
const MAX_TAGS: usize = 1 << 20;

/// The stack that the engine may need for each byte of the tags, and its maximum. Only the pages in use take memory.
const STACK_FOR_A_BYTE: usize = 8 << 10;
const MAX_STACK: usize = 1 << 30;

/// Names that the engine reads as values or operators.
const NO_VARIABLES: [&str; 7] = ["true", "True", "false", "False", "none", "None", "not"];

/// A template of the job, as the user wrote it.
#[derive(Debug, Clone)]
pub(super) struct TemplateSource {
    /// Its name to the engine.
    pub(super) name: String,
    /// The template itself.
    pub(super) text: TemplateText,
    /// Whether it is a single expression, and keeps its value's type.
    pub(super) keeps_type: bool,
}

/// Compiled templates.
#[derive(Debug)]
pub(super) struct Reading {
    environment: Environment<'static>,
    /// The texts in braces that are read as names of columns, which the engine alone would not do.
    columns: BTreeSet<String>,
    templates: Vec<Template>,
    /// All words in them that may be variables.
    words: BTreeSet<String>,
}

/// One compiled template.
#[derive(Debug)]
pub(super) struct Template {
    /// How many bytes the user's text is behind the compiled text.
    pub(super) shift: isize,
    /// The variables that it uses and does not set, according to the engine, and columns used by their plain names.
    pub(super) names: BTreeSet<String>,
    /// The variables by which the engine knows these columns.
    pub(super) aliases: Vec<(String, String)>,
    /// Whether its result may be nested to any depth.
    pub(super) is_deep: bool,
    /// How its result may grow beyond its row.
    pub(super) growth: Growth,
    /// The columns that it names through the whole row; none if it does not use that.
    pub(super) keys: Vec<KeyUse>,
    /// Whether its text may be blank although a column that it uses is not.
    pub(super) may_be_blank: bool,
}

impl Reading {
    /// No templates yet; these texts in braces are names of columns.
    pub(super) fn new(columns: BTreeSet<String>) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::None);
        environment.set_debug(true);
        environment.set_fuel(Some(MAX_STEPS));
        if let Ok(syntax) = SyntaxConfig::builder().keep_trailing_newline(true).build() {
            environment.set_syntax(syntax);
        }
        // Null is rendered as nothing; a value that is neither text nor number is rendered as the JSON it came from.
        environment.set_formatter(|out, state, value| match (value.kind(), reverted(value)) {
            (ValueKind::None, _) => Ok(()),
            (ValueKind::Bool | ValueKind::Seq | ValueKind::Map, Some(json)) => Ok(write!(out, "{json}")?),
            _ => minijinja::escape_formatter(out, state, value),
        });
        environment.add_filter("tojson", tojson);
        Self { environment, columns, templates: Vec::new(), words: BTreeSet::new() }
    }

    /// The texts in braces that are read as names of columns.
    pub(super) fn columns(&self) -> &BTreeSet<String> {
        &self.columns
    }

    /// Reads more texts in braces as names of columns, in the templates added from now on.
    pub(super) fn take_for_columns(&mut self, names: impl IntoIterator<Item = String>) {
        self.columns.extend(names);
    }

    /// All words in the templates that may be variables: perhaps too many, never too few.
    pub(super) fn words(&self) -> &BTreeSet<String> {
        &self.words
    }

    /// A template by its number.
    pub(super) fn template(&self, number: usize) -> Option<&Template> {
        self.templates.get(number)
    }

    /// The engine's template with this name.
    pub(super) fn compiled(&self, name: &str) -> Result<minijinja::Template<'_, '_>, minijinja::Error> {
        self.environment.get_template(name)
    }

    /// Whether a name belongs to the engine, such as `range`.
    pub(super) fn is_global(&self, name: &str) -> bool {
        self.environment.globals().any(|(global, _)| global == name)
    }

    /// Whether the engine can parse a text as an expression.
    pub(super) fn is_expression(&self, text: &str) -> bool {
        caught(|| self.environment.compile_expression(text).is_ok()).unwrap_or(false)
    }

    /// Whether the engine reads a text as the name of a variable, and nothing else.
    pub(super) fn is_variable(&self, text: &str) -> bool {
        let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if text.is_empty() || NO_VARIABLES.contains(&text) || self.is_global(text) {
            return false;
        }
        if text.is_ascii() {
            return is_plain(text) && !text.as_bytes()[0].is_ascii_digit();
        }
        if text.contains(|c: char| c.is_ascii() && !c.is_ascii_alphanumeric() && c != '_') {
            return false;
        }
        let names = || self.environment.compile_expression(text).map(|read| read.undeclared_variables(false));
        matches!(caught(names), Some(Ok(names)) if names.len() == 1 && names.contains(text))
    }

    /// Compiles a template.
    ///
    /// # Errors
    ///
    /// A mistake in the template, shown at its position.
    pub(super) fn add(&mut self, source: &TemplateSource) -> Result<(), Diagnostic> {
        let text = &source.text;
        let (named, aliases) = self.with_aliases(&text.source);
        let tags = tags(&named, &|_| false);
        let bytes: usize = tags.iter().map(|tag| tag.inside.len()).sum();
        if bytes > MAX_TAGS {
            let message = format!("the template has more than {} MiB in its braces", MAX_TAGS >> 20);
            return Err(text.problem(None, message).help("put long text into a column, or into a glossary"));
        }
        // The unchanged text is compiled first, so that mistakes are shown in the user's own words.
        self.read(source, named.clone(), bytes, 0)?;
        let mut shift = 0;
        if source.keeps_type
            && let [Tag { inside, .. }] = tags.as_slice()
        {
            let inside = unsigned(&named, inside.clone());
            let before = format!("{{% set {VALUE} = (");
            shift = inside.start.cast_signed() - before.len().cast_signed();
            self.read(source, format!("{before}{}) %}}", &named[inside]), bytes, shift)?;
        }
        let words: BTreeSet<String> = words(&named, &tags);
        let column =
            |alias: &str| aliases.iter().find(|(own, _)| own == alias).map(|(_, column)| column.clone());
        let names = self.names(source, bytes);
        let names = names.into_iter().map(|name| column(&name).unwrap_or(name)).collect();
        let is_deep = named.contains("namespace") || bytes > SMALL_TAGS * 32;
        self.words.extend(words.into_iter().filter(|word| column(word).is_none()));
        let growth = Growth::of(tags.iter().map(|tag| &named[tag.inside.clone()]));
        let (keys, may_be_blank) = (keys(&named, WHOLE_ROW), may_be_blank(&named, &tags));
        self.templates.push(Template { shift, names, aliases, is_deep, growth, keys, may_be_blank });
        Ok(())
    }

    fn read(
        &mut self,
        source: &TemplateSource,
        text: String,
        bytes: usize,
        shift: isize,
    ) -> Result<(), Diagnostic> {
        let name = source.name.clone();
        let environment = &mut self.environment;
        let reading = || {
            environment.add_template_owned(name, text).map_err(|error| explain(&source.text, &error, shift))
        };
        let read = match bytes {
            ..=SMALL_TAGS => caught(reading),
            bytes => caught_with_stack(stack(bytes), reading),
        };
        read.unwrap_or_else(|| Err(beyond_the_engine(&source.text)))
    }

    /// The variables that a template uses and does not set.
    fn names(&self, source: &TemplateSource, bytes: usize) -> BTreeSet<String> {
        let asking = || -> BTreeSet<String> {
            let read = self.environment.get_template(&source.name);
            read.map(|read| read.undeclared_variables(false).into_iter().collect()).unwrap_or_default()
        };
        let names = match bytes {
            ..=SMALL_TAGS => caught(asking),
            bytes => caught_with_stack(stack(bytes), asking),
        };
        names.unwrap_or_default()
    }

    /// The text in which columns with names that the engine cannot parse have aliases of the same length, so that positions
    /// do not change; and the pairs of alias and column.
    fn with_aliases(&self, source: &str) -> (String, Vec<(String, String)>) {
        let mut aliases: Vec<(String, String)> = Vec::new();
        if self.columns.is_empty() {
            return (source.to_owned(), aliases);
        }
        let tags = tags(source, &|name| self.columns.contains(name));
        let mut taken = words(source, &tags);
        taken.extend(NO_VARIABLES.map(str::to_owned));
        let mut named = source.to_owned();
        for span in tags.into_iter().filter_map(|tag| tag.column) {
            let column = &source[span.clone()];
            let known = aliases.iter().find(|(_, other)| other == column).map(|(alias, _)| alias.clone());
            let Some(alias) = known.or_else(|| alias(column.len(), &taken)) else { continue };
            named.replace_range(span, &alias);
            if taken.insert(alias.clone()) {
                aliases.push((alias, column.to_owned()));
            }
        }
        (named, aliases)
    }
}

fn stack(bytes: usize) -> usize {
    (bytes.saturating_mul(STACK_FOR_A_BYTE) + (4 << 20)).min(MAX_STACK)
}

/// The inside of a tag without the signs that control white space around it.
fn unsigned(source: &str, inside: std::ops::Range<usize>) -> std::ops::Range<usize> {
    let is_sign = |byte: Option<&u8>| matches!(byte, Some(b'-' | b'+'));
    let bytes = source.as_bytes();
    let start = if is_sign(bytes.get(inside.start)) { inside.start + 1 } else { inside.start };
    let is_signed = inside.end > start && is_sign(bytes.get(inside.end - 1));
    start..if is_signed { inside.end - 1 } else { inside.end }
}

/// An unused name of this length.
fn alias(length: usize, taken: &BTreeSet<String>) -> Option<String> {
    let letters = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
    let varied = length.min(3);
    let most = letters.len().pow(u32::try_from(varied).ok()?);
    (0..most).find_map(|number| {
        let digit = |place| char::from(letters[number / letters.len().pow(place) % letters.len()]);
        let varied = (0..u32::try_from(varied).unwrap_or(0)).map(digit);
        let name: String = varied.chain(std::iter::repeat_n('_', length - length.min(3))).collect();
        (!taken.contains(&name)).then_some(name)
    })
}
