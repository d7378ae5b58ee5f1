//! A catalogue, a job that translates it, and what its output must be.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use fanfold::simulator::{Script, ServerSettings};
use serde_json::{Map, Value};

use crate::support::harness::{Finished, Scene};
use crate::support::sheets::{Cell, Sheet, workbook};
use crate::support::tables::{Table, csv};

/// Columns with blanks in their names, as people write them.
pub const NAME: &str = "Product Name";
pub const TEXT: &str = "Long Text";
pub const LANGUAGES: [&str; 3] = ["French", "German", "Japanese"];

/// The wide layout's names, checks, packs, and one request for equal texts.
pub const DESK: &str = "output.wide = \"{{ column }} ({{ lang }})\"\nanswer.keep = ['NF-\\d+']\n\
    answer.checks = [\"placeholders\", \"translated\", \"length\"]\npack.rows = 10\ninput.duplicates = \"share\"\n\
    price = { input = 2.0, output = 6.0 }\nlimits.qps = 200\nlimits.tpm = 100_000_000\n";

const TERMS: &str = "source,target,target_lang\ncanvas,toile,fr\ncanvas,Leinwand,de\nJacket,Jacke,de\n";

/// A language, and a text in the source's.
pub type Asked = (String, String);

/// A row of the catalogue.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub sku: String,
    pub name: String,
    pub text: String,
}

/// A scene with a catalogue, and its job.
pub struct Desk {
    pub scene: Scene,
    pub items: Vec<Item>,
    pub languages: Vec<&'static str>,
    pub columns: Vec<&'static str>,
    pub input: &'static str,
    pub output: &'static str,
    pub prompt: &'static str,
    /// More lines of the job.
    pub more: String,
}

impl Desk {
    /// A desk with so many rows, at a service that follows a script of faults.
    pub fn new(count: usize, faults: &str, more: &str) -> Self {
        let script = Script::parse(faults).expect("a script");
        let latency = "fixed:5ms".parse().expect("a latency");
        Self::at(ServerSettings { script, latency, ..ServerSettings::default() }, count, more)
    }

    /// A desk at a service of these settings.
    pub fn at(settings: ServerSettings, count: usize, more: &str) -> Self {
        let mut scene = Scene::with(settings);
        scene.write("terms.csv", TERMS);
        scene.judge.output = "out.xlsx".to_owned();
        Self {
            scene,
            items: (0..count).map(item).collect(),
            languages: LANGUAGES.to_vec(),
            columns: vec![NAME, TEXT],
            input: "in.xlsx",
            output: "out.xlsx",
            prompt: "{{ row[each.column] }}",
            more: more.to_owned(),
        }
    }

    /// Writes the catalogue and the job as they are now.
    pub fn write(&self) {
        if self.input.ends_with(".xlsx") {
            self.write_sheet()
        } else {
            self.write_csv()
        }
        let Self { languages, columns, more, input, output, prompt, .. } = self;
        let columns = if columns.is_empty() { String::new() } else { format!("each.column = {columns:?}\n") };
        let url = self.scene.base_url();
        let job = format!(
            "input.path = {input:?}\ninput.id = \"SKU\"\noutput.path = {output:?}\nmodel.name = \"qwen-mt-plus\"\n\
             model.base_url = {url:?}\nprompt.user = {prompt:?}\neach.lang = {languages:?}\n\
             {columns}glossary.terms = \"terms.csv\"\n\
             request.translation_options = {{ source_lang = \"English\", target_lang = \"{{{{ each.lang }}}}\" }}\n\
             retry.initial_backoff = \"20ms\"\nretry.max_backoff = \"100ms\"\n{more}"
        );
        self.scene.write("job.toml", job);
    }

    fn write_sheet(&self) {
        let row = |item: &Item| {
            let texts = [&item.sku, &item.name, &item.text].map(|text| Cell::of(Some(text)));
            texts.into_iter().chain([Cell::Number(4.5)]).collect()
        };
        let rows: Vec<Vec<Cell>> = self.items.iter().map(row).collect();
        let sheet = Sheet::new("Catalogue", &["SKU", NAME, TEXT, "Price"], &rows);
        self.scene.write("in.xlsx", workbook(&[sheet]));
    }

    /// With semicolons and a byte order mark, as a spreadsheet of a European office writes it.
    fn write_csv(&self) {
        let header = vec!["SKU", NAME, TEXT];
        let rows = self.items.iter().map(|item| vec![&*item.sku, &*item.name, &*item.text]);
        let records: Vec<Vec<&str>> = std::iter::once(header).chain(rows).collect();
        self.scene.write("in.csv", [b"\xef\xbb\xbf".to_vec(), csv(b';', &records)].concat());
    }

    /// Writes everything and runs the job, judged.
    pub fn run(&mut self) -> Finished {
        self.write();
        self.scene.run_job(&["job.toml"])
    }

    pub fn receipt(&self) -> Value {
        let text = self.scene.read(&format!("{}.summary.json", self.output));
        serde_json::from_str(&text).expect("JSON")
    }

    pub fn table(&self) -> Table {
        Table::read(&self.scene.path(self.output))
    }

    /// What the job asks for now, each text once.
    pub fn asks(&self) -> BTreeSet<Asked> {
        let cells = self.items.iter().flat_map(|item| self.columns.iter().map(|column| item.cell(column)));
        let texts: BTreeSet<&str> = cells.filter(|cell| !is_blank(cell)).map(str::trim).collect();
        let asked = |lang: &&str| {
            texts.iter().map(|text| ((*lang).to_owned(), (*text).to_owned())).collect::<Vec<_>>()
        };
        self.languages.iter().flat_map(asked).collect()
    }

    /// Asserts that every cell of the output is the translation of its own row, column and language, and that those that are
    /// said to be missing are. Gives the rows.
    pub fn assert_translated(
        &self,
        is_missing: impl Fn(&Item, &str, &str) -> bool,
    ) -> Vec<Map<String, Value>> {
        let rows = self.table().rows;
        assert_eq!(rows.len(), self.items.len());
        for (row, item) in rows.iter().zip(&self.items) {
            assert_eq!(row["SKU"], item.sku, "the order of the input");
            for (column, lang) in
                self.columns.iter().flat_map(|column| self.languages.iter().map(move |lang| (column, lang)))
            {
                let (found, text) = (&row[&format!("{column} ({lang})")], item.cell(column));
                if is_blank(text) || is_missing(item, column, lang) {
                    assert!(is_empty(found), "{column} {lang}: {row:?}");
                } else {
                    assert_is_translation(found, text, lang);
                }
            }
        }
        rows
    }
}

impl Item {
    pub fn cell(&self, column: &str) -> &str {
        if column == NAME { &self.name } else { &self.text }
    }

    /// Whether it has nothing to translate.
    pub fn is_blank(&self) -> bool {
        is_blank(&self.name) && is_blank(&self.text)
    }
}

/// A row with what cells of catalogues have: blanks, lists, marks, placeholders, addresses, and the same text in many rows.
pub fn item(n: usize) -> Item {
    let name = match n % 12 {
        3 => " \u{200b} ".to_owned(),
        5 => format!("  Jacket NF-{n} of canvas  "),
        7 => format!("{n}"),
        8 => "Rope".to_owned(),
        _ => format!("Item NF-{n}, grey"),
    };
    let text = match n % 8 {
        0 => format!("Bag {n} has\n\n1. a strap\n2. two pockets"),
        1 => format!(
            "Holds {{count}} things, %s and %1$d of type {n}; see https://example.org/p?id={n}&x=1 <b>now</b>"
        ),
        2 => format!("Line {n} with [[wiki]] and [1] and --- and ###1###"),
        3 if n % 24 == 3 => String::new(),
        3 => format!("\u{201c}Quoted\u{201d}; with, marks\tand canvas number {n}"),
        4 => "Machine washable at 30 degrees.".to_owned(),
        5 if n % 40 == 5 => format!("As in [[{n}]] of the list"),
        5 => format!("=SUM(A{n}) is no formula"),
        6 => format!("Grüße №{n} 登山 🎒"),
        _ => format!("Plain sentence {n} about tents."),
    };
    Item { sku: format!("S{n:03}"), name, text }
}

pub fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || c == '\u{200b}')
}

pub fn is_empty(value: &Value) -> bool {
    value.is_null() || value == ""
}

/// The simulator's translation: the text with its terms replaced.
pub fn translation(text: &str, lang: &str) -> String {
    match lang {
        "French" => text.replace("canvas", "toile"),
        "German" => text.replace("canvas", "Leinwand").replace("Jacket", "Jacke"),
        _ => text.to_owned(),
    }
}

pub fn assert_is_translation(found: &Value, text: &str, lang: &str) {
    let found = found.as_str().unwrap_or_else(|| panic!("no translation into {lang} of {text:?}: {found}"));
    let rest = found.strip_prefix(&format!("[{lang}] ")).unwrap_or_else(|| panic!("not {lang}: {found:?}"));
    assert_eq!(rest.trim(), translation(text.trim(), lang));
}

/// The texts of a request, each with its language.
pub fn texts_of(request: &Value) -> Vec<Asked> {
    let lang = request["body"]["translation_options"]["target_lang"].as_str().expect("a language");
    let message = request["body"]["messages"][0]["content"].as_str().expect("a text");
    let mut texts: Vec<Vec<&str>> = vec![];
    for line in message.split('\n') {
        if line == format!("[[{}]]", texts.len() + 1) {
            texts.push(vec![]);
        } else if let Some(text) = texts.last_mut() {
            text.push(line);
        }
    }
    match texts.len() {
        0 | 1 => vec![(lang.to_owned(), message.trim().to_owned())],
        _ => texts.iter().map(|text| (lang.to_owned(), text.join("\n").trim().to_owned())).collect(),
    }
}

/// How often each text was sent in each language, from this request on.
pub fn sent(scene: &Scene, from: usize) -> BTreeMap<Asked, usize> {
    let mut sent = BTreeMap::new();
    for text in scene.witness()[from..].iter().flat_map(texts_of) {
        *sent.entry(text).or_default() += 1;
    }
    sent
}

/// The texts of which the journal has the final answer, by the request ids that it and the witness have.
pub fn stored(desk: &Desk) -> HashSet<Asked> {
    let path = desk.scene.path(&format!("{}.journal", desk.output));
    let journal = rusqlite::Connection::open(path).expect("a journal");
    let sql = "SELECT s.request_id, count(*) FROM steps s JOIN entries e ON e.entry = s.entry
               WHERE e.status = 'ok' AND s.request_id IS NOT NULL GROUP BY 1";
    let mut statement = journal.prepare(sql).expect("the journal's tables");
    let counts = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)));
    let counts: BTreeMap<String, usize> = counts.and_then(Iterator::collect).expect("request ids");
    let of = |request: &Value| {
        let texts = texts_of(request);
        let count = counts.get(request["request_id"].as_str().unwrap_or_default()).copied().unwrap_or(0);
        // Of a pack that is stored in part, it is not known which.
        if count >= texts.len() { texts } else { vec![] }
    };
    desk.scene.witness().iter().flat_map(of).collect()
}

/// A number of every row of a table, summed.
pub fn sum(rows: &[Map<String, Value>], column: &str) -> f64 {
    rows.iter().map(|row| row[column].as_f64().unwrap_or(0.0)).sum()
}

/// The tokens that the service counted.
pub fn bill(scene: &Scene) -> u64 {
    scene.witness().iter().filter_map(|line| line["total_tokens"].as_u64()).sum()
}
