//! How many short rows may travel in one request.

use toml::Value;

use crate::config::layers::Layers;
use crate::config::pack_section::PackSection;
use crate::diagnostic::Diagnostic;
use crate::job::pack::{PackRows, PackSettings};

/// The section, settled; `None` where each row goes alone.
pub(super) fn pack(section: PackSection, layers: &Layers) -> Result<Option<PackSettings>, Diagnostic> {
    let most = PackSettings::MOST_ROWS;
    let rows = match section.rows {
        None => None,
        Some(Value::String(word)) if word == "auto" => Some(PackRows::Auto),
        Some(Value::Integer(rows)) if (1..=i64::from(most)).contains(&rows) => {
            Some(PackRows::AtMost(rows as u32)).filter(|_| rows > 1)
        }
        Some(_) => {
            let message = format!("`rows` must be \"auto\" or a whole number from 1 to {most}");
            return Err(layers.problem("pack.rows", message));
        }
    };
    let max_tokens = section.max_tokens.unwrap_or(PackSettings::MAX_TOKENS);
    layers.refuse_if(max_tokens == 0, "pack.max_tokens", "`max_tokens` must be above 0")?;
    Ok(rows.map(|rows| PackSettings { rows, max_tokens }))
}
