//! Names of columns in braces, and templates that nobody would write: the result is always an answer or an error.

use std::sync::Arc;

use rand::prelude::*;
use serde_json::{Map, Value, json};

use super::*;
use crate::diagnostic::SourceText;
use crate::job::TemplateText;
use crate::row::{Column, ColumnKind};

fn text(source: &str) -> TemplateText {
    let script = SourceText { name: "job.toml".into(), text: Arc::from(format!("user = '''{source}'''")) };
    TemplateText { source: source.to_owned(), place: Some((script, 7..13 + source.len())) }
}

fn fields(value: &Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// The result of a template on a row, as text and as a value, with and without the input's columns known in advance.
fn filled(source: &str, row: &Value, known: bool) -> [Result<Value, String>; 2] {
    [false, true].map(|keeps_type| {
        let row = fields(row);
        let columns: Vec<Column> =
            row.keys().map(|name| Column { name: name.clone(), kind: ColumnKind::Text }).collect();
        let mut templates = Templates::new(known.then_some(columns.as_slice()), 0);
        let slot = match keeps_type {
            true => templates.add_value("a", text(source)),
            false => templates.add("a", text(source)),
        };
        let slot = slot.map_err(|problem| problem.to_string())?;
        templates.check_columns().map_err(|problem| problem.to_string())?;
        let value = templates.fill(&row).value(&slot).map_err(|problem| problem.to_string());
        if let (Some(columns), Ok(value)) = (templates.columns(), &value) {
            let named: Map<String, Value> =
                row.into_iter().filter(|(name, _)| columns.contains(name)).collect();
            let again = templates.fill(&named).value(&slot).map_err(|problem| problem.to_string());
            assert_eq!(again.as_ref(), Ok(value), "{source}: the columns that it does not name are gone");
        }
        value
    })
}

#[test]
fn the_name_of_a_column_in_braces_is_that_column() {
    let row = json!({
        "Product Name": "Shoe", "a-b": 5, "a": 7, "b": 2, "What's new?": "x", "price (€)": 1.5, "größe": "L", "1": "one",
        "a.html": "<p>", "none": "no", "range": "r", "dict": 1, "namespace": 2, "loop": 3, "debug": 4, "x|y": "bar", "c d": null,
        "row": "own", "each": "own", "piece": "own", "}": "brace", "text": "abc", "日本": "x",
        "a[0]": "bracket", "[x]": "list", "two\nlines": "line", "100%": "all", "\"q\"": "quoted", "1st": "first", "a.b-c": "dots",
        "if": "word", "商品 名": "name", "Price [EUR]": "unit", "(opt": "open", " edge ": "white",
    });
    for (source, expected) in [
        ("{{ Product Name }}", json!("Shoe")),
        ("{{Product Name}}", json!("Shoe")),
        ("{{- Product Name | upper -}}", json!("SHOE")),
        ("{{ Product Name|lower|replace('s', 'S') }}", json!("Shoe")),
        ("{{ a-b }}", json!(5)),
        ("{{ a - b }}", json!(5)),
        ("{{ b-a }}", json!(-5)),
        ("{{-b-}}", json!(2)),
        ("{{ -b }}", json!(-2)),
        ("{{ What's new? }}", json!("x")),
        ("{{ What's new? | upper }}", json!("X")),
        ("{{ price (€) }}", json!(1.5)),
        ("{{ größe }}{{ 日本 }}", json!("Lx")),
        ("{{ 1 }}", json!("one")),
        ("{{ 2 }}", json!(2)),
        ("{{ a.html }}", json!("<p>")),
        ("{{ none }}", json!("no")),
        ("{{ range }}{{ dict }}{{ namespace }}{{ loop }}{{ debug }}", json!("r1234")),
        ("{{ x|y | upper }}", json!("BAR")),
        ("{{ c d }}", json!(null)),
        ("{{ a[0] }}", json!("bracket")),
        ("{{ [x] | upper }}", json!("LIST")),
        ("{{ two\nlines }}", json!("line")),
        ("{{ 100% }}", json!("all")),
        ("{{ \"q\" }}", json!("quoted")),
        ("{{ Price [EUR] }}", json!("unit")),
        ("{{ 1st }}", json!("first")),
        ("{{ a.b-c }}", json!("dots")),
        ("{{ 商品 名 }}", json!("name")),
        ("{{ row[\" edge \"] }}", json!("white")),
        ("{{ row['row'] }}", json!("own")),
        ("{{ row[\"each\"] }}", json!("own")),
        ("{% for i in range(2) %}{{ loop.index }}{{ i }};{% endfor %}", json!("10;21;")),
        ("{% for a in [1, 2] %}{{ a }}{% endfor %}", json!("12")),
        // The engine's own list of names lacks these.
        ("{{ text[:2] }}", json!("ab")),
        ("{% set text = text | upper %}{{ text }}", json!("ABC")),
        ("{% with text = text %}{{ text }}{% endwith %}", json!("abc")),
        ("{% filter replace('a', b) %}a{% endfilter %}", json!("2")),
    ] {
        for known in [true, false] {
            let [as_text, as_value] = filled(source, &row, known);
            assert_eq!(as_value, Ok(expected.clone()), "{source}, known {known}");
            let shown = match &expected {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(as_text, Ok(Value::from(shown)), "{source}, known {known}");
        }
    }
}

#[test]
fn where_the_columns_are_known_a_name_may_be_like_anything() {
    let row = json!({ "if": "word", "(opt": "open", "rate %": "unit", "a, b": "two", "x = y": "equal", "-": "dash" });
    for (source, expected) in [
        ("{{ if }}", "word"),
        ("{{ (opt }}", "open"),
        ("{{ rate % }}", "unit"),
        ("{{ a, b }}", "two"),
        ("{{ x = y }}", "equal"),
    ] {
        assert_eq!(filled(source, &row, true)[0], Ok(json!(expected)), "{source}");
    }
}

#[test]
fn an_unknown_column_is_reported_at_its_position_with_the_nearest_name() {
    let row = json!({ "Product Name": "Shoe", "text": "t", "each": 1, "row": 2 });
    for (source, place, message, help) in [
        ("é {{ Product Nmae }}", "job.toml:1:16", "no column `Product Nmae`", "did you mean `Product Name`?"),
        ("{{ text upper }}", "job.toml:1:14", "no column `text upper`", "follows a bar, `text | upper`"),
        ("{{ Product Name }}{{ txet[:2] }}", "job.toml:1:32", "no column `txet`", "did you mean `text`?"),
        ("{{ Product Name }} {{ text | }}", "job.toml:1:40", "unexpected end of variable block", ""),
        ("{{ Product Name }} {{ 1 / text }}", "job.toml:1:33", "the template does not work", ""),
        ("{{ each }}", "job.toml:1:14", "fanfold reserves the name `each`", "row[\"each\"]"),
        ("{{ row }}", "job.toml:1:14", "fanfold reserves the name `row`", "row[\"row\"]"),
        ("{{ “text” }}", "job.toml:1:14", "unexpected character", ""),
    ] {
        for known in [true, false] {
            for error in filled(source, &row, known) {
                let error = error.expect_err(source);
                for part in [place, message, help] {
                    assert!(error.contains(part), "{source}, known {known}: {part:?} is not in {error}");
                }
            }
        }
    }
}

#[test]
fn a_column_with_white_space_around_its_name_is_suggested_as_it_is_written() {
    let row = json!({ "id": 1, " text": "x" });
    for error in filled("{{ text }}", &row, true) {
        assert!(error.expect_err("no such column").contains("did you mean row[\" text\"]?"));
    }
    assert_eq!(filled("{{ row[\" text\"] }}", &row, true)[0], Ok(json!("x")));
}

#[test]
fn rows_that_bring_their_own_columns_are_each_read_by_these() {
    let mut templates = Templates::default();
    let slot = templates.add("a", text("{{ a.b }}|{{ Product Name }}")).expect("the rows say what it is");
    let rendered = |row: Value| {
        let row = fields(&row);
        templates.fill(&row).text(&slot).map_err(|problem| problem.message)
    };
    assert_eq!(rendered(json!({ "a": { "b": 1 }, "Product Name": "x" })), Ok("1|x".to_owned()));
    assert_eq!(rendered(json!({ "a": { "b": 1 }, "a.b": 2, "Product Name": "x" })), Ok("2|x".to_owned()));
    assert_eq!(rendered(json!({ "a.b": 3 })), Err("the row has no column `Product Name`".to_owned()));
    assert_eq!(rendered(json!({ "a.b": 3, "Product Name": "y" })), Ok("3|y".to_owned()));
}

#[test]
fn no_template_panics_whatever_stands_in_it() {
    let row = json!({ "text": "é", "é": "ü", "日本 語": [1, { "a": "b" }], "n": null });
    let deep = |piece: &str| format!("{{{{ {}1 }}}}", piece.repeat(3_000));
    let nested = "{% set ns = namespace(x=[]) %}{% for i in range(100) %}{% for j in range(500) %}\
                  {% set ns.x = [ns.x] %}{% endfor %}{% endfor %}{{ ns.x }}{{ ns.x | length }}";
    let mut odd: Vec<String> = [
        "{% import \"a\" as \"b\" %}",
        "{% import 'a' as é %}",
        "{% from 'a' import 'b' as 'c' %}",
        "{% include text %}",
        "{% extends text %}",
        "{% block é %}{% endblock %}",
        "{{ é.é[é](é) }}",
        "{{é",
        "{{ “é” }}",
        "{{ 'é }}",
        "{{ \"\\é\" }}",
        "{{ \\u{e9} }}",
        "{{ é | é }}",
        "{{ é is é }}",
        "{{ 日本 語 }}",
        "{{ 日本 語 | 日本 }}",
        "{{ 0é }}",
        "{{ 0xé }}",
        "{{ 1e9é }}",
        "{{ 1_é }}",
        "{%é%}",
        "{% é %}",
        "{% raw é %}",
        "{% raw %}é",
        "{#é",
        "{#-é-#}{{é}}",
        "{{-é-}}",
        "{{+é+}}",
        "{{--é--}}",
        "é{{- é -}}é",
        "{{ é}",
        "{{ (é }}",
        "{{ é) }}",
        "{{ [é }}",
        "{{ {é: é} }}",
        "{{ é }}}}",
        "{% set é = é %}{{ é }}",
        "{% set 'é' = 1 %}",
        "{% for 'é' in é %}{% endfor %}",
        "{% macro é(é) %}{{ é }}{% endmacro %}{{ é(é) }}",
        "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(1) }}",
        "{% call é() %}é{% endcall %}",
        "{% filter é %}{% endfilter %}",
        "{{ caller() }}",
        "{{ super() }}",
        "{{ self.é() }}",
        "{{ loop(é) }}",
        "{{ range(1e99) }}",
        "{{ text * 99999999999 }}",
        "{{ 'é'[1:2:0] }}",
        "{{ text[-9223372036854775808:] }}",
        "{{ 2 ** 999999 }}",
        "{{ 1 // 0 }}",
        "{{ -9223372036854775808 // -1 }}",
        "{{ 'é' | indent(9999) }}",
        "{{ 'é' | truncate(1) }}",
        "{{ text | urlencode }}",
        "{{ debug() }}",
        "\u{feff}{{ é }}",
        "{{ \u{a0}é\u{a0} }}",
        "{{ é\u{301} }}",
        "{{ \0 }}",
        "{% do é %}",
        "{% break %}",
        "{% autoescape é %}{% endautoescape %}",
    ]
    .map(str::to_owned)
    .to_vec();
    odd.extend(["not ", "- ", "1+", "1 if 1 else ", "é|", "é.", "(", "[", "{", "text ~ "].map(deep));
    odd.push(format!("{{{{ {}1 }}}}", "1 if 1 else ".repeat(100_000)));
    odd.extend([nested.to_owned(), "{% if é %}".repeat(3_000), "{{ é }}".repeat(3_000)]);
    for source in &odd {
        for known in [true, false] {
            for result in filled(source, &row, known) {
                assert!(result != Err(String::new()), "{source}");
            }
        }
    }
}

#[test]
fn no_template_of_random_pieces_panics() {
    let pieces = [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "-",
        "+",
        " ",
        "é",
        "日本 語",
        "“",
        "”",
        "'",
        "\"",
        "\\",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        "|",
        ".",
        ",",
        ":",
        "=",
        "~",
        "*",
        "/",
        "<",
        "text",
        "n",
        "row",
        "each",
        "1",
        "0x",
        "e9",
        "if ",
        "else ",
        "endif",
        "for ",
        " in ",
        "endfor",
        "set ",
        "is ",
        "not ",
        "upper",
        "length",
        "range",
        "loop",
        "import ",
        " as ",
        "macro ",
        "endmacro",
        "raw",
        "endraw",
        "\n",
        "\u{301}",
        "🐍",
        "\u{feff}",
    ];
    let row = json!({ "text": "é", "é": "ü", "日本 語": [1], "n": null, "“": 1, "é-n": 2, "row": 1 });
    let mut dice = StdRng::seed_from_u64(12);
    for _ in 0..4_000 {
        let length = dice.random_range(1..14);
        let mut source: String = (0..length).map(|_| *pieces.choose(&mut dice).expect("a piece")).collect();
        if dice.random_bool(0.7) {
            source = format!("{{{{ {source} }}}}");
        }
        for result in filled(&source, &row, dice.random_bool(0.5)) {
            assert!(result != Err(String::new()), "{source}");
        }
    }
}
