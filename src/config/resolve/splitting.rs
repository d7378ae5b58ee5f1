//! How a long text is cut into pieces.

use toml::Value;

use crate::config::layers::Layers;
use crate::config::text_sections::SplitSection;
use crate::diagnostic::Diagnostic;
use crate::job::TemplateText;
use crate::job::split::{PieceSize, Split};

/// The smallest piece that a job may ask for, in estimated tokens: below it, hardly a sentence would stay whole.
const LEAST_TOKENS: i64 = 16;

/// The most sentences before a piece that templates may see.
const MOST_CONTEXT: u32 = 100;

pub(super) fn split(section: SplitSection, layers: &Layers) -> Result<Split, Diagnostic> {
    let max_tokens = match section.max_tokens {
        None => PieceSize::Auto,
        Some(Value::String(word)) if word == "auto" => PieceSize::Auto,
        Some(Value::Integer(tokens)) if tokens >= LEAST_TOKENS => PieceSize::Tokens(tokens.cast_unsigned()),
        Some(_) => {
            let message = format!("`max_tokens` must be \"auto\" or a whole number from {LEAST_TOKENS}");
            return Err(layers.problem("split.max_tokens", message));
        }
    };
    let context = section.context.unwrap_or(0);
    let too_much = format!("`context` must be a whole number from 0 to {MOST_CONTEXT}");
    layers.refuse_if(context > MOST_CONTEXT, "split.context", &too_much)?;
    let source = section.column.unwrap_or_else(|| "text".to_owned());
    layers.refuse_if(source.is_empty(), "split.column", "`column` must name a column")?;
    Ok(Split {
        max_tokens,
        column: TemplateText { source, place: layers.place("split.column") },
        by: section.by.unwrap_or_default(),
        context,
        combine: section.combine.unwrap_or_default(),
        on_mismatch: section.on_mismatch.unwrap_or_default(),
    })
}
