//! No two files depend on each other, even through others: each can be read after those that it imports.

use std::collections::{BTreeMap, BTreeSet};

use crate::house::{HOUSE, House};

/// Each file with the files it depends on, and what it takes from them.
type Arrows = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

#[test]
fn no_files_depend_on_each_other_in_a_circle() {
    let arrows = arrows(&HOUSE);
    let found: String = circles(&arrows).iter().map(|circle| words(circle, &arrows)).collect();
    assert!(found.is_empty(), "files that depend on each other in a circle:\n{found}");
}

fn words(circle: &BTreeSet<String>, arrows: &Arrows) -> String {
    let mut lines = String::from("  a circle:\n");
    for from in circle {
        for (to, items) in arrows[from].iter().filter(|(to, _)| circle.contains(*to)) {
            let items: Vec<&str> = items.iter().map(String::as_str).collect();
            lines.push_str(&format!("    src/{from} needs {} of src/{to}\n", items.join(", ")));
        }
    }
    lines
}

fn arrows(house: &House) -> Arrows {
    let mut arrows = Arrows::new();
    for (at, module) in &house.modules {
        let needs = arrows.entry(module.file.clone()).or_default();
        for path in &module.named {
            if let Some(home) = house.home_of(at, path, 0).filter(|home| home.file != module.file) {
                needs.entry(home.file.to_owned()).or_default().insert(home.item);
            }
        }
    }
    arrows
}

/// The largest sets of files that all depend on each other.
fn circles(arrows: &Arrows) -> BTreeSet<BTreeSet<String>> {
    let reached: BTreeMap<&String, BTreeSet<&String>> =
        arrows.keys().map(|from| (from, reach(arrows, from))).collect();
    let with = |file: &String| -> BTreeSet<String> {
        let back = |other: &&&String| reached[*other].contains(file);
        reached[file].iter().filter(back).map(|other| (*other).clone()).collect()
    };
    arrows.keys().map(with).filter(|circle| !circle.is_empty()).collect()
}

/// The files on which a file depends, directly or through others, possibly including itself.
fn reach<'a>(arrows: &'a Arrows, from: &String) -> BTreeSet<&'a String> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&String> = arrows[from].keys().collect();
    while let Some(file) = open.pop() {
        if reached.insert(file) {
            open.extend(arrows[file].keys());
        }
    }
    reached
}
