//! Which columns an output has, and which settings are rejected.

use super::*;
use crate::row::ColumnKind;

fn text(names: &[&str]) -> Vec<Column> {
    names.iter().map(|name| Column { name: (*name).into(), kind: ColumnKind::Text }).collect()
}

fn spec(select: &[&str], rename: &[(&str, &str)], prefix: &str) -> OutputSpec {
    OutputSpec {
        select: (!select.is_empty()).then(|| select.iter().map(|name| (*name).into()).collect()),
        rename: rename.iter().map(|(old, new)| ((*old).into(), (*new).into())).collect(),
        prefix: prefix.into(),
        ..OutputSpec::default()
    }
}

fn names(input: &[&str], spec: &OutputSpec) -> Result<Vec<String>, String> {
    match Layout::new(Some(&text(input)), spec) {
        Ok(layout) => Ok(layout.column_names().map(str::to_owned).collect()),
        Err(error) => Err(error.to_string()),
    }
}

#[test]
fn a_prefix_is_put_before_answer_columns_that_are_not_renamed() {
    let names = names(&["id"], &spec(&[], &[("response", "translation")], "mt_")).expect("a layout");
    assert_eq!(names[..3], ["id", "translation", "mt_reasoning"]);
    assert_eq!(names[17], "mt_error");
}

#[test]
fn the_columns_of_the_input_are_left_out_where_only_answers_are_wanted() {
    let answers = OutputSpec { answers_only: true, ..spec(&[], &[("id", "key")], "mt_") };
    let names = names(&["id", "text", "mt_status"], &answers).expect("a layout");
    assert_eq!(names[..2], ["mt_response", "mt_reasoning"]);
    assert_eq!(names.len(), 17);
    assert!(
        Layout::new(None, &answers).expect("a layout").open.is_none(),
        "and no row brings any of its own"
    );
}

#[test]
fn answer_columns_are_selected_with_or_without_their_prefix() {
    let spec = spec(&["mt_response", "id", "status"], &[("mt_status", "state")], "mt_");
    assert_eq!(names(&["id"], &spec).expect("a layout"), ["mt_response", "id", "state"]);
}

#[test]
fn an_unknown_name_is_refused_and_the_nearest_one_offered() {
    let error = names(&["review_id"], &spec(&["reviewid"], &[], "")).expect_err("unknown");
    assert!(error.contains("`select`") && error.contains("did you mean `review_id`?"), "{error}");
    let error = names(&["id"], &spec(&[], &[("Respnse", "x")], "mt_")).expect_err("unknown");
    assert!(error.contains("`rename`") && error.contains("did you mean `mt_response`?"), "{error}");
    let error = names(&["id"], &spec(&["zzz"], &[], "")).expect_err("unknown");
    assert!(!error.contains("did you mean"), "{error}");
}

#[test]
fn an_input_column_called_like_an_answer_column_asks_for_a_prefix() {
    for select in [&[][..], &["id", "response"]] {
        let error = names(&["id", "response"], &spec(select, &[], "")).expect_err("a clash");
        assert!(error.contains("`response`") && error.contains("`prefix`"), "{error}");
    }
    let with_prefix = spec(&["response", "mt_response"], &[], "mt_");
    assert_eq!(names(&["response"], &with_prefix).expect("a layout"), ["response", "mt_response"]);
    let left_out = spec(&["id", "status"], &[], "");
    assert_eq!(names(&["id", "response"], &left_out).expect("a layout"), ["id", "status"]);
}

#[test]
fn two_columns_of_one_name_are_refused() {
    let twice = names(&["id"], &spec(&["id", "id"], &[], "")).expect_err("twice");
    assert!(twice.contains("`select` names it twice"), "{twice}");
    let renamed = names(&["a", "b"], &spec(&[], &[("a", "b")], "")).expect_err("the same");
    assert!(renamed.contains("`rename`"), "{renamed}");
    let onto_answer = names(&["a"], &spec(&[], &[("a", "status")], "")).expect_err("the same");
    assert!(onto_answer.contains("`prefix`"), "{onto_answer}");
    let two_names = names(&["a"], &spec(&[], &[("response", "x"), ("mt_response", "y")], "mt_"));
    assert!(two_names.expect_err("two names").contains("two names"));
}

#[test]
fn an_empty_selection_is_refused() {
    let empty = OutputSpec { select: Some(Vec::new()), ..OutputSpec::default() };
    assert_eq!(Layout::new(None, &empty).map(drop), Err(LayoutError::NoColumns));
}

#[test]
fn rows_that_bring_their_own_columns_are_checked_one_by_one() {
    let layout = Layout::new(None, &spec(&[], &[("text", "source")], "")).expect("a layout");
    assert!(layout.is_open());
    assert_eq!(layout.clashes_with(["id", "text"]), None);
    assert_eq!(layout.clashes_with(["id", "status"]).as_deref(), Some("status"));
    assert_eq!(layout.clashes_with(["source"]), None);
    assert_eq!(layout.clashes_with(["source", "text"]).as_deref(), Some("source"));
    let taken = Layout::new(None, &spec(&[], &[("text", "status")], ""));
    assert!(taken.is_err(), "a new name that is an answer column's is refused before the first row");
}

#[test]
fn selected_columns_of_unknown_rows_are_taken_at_their_word() {
    let layout = Layout::new(None, &spec(&["id", "response"], &[], "")).expect("a layout");
    assert!(!layout.is_open());
    assert_eq!(layout.input_names().collect::<Vec<_>>(), ["id"]);
    assert_eq!(layout.clashes_with(["response"]), None);
}

fn with_fields(spec: OutputSpec, fields: &[&str]) -> OutputSpec {
    let field = |name: &&str| Field { name: (*name).into(), kind: crate::schema::FieldKind::Text };
    OutputSpec { fields: fields.iter().map(field).collect(), ..spec }
}

#[test]
fn a_field_called_like_an_input_column_asks_for_a_prefix() {
    let error = names(&["id", "title"], &with_fields(spec(&[], &[], ""), &["title"])).expect_err("a clash");
    assert!(error.contains("`title`") && error.contains("`prefix`"), "{error}");
    let with_prefix = with_fields(spec(&["title", "x_title"], &[], "x_"), &["title"]);
    assert_eq!(names(&["title"], &with_prefix).expect("a layout"), ["title", "x_title"]);
    let layout = Layout::new(None, &with_fields(OutputSpec::default(), &["title"])).expect("a layout");
    assert_eq!(layout.clashes_with(["id", "title"]).as_deref(), Some("title"));
}

#[test]
fn a_field_called_like_an_answer_column_asks_for_another_name_of_the_column() {
    for prefix in ["", "x_"] {
        let error = names(&["id"], &with_fields(spec(&[], &[], prefix), &["status"])).expect_err("a clash");
        assert!(error.contains("status`") && error.contains("`rename`"), "{error}");
    }
    let renamed = with_fields(spec(&[], &[("status", "state")], ""), &["status"]);
    let names = names(&["id"], &renamed).expect("a layout");
    assert_eq!((names[15].as_str(), names[18].as_str()), ("state", "status"));
}

#[test]
fn the_name_of_a_field_is_offered_as_well() {
    let spec = with_fields(spec(&["sentimant"], &[], ""), &["sentiment"]);
    let error = names(&["id"], &spec).expect_err("unknown");
    assert!(error.contains("did you mean `sentiment`?"), "{error}");
}
