"""The answers of a job, column by column, and the types that tables get of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Dict, List, Optional, Sequence

# The answer columns of every job, with the type of a column that has no value. README.md, "What comes out".
ANSWER_COLUMNS: Dict[str, type] = {
    "response": str,
    "reasoning": str,
    "tool_calls": str,
    "finish_reason": str,
    "prompt_tokens": int,
    "completion_tokens": int,
    "total_tokens": int,
    "cached_tokens": int,
    "reasoning_tokens": int,
    "cost": float,
    "model": str,
    "request_id": str,
    "attempts": int,
    "latency_ms": int,
    "status": str,
    "error_code": str,
    "error": str,
}
INT64 = range(-(2**63), 2**63)


class Column:
    """A column of answers: its name, and a value or `None` for each row."""

    def __init__(self, name: str, values: List[Any], plain_name: Optional[str] = None) -> None:
        self.name = name
        self.values = values
        self.kind = _kind(values) or ANSWER_COLUMNS.get(plain_name or name, str)

    def as_pandas(self, index: Any) -> Any:
        """A Series; whole numbers and booleans with missing values get pandas' nullable types."""
        import pandas

        if self.kind is str:
            return pandas.Series(self.values, index=index, dtype=None if any(self.values) else object)
        missing = any(value is None for value in self.values) or not self.values
        dtypes = {int: "Int64" if missing else "int64", bool: "boolean" if missing else "bool", float: "float64"}
        return pandas.Series(self.values, index=index, dtype=dtypes.get(self.kind, object))

    def as_polars(self) -> Any:
        """A Series; nested values become structs and lists, or JSON text if they have no common type."""
        import polars

        dtypes: Dict[type, Any] = {str: polars.String, int: polars.Int64, bool: polars.Boolean, float: polars.Float64}
        if self.kind in dtypes:
            return polars.Series(self.name, self.values, dtypes[self.kind])
        try:
            return polars.Series(self.name, self.values)
        except (polars.exceptions.PolarsError, TypeError, ValueError, OverflowError):
            return polars.Series(self.name, self._as_text(), polars.String)

    def as_arrow(self) -> Any:
        """An array, as for polars."""
        import pyarrow

        types = {str: pyarrow.string(), int: pyarrow.int64(), bool: pyarrow.bool_(), float: pyarrow.float64()}
        try:
            return pyarrow.array(self.values, types.get(self.kind))
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
            return pyarrow.array(self._as_text(), pyarrow.string())

    def _as_text(self) -> List[Optional[str]]:
        return [value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False) for value in self.values]


class Answers:
    """The rows of an output."""

    def __init__(self, columns: Sequence[Column], rows: int) -> None:
        self.columns = columns
        self.rows = rows

    @classmethod
    def read(cls, path: Path, prefix: str = "") -> Answers:
        """Reads JSONL, whose lines need not have the same keys. Of no lines, the columns that every job has."""
        values: Dict[str, List[Any]] = {}
        rows = 0
        with open(path, "rb") as file:
            for line in file:
                row = json.loads(line)
                for name, value in row.items():
                    column = values.get(name)
                    if column is None:
                        # New in this row: it has no value in those before.
                        column = values[name] = [None] * rows
                    column.append(value)
                rows += 1
                if len(row) < len(values):
                    for column in values.values():
                        column.extend([None] * (rows - len(column)))
        if rows == 0:
            values = {prefix + name: [] for name in ANSWER_COLUMNS}
        return cls([Column(name, column, name[len(prefix) :]) for name, column in values.items()], rows)

    def get(self, name: str) -> List[Any]:
        """The values of a column; none if there is no such column."""
        return next((column.values for column in self.columns if column.name == name), [])

    def places(self, rows: int, combinations: int) -> Optional[List[int]]:
        """The row of the table that each row of the output belongs to; `None` if they are the same.

        A row of the table may have several: `combinations`, and pieces that are counted from 1. With a limit there are fewer rows.
        """
        pieces = self.get("piece")
        if not pieces and combinations == 1 and self.rows == rows:
            return None
        starts = [True] * self.rows if not pieces else [piece is None or piece == 1 for piece in pieces]
        places, started = [], 0
        for starts_here in starts:
            started += starts_here
            places.append((started - 1) // combinations)
        return places


def _kind(values: Sequence[Any]) -> Optional[type]:
    """The type that all values share; `object` if there is none, `None` without values."""
    kinds = {type(value) for value in values}
    kinds.discard(type(None))
    if not kinds:
        return None
    if kinds == {int, float}:
        return float
    if len(kinds) > 1:
        return object
    kind = kinds.pop()
    if kind is int and not all(value is None or value in INT64 for value in values):
        return object
    return kind
