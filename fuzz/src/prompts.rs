//! The parts of a job besides its keys: templates, glossaries, the schema of its answers.

use std::sync::Arc;

use fanfold::inside::{
    AnswerSchema, Glossary, Language, Languages, Origin, Place, PlaceUnit, Renderer, Row, TemplateText,
    Templates, Term, parse_answer,
};
use fanfold::{Job, Layers, Lookups, ModelCatalog, ModelInfo, SourceText, resolve, utc};
use serde_json::{Map, Value};

/// The maximum size of a template's result beyond its own text.
const LONGEST: usize = 16 << 20;

/// The last line is a row's columns as JSON; the lines before it are a template.
///
/// It renders alike twice, within its limit, and depends only on columns that it names.
pub fn template(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Some((source, fields)) = text.rsplit_once('\n') else { return };
    let Ok(Value::Object(fields)) = serde_json::from_str(fields) else { return };
    let mut templates = Templates::default();
    let text = || TemplateText { source: source.to_owned(), place: None };
    for (name, value) in [("text", false), ("value", true)] {
        let slot = match value {
            false => templates.add(name, text()),
            true => templates.add_value(name, text()),
        };
        let slot = match slot {
            Ok(slot) => slot,
            Err(problem) => return assert!(!problem.to_string().is_empty()),
        };
        let rendered = |fields: &Map<String, Value>| {
            templates.fill(fields).text(&slot).map_err(|problem| problem.to_string())
        };
        let first = rendered(&fields);
        assert_eq!(first, rendered(&fields), "the same row twice");
        if let Ok(text) = &first {
            assert!(text.len() <= LONGEST + source.len(), "{} bytes", text.len());
        }
        if let (Some(columns), Ok(text)) = (templates.columns(), &first) {
            let named = fields.iter().filter(|(name, _)| columns.contains(*name));
            let named = named.map(|(name, value)| (name.clone(), value.clone())).collect();
            assert_eq!(rendered(&named).as_ref(), Ok(text), "the columns that it does not name are gone");
        }
    }
}

/// The first line is a text to translate; each further one is a source and its target, with a tab in between.
///
/// The entries added to a request are in the glossary; an entry that is the whole text is added; everything else is
/// unchanged.
pub fn glossary(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut lines = text.split('\n');
    let text = lines.next().unwrap_or_default();
    let pairs: Vec<(&str, &str)> = lines.filter_map(|line| line.split_once('\t')).collect();
    // A glossary file has no entry without a source.
    let pairs: Vec<_> = pairs.into_iter().filter(|(source, _)| !source.trim().is_empty()).collect();
    let term = |(source, target): &(&str, &str)| Term {
        source: (*source).to_owned(),
        target: (*target).to_owned(),
        source_lang: None,
        target_lang: None,
    };
    let languages = Languages { known: &[], wider: None };
    let glossary = Glossary::new(languages, pairs.iter().map(term).collect(), vec![]);
    let Ok(glossary) = glossary else { return };
    let job = translating();
    let plain = Renderer::new(&job, None).expect("a renderer");
    let telling = Renderer::new(&job, None).expect("a renderer").with_glossary(Some(glossary));
    let row = row(text);
    let (Ok(plain), Ok(told)) = (plain.render(&row), telling.render(&row)) else { return };
    let [mut plain, mut told] =
        [plain.body, told.body].map(|body| serde_json::from_slice::<Value>(&body).expect("a body"));
    let terms = told["translation_options"].as_object_mut().expect("options").remove("terms");
    plain["translation_options"].as_object_mut().expect("options").remove("terms");
    assert_eq!(plain, told, "all else stays as it is");
    let terms = terms.and_then(|terms| terms.as_array().cloned()).unwrap_or_default();
    for term in &terms {
        let pair = (term["source"].as_str().unwrap_or_default(), term["target"].as_str().unwrap_or_default());
        assert!(pairs.contains(&pair), "{pair:?} is not in the glossary");
    }
    if pairs.iter().any(|(source, _)| *source == text) {
        assert!(terms.iter().any(|term| term["source"] == text), "the whole text is an entry: {terms:?}");
    }
}

/// A job that translates.
fn translating() -> Job {
    let text = "input.path = \"in.jsonl\"\noutput.path = \"out.jsonl\"\nmodel.name = \"qwen-mt-plus\"\n\
                prompt.user = \"{{ text }}\"\n\
                request.translation_options = { source_lang = \"auto\", target_lang = \"English\" }\n";
    let script = SourceText { name: "job.toml".into(), text: text.into() };
    let (file, layers) = Layers::read(Some(script), vec![]).expect("a job file");
    let known: &'static [Language] = &[];
    let facts = move |_: &str| ModelInfo {
        languages: Some(Languages { known, wider: None }),
        ..ModelInfo::default()
    };
    let region = |_: &str, _: Option<&str>| Err("no region".to_owned());
    resolve(file, &layers, &Lookups { region: &region, book: &|_| ModelCatalog::new(facts), zone: &utc })
        .expect("a job")
}

fn row(text: &str) -> Row {
    let place = Place { file: Arc::from("in.jsonl"), number: 1, unit: PlaceUnit::Line };
    let fields = Map::from_iter([("text".to_owned(), Value::from(text))]);
    Row { position: 0, place, id: None, fields, origin: Origin::Record, whole: None }
}

/// The first line is a JSON Schema, the rest an answer.
///
/// An answer that satisfies it is equal to its JSON; any other gets a short explanation.
pub fn schema(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (schema, answer) = text.split_once('\n').unwrap_or((text, ""));
    let schema = match AnswerSchema::parse(schema, "answer.json") {
        Ok(schema) => schema,
        Err(error) => return assert!(error.to_string().starts_with("answer.json"), "{error}"),
    };
    // Whether its fields can become columns is a separate question; an answer is checked in any case.
    let _ = schema.fields();
    match schema.check(answer) {
        Ok(value) => assert_eq!(Ok(value), parse_answer(answer)),
        Err(words) => {
            let length = words.chars().count();
            assert!((1..=400).contains(&length), "{length} characters: {words}");
        }
    }
}
