//! How much more than its row a template may render, judged by the words and signs in its tags: a result that is certain to
//! stay small need not be tried first.

use serde_json::{Map, Value};

/// The size of a result, in bytes, up to which it is not tried first.
const SMALL: f64 = (64 << 20) as f64;

/// The largest number in a template that counts as a harmless width, size or factor.
const SMALL_NUMBER: f64 = 100.0;

/// The worst case for each byte of indented JSON: as many spaces as the depth of nested lists, twice.
const PER_BROKEN_BYTE: f64 = 256.0;

/// Words in braces by which texts can multiply each other.
const OF_TEXTS: [&str; 8] = ["join", "replace", "split", "lines", "list", "map", "zip", "chain"];

/// Words whose result can have any size.
const UNBOUNDED: [&str; 8] =
    ["namespace", "macro", "call", "recursive", "filter", "endset", "groupby", "pprint"];

/// Filters whose result is bounded by their arguments.
const GIVEN: [&str; 5] = ["indent", "batch", "slice", "format", "sum"];

/// How a template may render more than its row and its own text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Growth {
    /// Only by placing values next to each other.
    None,
    /// To a power of (`factor` times (the row and `own` bytes of the template)).
    Bounded { factor: f64, power: i32, own: usize },
    /// By numbers in the row, or in loops.
    Unbounded,
}

impl Growth {
    /// The growth of a template with these tags.
    pub(super) fn of<'a>(insides: impl Iterator<Item = &'a str>) -> Self {
        let (mut factor, mut widest, mut own, mut of_texts) = (1.0, 1.0_f64, 0, 0);
        let mut is_bound = false;
        for inside in insides {
            let Some(tag) = TagGrowth::of(inside) else { return Self::Unbounded };
            own += inside.len();
            factor *= tag.factor;
            of_texts += tag.of_texts;
            // A named value may be used again; output may not.
            match tag.binds {
                true => factor *= tag.joined,
                false => widest = widest.max(tag.joined),
            }
            is_bound |= tag.binds && tag.of_texts > 0;
        }
        if of_texts == 0 && factor == 1.0 {
            return Self::None;
        }
        // A product that has a name can be multiplied by itself.
        let power = if is_bound { 2_i32.saturating_pow(of_texts) } else { of_texts.cast_signed() + 1 };
        Self::Bounded { factor: factor * widest, power, own }
    }

    /// Whether the result for this row may be more than `SMALL`.
    pub(super) fn is_much(self, fields: &Map<String, Value>) -> bool {
        match self {
            Self::None => false,
            Self::Unbounded => true,
            Self::Bounded { factor, power, own } => {
                (factor * (own + bytes_of_fields(fields)) as f64).powi(power) > SMALL
            }
        }
    }
}

/// The growth of a single tag.
struct TagGrowth {
    factor: f64,
    /// How many values it places next to each other.
    joined: f64,
    of_texts: u32,
    /// Whether it gives a value a name.
    binds: bool,
}

impl TagGrowth {
    /// `None` if nothing bounds it.
    fn of(inside: &str) -> Option<Self> {
        let inside = inside.trim_matches(['-', '+']);
        let unquoted = without_quoted_signs(inside);
        let joined = 1.0 + unquoted.matches(['~', '+']).count() as f64;
        let mut tag = Self { factor: multiplied(&unquoted)?, joined, of_texts: 0, binds: false };
        let is_sign = |c: char| !c.is_alphanumeric() && c != '_';
        let mut at = 0;
        for word in inside.split(is_sign) {
            let (before, behind) = (&inside[..at], &inside[at + word.len()..]);
            at += word.len() + behind.chars().next().map_or(0, char::len_utf8);
            tag.of_texts += u32::from(OF_TEXTS.contains(&word));
            tag.binds |= ["set", "with", "for"].contains(&word);
            if UNBOUNDED.contains(&word) {
                return None;
            }
            if GIVEN.contains(&word) {
                tag.factor *= given(word, before.trim_end(), behind.trim_start())?;
            }
        }
        Some(tag)
    }
}

/// The factor of a filter that is bounded by its arguments.
fn given(word: &str, before: &str, behind: &str) -> Option<f64> {
    // The option of `tojson`, whatever its value.
    if word == "indent" && behind.starts_with('=') && !behind.starts_with("==") {
        return Some(PER_BROKEN_BYTE);
    }
    // As a quoted name it is an argument of `map`, which passes the next arguments to it.
    if before.ends_with(['\'', '"']) {
        return None;
    }
    let (has_arguments, arguments) = match behind.strip_prefix('(') {
        Some(behind) => (true, behind.split_once(')')?.0.trim()),
        None => (false, ""),
    };
    let mut arguments = arguments.split(',').map(str::trim);
    let first = arguments.next().unwrap_or_default();
    match word {
        "indent" => {
            let width = first.strip_prefix("width").map_or(first, |rest| rest.trim_start_matches([' ', '=']));
            let width = if width.is_empty() { 4.0 } else { small_number(width)? };
            let is_flag = |argument: &str| {
                let value = argument.rsplit('=').next().unwrap_or_default().trim();
                ["true", "false", "True", "False"].contains(&value)
            };
            arguments.all(is_flag).then_some(width + 1.0)
        }
        "batch" | "slice" => small_number(first),
        // Without another start value, the sum is a number, to which only numbers can be added.
        "sum" => {
            let is_plain = !first.contains(['*', '(', '[']) && !first.starts_with("start");
            (is_plain && arguments.next().is_none()).then_some(1.0)
        }
        "format" => formatted(before).filter(|_| has_arguments),
        _ => None,
    }
}

/// The factor of a format string that is a literal before the filter.
fn formatted(before: &str) -> Option<f64> {
    let text = before.strip_suffix('|')?.trim_end();
    let quote = text.chars().next_back().filter(|last| ['\'', '"'].contains(last))?;
    let text = &text[..text.len() - 1];
    let text = &text[text.rfind(quote)? + 1..];
    let is_wide = text.split(|c: char| !c.is_ascii_digit()).any(|digits| digits.len() > 2);
    let is_plain = !is_wide && !text.contains(['*', '\\']);
    is_plain.then(|| 1.0 + SMALL_NUMBER * text.matches('%').count() as f64)
}

/// The product of the numbers in multiplications; `None` if one is unknown.
fn multiplied(unquoted: &str) -> Option<f64> {
    let is_power = unquoted.contains("**");
    let mut factor = 1.0;
    for (at, _) in unquoted.match_indices('*') {
        let (before, behind) = (&unquoted[..at], &unquoted[at + 1..]);
        if before.ends_with('*') || behind.starts_with('*') {
            continue;
        }
        if is_power {
            return None;
        }
        factor *= number_behind(behind).or_else(|| number_before(before))?;
    }
    // `**` before arguments from the row is not a power.
    let is_splat = |(at, _)| unquoted[..at].trim_end().ends_with(['(', ',']);
    (!unquoted.match_indices("**").any(is_splat)).then_some(factor)
}

/// The number after a sign, if that is the whole operand.
fn number_behind(behind: &str) -> Option<f64> {
    let behind = behind.trim_start();
    let end = behind.find(|c: char| !is_of_number(c)).unwrap_or(behind.len());
    let goes_on = behind[end..].trim_start().starts_with(['|', '(', '[']);
    if goes_on { None } else { small_number(&behind[..end]) }
}

/// The same before the sign; the factors of that number count too.
fn number_before(before: &str) -> Option<f64> {
    let before = before.trim_end();
    let start = before.rfind(|c: char| !is_of_number(c));
    let start = start.map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let is_alone = !before[..start].trim_end().ends_with(['*', '/', '%', '|', '.']);
    if is_alone { small_number(&before[start..]) } else { None }
}

fn is_of_number(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '.'
}

fn small_number(text: &str) -> Option<f64> {
    let is_plain = text.starts_with(|c: char| c.is_ascii_digit());
    let is_number = is_plain && text.chars().all(|c| c.is_ascii_digit() || c == '.');
    let number = text.parse::<f64>().ok().filter(|number| is_number && *number <= SMALL_NUMBER)?;
    Some(number.max(1.0))
}

/// The inside of a tag without the signs in its quoted texts; positions do not change.
fn without_quoted_signs(inside: &str) -> String {
    let (mut quote, mut is_escaped) = (None, false);
    let plain = inside.chars().map(|c| {
        let within = quote.is_some();
        match quote {
            Some(_) if is_escaped => is_escaped = false,
            Some(_) if c == '\\' => is_escaped = true,
            Some(open) if c == open => quote = None,
            None if ['\'', '"'].contains(&c) => quote = Some(c),
            _ => {}
        }
        if within && ['*', '~', '+'].contains(&c) { ' ' } else { c }
    });
    let plain: String = plain.collect();
    // The engine does not accept a text without a closing quote.
    if quote.is_some() { inside.to_owned() } else { plain }
}

/// The maximum size of a row as text, in bytes.
fn bytes_of_fields(fields: &Map<String, Value>) -> usize {
    fields.iter().map(|(name, value)| name.len() + 6 + bytes_of(value)).sum()
}

fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) => 5,
        // Written in full, without an exponent.
        Value::Number(number) => match number.as_f64() {
            Some(number) if number == 0.0 || (1e-5..1e20).contains(&number.abs()) => 24,
            _ => 400,
        },
        Value::String(text) => text.len() + 2,
        Value::Array(items) => 2 + items.iter().map(|item| 2 + bytes_of(item)).sum::<usize>(),
        Value::Object(fields) => 2 + bytes_of_fields(fields),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn growth(template: &str) -> Growth {
        Growth::of([template].into_iter())
    }

    fn is_much(template: &str, row: &Value) -> bool {
        growth(template).is_much(row.as_object().expect("a row"))
    }

    #[test]
    fn templates_that_cannot_grow_are_distinguished_from_those_that_can() {
        for plain in [
            "text",
            "text | upper | trim",
            "for part in parts",
            "if n % 2 == 0",
            "a ~ b",
            "a ~ ' * ' ~ b",
            "set x = text",
            "n | round(1)",
            "n | round(m)",
            "numbers | sum",
            "rows | sum(attribute='n')",
            "2 ** n",
        ] {
            assert_eq!(growth(plain), Growth::None, "{plain}");
        }
        for unbounded in [
            "text | indent(n)",
            "text | indent(width=n)",
            "text | indent(4, n)",
            "text | indent(400000)",
            "text | indent(**row)",
            "parts | map('indent', n)",
            "parts|batch(n, x)",
            "parts|slice(n)",
            "'%*d' | format(n, 1)",
            "'%999999999d' | format(n)",
            "('%' ~ n ~ 'd') | format(1)",
            "text | format(1)",
            "text * n",
            "text * 3 * n",
            "n * 3 * text",
            "text * 3 ** 9",
            "text * 3000",
            "text * row.3",
            "x * 10 | string | replace('1', n) | int",
            "parts | sum(start='')",
            "parts | sum('a', '')",
            "endset",
            "macro double(x)",
        ] {
            assert_eq!(growth(unbounded), Growth::Unbounded, "{unbounded}");
        }
    }

    #[test]
    fn small_numbers_and_few_products_do_little_to_a_small_row() {
        let row = json!({ "text": "a text of some words", "tags": ["a", "b"], "n": 3.5, "m": 4 });
        for template in [
            "tags | join(', ')",
            "tags | join('\n* ')",
            "text | replace('a', 'b') | replace('c', 'd')",
            "text | indent",
            "text | indent(4, first=true)",
            "tags | batch(2, ' ')",
            "tags | slice(3)",
            "'%.2f' | format(n)",
            "n * 100",
            "100 * n",
            "row | tojson(indent=2)",
            "for tag in tags | list",
        ] {
            assert!(!is_much(template, &row), "{template}");
        }
    }

    #[test]
    fn the_same_is_much_for_a_large_row() {
        let row = json!({ "text": "x".repeat(15 << 20) });
        for template in [
            "tags | join(', ')",
            "text | indent",
            "'%.2f' | format(n)",
            "row | tojson(indent=2)",
            "text * 100",
        ] {
            assert!(is_much(template, &row), "{template}");
        }
    }

    #[test]
    fn the_more_products_the_smaller_a_row_has_to_be() {
        let row = |bytes: usize| json!({ "text": "x".repeat(bytes) });
        let once = "text | replace('', text)";
        assert!(!is_much(once, &row(6_000)) && is_much(once, &row(9_000)));
        let twice = "text | replace('', text) | replace('', text)";
        assert!(!is_much(twice, &row(300)) && is_much(twice, &row(1_000)));
        let thrice = "tpl | replace('{a}', a) | replace('{b}', b) | replace('{c}', c)";
        let row =
            json!({ "tpl": "{a}".repeat(600), "a": "{b}".repeat(600), "b": "{c}".repeat(600), "c": "{a}" });
        assert!(is_much(thrice, &row));
        let named = ["set x = text | replace('', text)", "set x = x | replace('', x)", "x | replace('', x)"];
        let row = json!({ "text": "x".repeat(40) });
        assert!(Growth::of(named.into_iter()).is_much(row.as_object().expect("a row")));
        let doubled = vec!["set x = x ~ x"; 40];
        assert!(Growth::of(doubled.into_iter()).is_much(row.as_object().expect("a row")));
    }
}
