//! The sections of a job file for a translation: languages and columns, glossary, checks, packs, and the names of the output columns.

use super::choices::JobChoices;
use super::quoted::quoted;

/// The choices of a job that translates.
pub(super) struct TranslationDraft<'a> {
    pub(super) choices: &'a JobChoices,
    /// The columns of the input.
    pub(super) input_columns: &'a [String],
}

impl TranslationDraft<'_> {
    /// `[each]`, if there is more than one translation of a row.
    pub(super) fn each(&self) -> String {
        let JobChoices { languages, columns, .. } = self.choices;
        match (self.choices.are_combined(), languages.len()) {
            (true, _) => format!(
                "[each]\n# Each row is translated once for each combination. A language added later sends only its own \
                 translations. To get\n# a row for each instead of a column: layout = \"long\" under [output].\nlang = \
                 [{}]\ncolumn = [{}]\n\n",
                listed(languages),
                listed(columns)
            ),
            (false, 2..) => format!(
                "[each]\n# Each row is translated into each of these; a language added later sends only what is new. The output \
                 has a column\n# for each; one row for each instead: layout = \"long\" under [output].\nlang = [{}]\n\n",
                listed(languages)
            ),
            (false, _) => String::new(),
        }
    }

    /// The options of a request.
    pub(super) fn options(&self) -> String {
        let language = match self.choices.languages.as_slice() {
            [language] if !self.choices.are_combined() => quoted(language),
            _ => quoted("{{ each.lang }}"),
        };
        format!(
            "translation_options = {{ source_lang = \"auto\", target_lang = {language} }}\n# temperature = 0.2\n"
        )
    }

    /// How the texts of a table are translated and checked.
    pub(super) fn desk(&self) -> &'static str {
        "
# How certain words are translated: a file with the columns source, target and, if wanted, target_lang.
# [glossary]
# terms = \"terms.csv\"

[answer]
# An answer that lost a placeholder, a tag or an address, that repeats its text, or that is far too long or too short, is
# asked for once more; then its row fails, and says why.
checks = [\"placeholders\", \"translated\", \"length\"]

[pack]
# Short texts travel together while requests are the limit, and not tokens.
rows = \"auto\"
"
    }

    /// The names of the columns of translations, for [output].
    pub(super) fn wide(&self) -> String {
        match self.choices.are_combined() {
            false => String::new(),
            true => {
                format!("\n# The names of the columns of translations.\nwide = {}\n", quoted(self.name()))
            }
        }
    }

    /// Columns that might be wanted alone.
    pub(super) fn select(&self) -> String {
        let response = match (self.choices.are_combined(), self.choices.columns.first()) {
            (true, Some(column)) => named(self.name(), column, &self.choices.languages[0]),
            _ => "response".to_owned(),
        };
        quoted(&response)
    }

    /// The template of a column's name. An input may have translations already.
    fn name(&self) -> &'static str {
        const NAME: &str = "{{ column }} ({{ lang }})";
        let JobChoices { languages, columns, .. } = self.choices;
        let is_taken = |name: String| self.input_columns.contains(&name);
        let mut pairs =
            languages.iter().flat_map(|language| columns.iter().map(move |column| (column, language)));
        match pairs.any(|(column, language)| is_taken(named(NAME, column, language))) {
            true => "{{ column }} ({{ lang }}, new)",
            false => NAME,
        }
    }
}

/// The name of the column for a column and a language.
fn named(template: &str, column: &str, language: &str) -> String {
    template.replace("{{ lang }}", language).replace("{{ column }}", column)
}

/// Texts as the elements of a TOML list.
fn listed(texts: &[String]) -> String {
    texts.iter().map(|text| quoted(text)).collect::<Vec<_>>().join(", ")
}
