"""Tables of other libraries: written for the program, and given back in kind with the answers.

The columns of a table never pass through the program and back: answers are put beside them, so types, an index, and values that
no file format has stay what they are. No library is imported that the caller has not imported, except on request.
"""

from __future__ import annotations

import datetime
import decimal
import json
import math
import os
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Iterable, List, Mapping, Optional, Sequence

from ._answers import Answers, Column


class Table(ABC):
    """A table of the caller's. `rows` is their number, `columns` their names as templates see them."""

    rows: int
    columns: List[str]

    @abstractmethod
    def write(self, folder: Path) -> Path:
        """Writes the rows as an input of the program; returns the file."""

    @abstractmethod
    def with_answers(self, places: Optional[Sequence[int]], columns: Sequence[Column]) -> Any:
        """The table with columns of answers, in the caller's kind. `places` are the rows that it has, if not all once."""


def table_of(data: Any) -> Optional[Table]:
    """The table that `data` is; `None` for paths.

    Raises `TypeError` for anything else.
    """
    if isinstance(data, (str, os.PathLike)):
        return None
    library = type(data).__module__.partition(".")[0]
    kind = type(data).__name__
    if library == "polars" and kind in ("DataFrame", "LazyFrame"):
        return PolarsTable(data)
    if hasattr(data, "iloc") and hasattr(data, "columns"):
        return PandasTable(data)
    if hasattr(data, "__arrow_c_stream__") and not hasattr(data, "iloc"):
        return _of_arrow(data)
    if isinstance(data, (list, tuple)):
        if data and all(isinstance(one, (str, os.PathLike)) for one in data):
            return None
        return RowsTable(data)
    hint = "; make a table of it: series.to_frame()" if hasattr(data, "to_frame") else ""
    raise TypeError(
        f"a {library}.{kind} is not a table that can be read{hint}: give a DataFrame of pandas or polars, a table of pyarrow or "
        "anything else with __arrow_c_stream__, a list of dicts, or a path"
    )


class PandasTable(Table):
    """A DataFrame of pandas. Named levels of its index can be used in templates like columns."""

    def __init__(self, frame: Any) -> None:
        self.frame = frame
        self.rows = len(frame)
        self.columns = _distinct([_name(name) for name in frame.columns])

    def write(self, folder: Path) -> Path:
        columns = [self.frame.iloc[:, at] for at in range(len(self.columns))]
        pairs = list(zip(self.columns, columns))
        levels = [name for name in self.frame.index.names if isinstance(name, str) and name not in self.columns]
        pairs += [(name, self.frame.index.get_level_values(name).to_series()) for name in levels]
        try:
            import pyarrow
        except ImportError:
            values = {name: [_plain(value) for value in column.tolist()] for name, column in pairs}
            rows = [dict(zip(values, row)) for row in zip(*values.values())] if values else [{}] * self.rows
            return _as_lines(rows, folder)
        arrays = [_arrow_column(pyarrow, column) for _, column in pairs]
        return _as_parquet(pyarrow.table(arrays, names=[name for name, _ in pairs]), folder)

    def with_answers(self, places: Optional[Sequence[int]], columns: Sequence[Column]) -> Any:
        frame = self.frame if places is None else self.frame.iloc[list(places)]
        return frame.assign(**{column.name: column.as_pandas(frame.index) for column in columns})


class PolarsTable(Table):
    """A DataFrame of polars, or a LazyFrame, which is collected."""

    def __init__(self, frame: Any) -> None:
        self.is_lazy = hasattr(frame, "collect")
        self.frame = frame.collect() if self.is_lazy else frame
        self.rows = self.frame.height
        self.columns = list(self.frame.columns)

    def write(self, folder: Path) -> Path:
        import polars

        path = folder / "input.parquet"
        objects = [name for name, kind in self.frame.schema.items() if kind == polars.Object]
        texts = [
            polars.Series(name, [None if value is None else _text(value) for value in self.frame[name]], polars.String)
            for name in objects
        ]
        self.frame.with_columns(texts).write_parquet(path)
        return path

    def with_answers(self, places: Optional[Sequence[int]], columns: Sequence[Column]) -> Any:
        frame = self.frame if places is None else self.frame[list(places)]
        frame = frame.with_columns([column.as_polars() for column in columns])
        return frame.lazy() if self.is_lazy else frame


class ArrowTable(Table):
    """A table of pyarrow, made of anything that gives a stream of Arrow batches."""

    def __init__(self, table: Any) -> None:
        self.table = table
        self.rows = table.num_rows
        self.columns = _distinct(list(table.column_names))

    def write(self, folder: Path) -> Path:
        return _as_parquet(self.table, folder)

    def with_answers(self, places: Optional[Sequence[int]], columns: Sequence[Column]) -> Any:
        table = self.table if places is None else self.table.take(list(places))
        for column in columns:
            table = table.append_column(column.name, column.as_arrow())
        return table


class RowsTable(Table):
    """A list of dicts. They need not have the same keys."""

    def __init__(self, rows: Sequence[Any]) -> None:
        for number, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise TypeError(f"item {number} of the list is a {type(row).__name__}; every row is a dict")
        self.dicts = rows
        self.rows = len(rows)
        self.columns = list(dict.fromkeys(str(name) for row in rows for name in row))

    def write(self, folder: Path) -> Path:
        return _as_lines(self.dicts, folder)

    def with_answers(self, places: Optional[Sequence[int]], columns: Sequence[Column]) -> Any:
        rows = self.dicts if places is None else [self.dicts[place] for place in places]
        names = [column.name for column in columns]
        answers = zip(*(column.values for column in columns)) if columns else iter([()] * len(rows))
        return [{**row, **dict(zip(names, answer))} for row, answer in zip(rows, answers)]


def converted(answers: Answers, kind: str) -> Any:
    """Rows without a table of the caller's as a table of a kind: `rows`, `pandas`, `polars` or `pyarrow`."""
    if kind == "rows":
        return RowsTable([{}] * answers.rows).with_answers(None, answers.columns)
    if kind == "pandas":
        import pandas

        index = pandas.RangeIndex(answers.rows)
        return pandas.DataFrame({column.name: column.as_pandas(index) for column in answers.columns}, index=index)
    if kind == "polars":
        import polars

        return polars.DataFrame([column.as_polars() for column in answers.columns])
    if kind == "pyarrow":
        import pyarrow

        return pyarrow.table({column.name: column.as_arrow() for column in answers.columns})
    raise ValueError(f"`{kind}` is not a kind of table: use rows, pandas, polars or pyarrow")


def _of_arrow(data: Any) -> Table:
    try:
        import pyarrow
    except ImportError:
        import polars

        return PolarsTable(polars.DataFrame(data))
    return ArrowTable(data if isinstance(data, pyarrow.Table) else pyarrow.table(data))


def _as_parquet(table: Any, folder: Path) -> Path:
    import pyarrow.parquet

    path = folder / "input.parquet"
    pyarrow.parquet.write_table(table, path, compression="none")
    return path


def _as_lines(rows: Iterable[Mapping[Any, Any]], folder: Path) -> Path:
    path = folder / "input.jsonl"
    encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=_encoded).encode
    with open(path, "w", encoding="utf-8", newline="\n") as file:
        for number, row in enumerate(rows):
            try:
                line = encode(row)
            except ValueError:
                # NaN and the infinities, which JSON does not have, are no value.
                line = encode(_finite(row))
            try:
                file.write(line + "\n")
            except UnicodeEncodeError as error:
                raise ValueError(f"row {number} has half a character (a lone surrogate), which is not text") from error
    return path


def _encoded(value: Any) -> Any:
    """What JSON has no form for."""
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, (decimal.Decimal, uuid.UUID, os.PathLike)):
        return str(value)
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value, key=str)
    if hasattr(value, "tolist"):
        # An array or a number of numpy.
        return value.tolist()
    if isinstance(value, (bytes, bytearray)):
        raise TypeError("a value is bytes; decode it, as templates have texts only")
    return str(value)


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return value


def _plain(value: Any) -> Any:
    """A cell of pandas, where what is missing has several forms."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return None
    return None if isinstance(value, float) and math.isnan(value) else value


def _arrow_column(pyarrow: Any, column: Any) -> Any:
    """A column of pandas; values without a common Arrow type become text."""
    try:
        return pyarrow.array(column, from_pandas=True)
    except (pyarrow.ArrowException, OverflowError, TypeError, ValueError):
        values = (_plain(value) for value in column.tolist())
        return pyarrow.array([None if value is None else _text(value) for value in values], pyarrow.string())


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, allow_nan=False, default=_encoded)
    except ValueError:
        return str(value)


def _name(name: Any) -> str:
    return " ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name)


def _distinct(names: List[str]) -> List[str]:
    seen = set()
    for name in names:
        if name in seen:
            raise ValueError(f"two columns are named `{name}`: rename one, as a template could not tell them apart")
        seen.add(name)
    return names
