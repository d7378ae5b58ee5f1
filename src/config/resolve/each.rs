//! `[each]`: the values for each of which a row is asked.

use std::collections::{BTreeMap, HashMap, HashSet};

use crate::config::layers::Layers;
use crate::config::one_or_many::OneOrMany;
use crate::diagnostic::Diagnostic;
use crate::job::each::{Each, EachName};
use crate::job::{Job, RowLayout, TemplateText};

/// The most combinations that a job may have: each is a request for every row, and a column of a wide output.
const MOST: usize = 1_000;

/// The names and values of a job, in the order in which they are written; `None` if it has none.
pub(super) fn each(
    section: BTreeMap<String, OneOrMany>,
    layers: &Layers,
) -> Result<Option<Each>, Diagnostic> {
    let mut names = Vec::new();
    for (name, values) in section {
        let key = format!("each.{name}");
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty()
            || name.starts_with(|first: char| first.is_ascii_digit())
            || !name.chars().all(is_word)
        {
            let message = format!("`{name}` under [each] cannot be used in templates, as in `each.lang`");
            return Err(layers
                .problem(&key, message)
                .help("use letters, digits and `_`, and begin with a letter"));
        }
        let values = self::values(&name, values.into_list(), layers)?;
        names.push(EachName { name, values });
    }
    names.sort_by_key(|each| layers.order_of(&format!("each.{}", each.name)));
    let count = names.iter().fold(1_usize, |count, each| count.saturating_mul(each.values.len()));
    let too_many = format!("[each] makes {count} requests of every row; {MOST} is the most");
    layers.refuse_if(count > MOST, "each", &too_many)?;
    Ok((!names.is_empty()).then_some(Each { names }))
}

fn values(name: &str, values: Vec<String>, layers: &Layers) -> Result<Vec<TemplateText>, Diagnostic> {
    let key = format!("each.{name}");
    if values.is_empty() {
        let problem = layers.problem(&key, format!("`{name}` under [each] has no values"));
        return Err(problem.help("list what each row is asked for, or remove it"));
    }
    let mut seen = HashSet::new();
    let mut texts = Vec::new();
    for (index, source) in values.into_iter().enumerate() {
        let at = format!("{key}.{index}");
        layers.refuse_if(
            source.trim().is_empty(),
            &at,
            &format!("a value of `{name}` under [each] is blank"),
        )?;
        // As a shell gives `--set each.lang=[English,French]`.
        if source.starts_with('[') && source.ends_with(']') {
            let problem = layers.problem(&at, format!("`{source}` is one text, and looks like a list"));
            return Err(problem.help(format!("put each value in quotes: {name} = [\"one\", \"two\"]")));
        }
        let twice = format!("`{name}` under [each] has the value `{source}` twice");
        layers.refuse_if(!seen.insert(source.clone()), &at, &twice)?;
        texts.push(TemplateText { source, place: layers.place(&at) });
    }
    Ok(texts)
}

/// Checks what other sections say of the combinations, and that a model knows the languages among them.
pub(super) fn check(job: &Job, layers: &Layers) -> Result<(), Diagnostic> {
    let Some(each) = &job.each else {
        let message = "`wide` names the columns of the combinations of [each], and the job has none";
        layers.refuse_if(job.output.wide.is_some(), "output.wide", message)?;
        let message = "`layout = \"long\"` is for the combinations of [each], and the job has none";
        return layers.refuse_if(job.output.layout == RowLayout::Long, "output.layout", message);
    };
    let is_wide = job.output.layout == RowLayout::Wide;
    let message = "`wide` names columns of the wide layout, and the job sets `layout = \"long\"`";
    layers.refuse_if(job.output.wide.is_some() && !is_wide, "output.wide", message)?;
    languages(job, each)
}

/// Checks the values that are languages of a translation.
fn languages(job: &Job, each: &Each) -> Result<(), Diagnostic> {
    let model = job.model.name.as_deref().unwrap_or_default();
    let Some(languages) = job.facts_of(model).languages else { return Ok(()) };
    for (path, text) in &job.request_texts {
        let is_language = |key: &String| ["target_lang", "source_lang"].contains(&key.as_str());
        let [section, key] = path.as_slice() else { continue };
        if section != "translation_options" || !is_language(key) {
            continue;
        }
        let inner = text.source.trim().strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}"));
        let Some(name) = inner.and_then(|inner| inner.trim().strip_prefix("each.")) else { continue };
        let mut seen: HashMap<String, &str> = HashMap::new();
        for value in each.values_of(name).iter().filter(|value| value.source != "auto") {
            let whole = Some(0..value.source.len());
            if let Some((message, help)) = languages.fault(model, &value.source) {
                let problem = value.problem(whole, message);
                return Err(help.into_iter().fold(problem, Diagnostic::help));
            }
            if let Some(first) = seen.insert(languages.code_of(&value.source), &value.source) {
                let message = format!("`{first}` and `{}` are the same language for {model}", value.source);
                let help = "remove one of them: each row would be translated twice";
                return Err(value.problem(whole, message).help(help));
            }
        }
    }
    Ok(())
}
