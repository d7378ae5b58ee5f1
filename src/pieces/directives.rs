//! Lines in Markdown that are written for a generator of sites, and not for a reader.

/// Whether a line is a mark of an admonition, a shortcode by itself, or an import of MDX.
pub(super) fn is_directive(line: &str) -> bool {
    let line = line.trim();
    match line.as_bytes().first() {
        Some(b':') => line.starts_with(":::"),
        Some(b'!') => line.starts_with("!!! "),
        Some(b'?') => line.starts_with("??? ") || line.starts_with("???+ "),
        Some(b'{') => alone(line, "{{", "}}") || alone(line, "{%", "%}"),
        Some(b'i') => {
            line.starts_with("import ") && line.ends_with(['\'', '"', ';']) && line.contains(['\'', '"'])
        }
        Some(b'e') => {
            ["export const ", "export default ", "export function "].iter().any(|word| line.starts_with(word))
        }
        _ => false,
    }
}

/// Whether a line is a single stretch between two marks.
fn alone(line: &str, from: &str, to: &str) -> bool {
    let inside = line.strip_prefix(from).and_then(|line| line.strip_suffix(to));
    inside.is_some_and(|inside| !inside.contains(to))
}
