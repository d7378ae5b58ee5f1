"""Every kind of table comes back as it went in, with the answers."""

import datetime
import decimal
import math

import pytest

import fanfold

PROMPT = "Summarise: {{ body }}"


@pytest.fixture
def ask(service):
    started = service()

    def ask(data, prompt=PROMPT, **settings):
        return fanfold.map(
            data, prompt, model={"name": "qwen-plus", "base_url": started.url}, progress=False, **settings
        )

    ask.service = started
    return ask


def test_a_list_of_dicts_keeps_its_values(ask):
    rows = [
        {"body": "one", "day": datetime.date(2026, 11, 30), "price": decimal.Decimal("1.10"), "set": {3, 1}},
        {"body": "two", "extra": math.nan, 7: "a key that is no text", "nested": {"a": [1, None, {"b": math.inf}]}},
    ]
    out = ask(rows)
    assert [row["status"] for row in out] == ["ok", "ok"]
    assert out[0]["response"].startswith("Summary: Summarise: one")
    for before, after in zip(rows, out):
        assert list(after)[: len(before)] == list(before)
        assert all(after[name] is value for name, value in before.items())
    assert "response" not in rows[0], "the caller's rows are not changed"


def test_a_pandas_table_keeps_its_index_its_types_and_its_order(ask):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "body": ["one", "two", "three"],
            "kind": pandas.Categorical(["x", "y", "x"]),
            "when": pandas.to_datetime(["2026-01-01", None, "2026-01-03"]).tz_localize("Europe/Berlin"),
            "whole": pandas.array([1, None, 3], dtype="Int64"),
            "nested": [{"a": 1}, [1, 2], None],
            "odd": [object(), 3, "text"],
        },
        index=pandas.MultiIndex.from_tuples([("b", 2), ("a", 1), ("b", 1)], names=["group", None]),
    )
    out = ask(frame, "{{ group }}: {{ body }}")
    pandas.testing.assert_frame_equal(out[list(frame.columns)], frame)
    assert list(out["response"].str.slice(0, 13)) == ["Summary: b: o", "Summary: a: t", "Summary: b: t"]
    assert out["prompt_tokens"].dtype == "int64" and out["cost"].dtype == "float64"
    assert str(out["reasoning_tokens"].dtype) == "Int64", "no value at all is a missing whole number"
    assert "response" not in frame.columns


def test_a_pandas_table_needs_no_pyarrow(ask, monkeypatch):
    pandas = pytest.importorskip("pandas")
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    frame = pandas.DataFrame({"body": ["one", None], "when": pandas.to_datetime(["2026-01-01", None])}, index=[5, 3])
    out = ask(frame, "{{ body }} {{ when }}", input={"on_blank": "send"})
    assert list(out.index) == [5, 3] and list(out["status"]) == ["ok", "ok"]
    assert out["response"][5].startswith("Summary: one 2026-01-01T00:00:00")


def test_a_polars_table_keeps_its_types(ask):
    polars = pytest.importorskip("polars")
    frame = polars.DataFrame(
        {
            "body": ["one", "two"],
            "nested": [{"a": [1]}, {"a": None}],
            "day": [datetime.date(2026, 1, 1), None],
            "price": [decimal.Decimal("1.10"), None],
            "kind": polars.Series(["x", "y"], dtype=polars.Categorical),
        }
    )
    out = ask(frame)
    assert isinstance(out, polars.DataFrame)
    assert out.select(frame.columns).equals(frame)
    assert out["cost"].dtype == polars.Float64 and out["error"].dtype == polars.String
    assert isinstance(ask(frame.lazy()), polars.LazyFrame)


def test_a_pyarrow_table_and_any_stream_of_arrow_batches(ask):
    pyarrow = pytest.importorskip("pyarrow")
    table = pyarrow.table({"body": ["one", "two"], "list": [[1], None], "when": pyarrow.array([1, 2], pyarrow.timestamp("us"))})
    out = ask(table)
    assert out.select(table.column_names).equals(table) and out.column("status").to_pylist() == ["ok", "ok"]
    duckdb = pytest.importorskip("duckdb")
    relation = duckdb.sql("SELECT 'three' AS body, 1.5::DECIMAL(4, 2) AS price")
    answered = ask(relation)
    assert isinstance(answered, pyarrow.Table) and answered.column("response")[0].as_py().startswith("Summary: Summarise: three")


def test_tables_without_rows(ask):
    assert ask([]) == []
    pandas = pytest.importorskip("pandas")
    out = ask(pandas.DataFrame({"body": pandas.Series([], dtype=str)}))
    assert len(out) == 0 and {"body", "response", "status", "cost"} <= set(out.columns)
    polars = pytest.importorskip("polars")
    assert ask(polars.DataFrame({"body": []}, schema={"body": polars.String})).height == 0


def test_combinations_pieces_limits_and_selected_columns(ask):
    rows = [{"body": "one"}, {"body": "two"}]
    each = {"lang": ["French", "German"]}
    prompt = "Into {{ each.lang }}: {{ body }}"
    wide = ask(rows, prompt, each=each)
    assert set(wide[0]) >= {"body", "response_French", "response_German"} and len(wide) == 2
    long = ask(rows, prompt, each=each, output={"layout": "long"})
    assert [(row["body"], row["lang"]) for row in long] == [
        ("one", "French"), ("one", "German"), ("two", "French"), ("two", "German"),
    ]
    before = len(ask.service.requests())
    assert before == 4, "another layout sends nothing again"
    assert [row["body"] for row in ask(rows, limit=1)] == ["one"]
    chosen = ask(rows, output={"select": ["response", "cost"], "rename": {"response": "summary"}})
    assert [list(row) for row in chosen] == [["body", "summary", "cost"]] * 2
    long_text = [{"body": "A first paragraph.\n\n" * 40}, {"body": "Short."}]
    pieces = ask(long_text, split={"column": "body", "max_tokens": 100, "combine": "rows"})
    assert [row["body"] for row in pieces].count("Short.") == 1 and len(pieces) > 3
    assert all(row["body"] == long_text[0]["body"] for row in pieces[:-1])


def test_answers_with_a_schema_become_columns_with_types(ask):
    schema = {
        "type": "object",
        "properties": {"stars": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "string"}}},
        "required": ["stars", "tags"],
        "additionalProperties": False,
    }
    request = {"response_format": {"type": "json_schema"}}
    out = ask([{"body": "one"}], answer={"schema": schema, "expand": True}, request=request)
    assert isinstance(out[0]["stars"], int) and isinstance(out[0]["tags"], list)
    polars = pytest.importorskip("polars")
    frame = ask(polars.DataFrame({"body": ["one"]}), answer={"schema": schema, "expand": True}, request=request)
    assert frame["tags"].dtype == polars.List(polars.String) and frame["stars"].dtype == polars.Int64


def test_documents_and_files_are_paths(ask, tmp_path):
    (tmp_path / "texts").mkdir()
    for name in ("a", "b"):
        (tmp_path / "texts" / f"{name}.txt").write_text(f"The text {name}.")
    out = ask(tmp_path / "texts", "Summarise: {{ text }}")
    assert [row["status"] for row in out] == ["ok", "ok"] and all("text" not in row for row in out)
    assert [row["path"].endswith(f"{name}.txt") for row, name in zip(out, "ab")] == [True, True]
    (tmp_path / "in.csv").write_text("id,body\n7,one\n")
    assert ask(str(tmp_path / "in.csv"))[0]["id"] == "7"


def test_an_output_of_the_callers_is_written_as_well(ask, tmp_path):
    out = ask([{"body": "one", "id": 1}], output="summaries.csv")
    assert out[0]["id"] == 1 and out[0]["status"] == "ok"
    assert (tmp_path / "work" / "summaries.csv").read_text().startswith("body,id,response,")
    assert (tmp_path / "work" / "summaries.csv.journal").exists()
    few = ask([{"body": "one", "id": 1}], output={"path": "few.csv", "select": ["id", "response"]})
    assert list(few[0]) == ["body", "id", "response"]
    assert (tmp_path / "work" / "few.csv").read_text().startswith("id,response\n")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (3, "builtins.int is not a table"),
        ([{"body": "x"}, 3], "item 1 of the list is a int"),
        ([{"body": "x", "status": "mine"}], "column `status`.*prefix"),
        ([{"body": "half \ud800"}], "row 0 has half a character"),
        ([{"body": b"bytes"}], "bytes"),
    ],
)
def test_what_is_not_a_table_is_refused_before_anything_is_sent(ask, data, words):
    with pytest.raises((TypeError, ValueError), match=words):
        ask(data)
    assert ask.service.requests() == []


def test_pandas_columns_that_cannot_be_told_apart_or_are_named_by_numbers(ask):
    pandas = pytest.importorskip("pandas")
    with pytest.raises(ValueError, match="two columns are named `body`"):
        ask(pandas.DataFrame([["a", "b"]], columns=["body", "body"]))
    with pytest.raises(TypeError, match="to_frame"):
        ask(pandas.Series(["a"]))
    out = ask(pandas.DataFrame([["a", "b"]]), "{{ row['1'] }}")
    assert out["response"][0].startswith("Summary: b") and list(out.columns[:2]) == [0, 1]
