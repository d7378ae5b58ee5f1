//! `[each]`, settled: the values for each of which, and each combination of which, a row is asked.

use serde_json::{Map, Value};

use super::template_text::TemplateText;

/// The names of `[each]`, in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Each {
    /// At least one.
    pub names: Vec<EachName>,
}

/// A name with its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EachName {
    /// The name, under which templates see a value: `each.lang`.
    pub name: String,
    /// Its values, at least one, no two alike, each with its place in the job file.
    pub values: Vec<TemplateText>,
}

/// A value for each name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Combination {
    /// The values, in the order of the names.
    pub values: Vec<String>,
}

impl Each {
    /// The names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|each| each.name.as_str())
    }

    /// The values of a name; none if there is no such name.
    pub fn values_of(&self, name: &str) -> &[TemplateText] {
        self.names.iter().find(|each| each.name == name).map_or(&[], |each| &each.values)
    }

    /// All combinations, the first name slowest.
    pub fn combinations(&self) -> Vec<Combination> {
        let mut all = vec![Combination { values: Vec::new() }];
        for EachName { values, .. } in &self.names {
            let with = |before: &Combination, value: &TemplateText| {
                let mut combination = before.clone();
                combination.values.push(value.source.clone());
                combination
            };
            all = all.iter().flat_map(|before| values.iter().map(move |value| with(before, value))).collect();
        }
        all
    }

    /// A combination as templates see it, under the name `each`.
    pub fn fields(&self, combination: &Combination) -> Map<String, Value> {
        let named = self.names().zip(&combination.values);
        named.map(|(name, value)| (name.to_owned(), Value::from(value.as_str()))).collect()
    }
}

impl Combination {
    /// How messages name it: `French, body`.
    pub fn shown(&self) -> String {
        self.values.join(", ")
    }

    /// What it adds to the identifier of its row: another one for each combination, whatever characters its values have.
    pub fn id(&self) -> String {
        let escaped = |value: &String| value.replace('%', "%25").replace('#', "%23").replace('/', "%2F");
        self.values.iter().map(escaped).collect::<Vec<_>>().join("/")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(names: &[(&str, &[&str])]) -> Each {
        let text = |value: &&str| TemplateText { source: (*value).to_owned(), place: None };
        let named = |(name, values): &(&str, &[&str])| EachName {
            name: (*name).to_owned(),
            values: values.iter().map(text).collect(),
        };
        Each { names: names.iter().map(named).collect() }
    }

    #[test]
    fn the_first_name_is_the_slowest() {
        let each = each(&[("lang", &["English", "French"]), ("column", &["title", "body", "note"])]);
        let shown: Vec<String> = each.combinations().iter().map(Combination::shown).collect();
        let expected = [
            "English, title",
            "English, body",
            "English, note",
            "French, title",
            "French, body",
            "French, note",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn no_two_combinations_have_one_identifier() {
        let odd = ["a", "a/b", "b", "a%2Fb", "#", "%", "%23", ""];
        let each = each(&[("one", &odd), ("two", &odd)]);
        let mut ids: Vec<String> = each.combinations().iter().map(Combination::id).collect();
        assert!(ids.iter().all(|id| !id.contains('#')));
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), odd.len() * odd.len());
    }
}
