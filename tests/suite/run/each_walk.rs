//! A random walk over the edits of a job with `[each]`: its values, their order, its rows and their cells.

use std::collections::BTreeMap;

use rand::prelude::*;
use serde_json::{Value, json};

use crate::support::harness::Scene;

const LANGUAGES: [&str; 5] = ["English", "French", "German", "Dutch", "Greek"];
const COLUMNS: [&str; 2] = ["title", "body"];
const BLANKS: [&str; 3] = ["", " \n", "\u{200b}\u{feff}"];

/// A job as it is edited. No two cells ever have the same words.
struct Edited {
    rows: Vec<[Vec<String>; 2]>,
    gone: Vec<[Vec<String>; 2]>,
    languages: Vec<&'static str>,
    columns: Vec<&'static str>,
    words: usize,
}

impl Edited {
    fn new(dice: &mut StdRng) -> Self {
        let mut edited = Self {
            rows: vec![],
            gone: vec![],
            languages: vec!["English", "French"],
            columns: COLUMNS.to_vec(),
            words: 0,
        };
        (0..dice.random_range(3..9)).for_each(|_| edited.add(dice));
        edited
    }

    /// A cell by its history, of which the last is what it has now.
    fn cell(&mut self) -> Vec<String> {
        self.words += 1;
        vec![format!("Words number {}.", self.words)]
    }

    fn add(&mut self, dice: &mut StdRng) {
        let row = [self.cell(), self.cell()];
        self.rows.insert(dice.random_range(0..=self.rows.len()), row);
    }

    fn edit(&mut self, dice: &mut StdRng) {
        let (some, other) = (dice.random_range(0..self.rows.len()), dice.random_range(0..self.rows.len()));
        match dice.random_range(0..9) {
            0 => self.add(dice),
            1 if self.rows.len() > 2 => {
                let row = self.rows.remove(some);
                self.gone.push(row);
            }
            2 => self.rows.swap(some, other),
            3 => self.rows[some][dice.random_range(0..2)].push(BLANKS[dice.random_range(0..3)].to_owned()),
            4 => {
                let cell = self.cell().remove(0);
                self.rows[some][dice.random_range(0..2)].push(cell);
            }
            // What it was before.
            5 => self.rows[some][dice.random_range(0..2)].rotate_right(1),
            6 => self.rows.extend(self.gone.pop()),
            7 => {
                let count = dice.random_range(1..4);
                self.languages = LANGUAGES.sample(dice, count).copied().collect();
            }
            _ => {
                let count = dice.random_range(1..3);
                self.columns = COLUMNS.sample(dice, count).copied().collect();
            }
        }
    }

    fn write(&self, scene: &Scene, with_ids: bool) {
        let now = |cell: &Vec<String>| cell.last().cloned();
        // The first words of a row name it for good.
        let name = |row: &[Vec<String>; 2]| {
            row.iter().flatten().filter(|text| text.contains("Words")).min().cloned()
        };
        let line = |row: &[Vec<String>; 2]| {
            format!("{}\n", json!({ "id": name(row), "title": now(&row[0]), "body": now(&row[1]) }))
        };
        scene.write("in.jsonl", self.rows.iter().map(line).collect::<String>());
        let id = if with_ids { "input.id = \"id\"\n" } else { "" };
        let more = format!(
            "{id}each.lang = {:?}\neach.column = {:?}\noutput.wide = \"{{{{ column }}}}_{{{{ lang }}}}\"\n",
            self.languages, self.columns
        );
        scene.job("in.jsonl", "out.jsonl", &more);
        let file =
            scene.read("job.toml").replace("{{ text }}", "Into {{ each.lang }}: {{ row[each.column] }}");
        scene.write("job.toml", file);
    }
}

/// What each column of a row of the output was asked.
fn asked(row: &Value) -> Vec<(String, Option<String>)> {
    let names = row.as_object().expect("an object").keys();
    let combinations = names.filter_map(|name| {
        name.split_once('_').filter(|(column, lang)| COLUMNS.contains(column) && LANGUAGES.contains(lang))
    });
    let asked = |(column, lang): (&str, &str)| {
        let text = row[column].as_str().filter(|text| text.contains("Words"));
        (format!("{column}_{lang}"), text.map(|text| format!("Into {lang}: {text}")))
    };
    combinations.map(asked).collect()
}

#[test]
fn whatever_is_edited_no_answer_is_paid_for_twice_or_stands_under_another_combination() {
    for seed in 0..4 {
        let mut dice = StdRng::seed_from_u64(seed);
        let mut scene = Scene::new();
        scene.judge.wide = Some(asked);
        let mut edited = Edited::new(&mut dice);
        for step in 0..14 {
            edited.write(&scene, seed % 2 == 0);
            let finished = scene.run_job(&["job.toml"]);
            assert_eq!(finished.code, Some(0), "seed {seed}, step {step}: {finished:?}");
            let output = scene.output();
            let columns = edited.languages.len() * edited.columns.len();
            assert!(output.iter().all(|row| asked(row).len() == columns), "seed {seed}, step {step}");
            let mut sent: BTreeMap<String, usize> = BTreeMap::new();
            for request in scene.witness() {
                *sent.entry(request["body"]["messages"][0]["content"].to_string()).or_default() += 1;
            }
            let twice: Vec<_> = sent.iter().filter(|(_, times)| **times > 1).collect();
            assert!(twice.is_empty(), "seed {seed}, step {step}: {twice:?}");
            (0..dice.random_range(1..4)).for_each(|_| edited.edit(&mut dice));
        }
    }
}
