"""Job files: Python values as TOML."""

from __future__ import annotations

import json
import math
import os
import re
from typing import Any, Mapping

BARE = re.compile(r"[A-Za-z0-9_-]+\Z")


def job_file(sections: Mapping[str, Any]) -> str:
    """The text of a job file. Sections without a value are left out."""
    lines = []
    for name, section in sections.items():
        if not section:
            continue
        lines.append(f"[{key(name)}]")
        lines.extend(f"{key(name)} = {value(item, name)}" for name, item in section.items() if item is not None)
        lines.append("")
    return "\n".join(lines)


def key(name: str) -> str:
    """A key, in quotes if it needs them."""
    return name if BARE.match(name) else text(name)


def value(item: Any, name: str) -> str:
    """A value on one line. TOML has no null: within a table, a key without a value is left out."""
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, (str, os.PathLike)):
        return text(os.fspath(item))
    if isinstance(item, int):
        return str(item)
    if isinstance(item, float):
        if math.isnan(item):
            return "nan"
        return f"{'-' if item < 0 else ''}inf" if math.isinf(item) else repr(item)
    if isinstance(item, Mapping):
        pairs = (f"{key(str(name))} = {value(one, name)}" for name, one in item.items() if one is not None)
        return "{ " + ", ".join(pairs) + " }"
    if isinstance(item, (list, tuple, set, frozenset)):
        return "[" + ", ".join(value(one, name) for one in item) + "]"
    if hasattr(item, "item"):
        # A number of numpy.
        return value(item.item(), name)
    raise TypeError(f"`{name}` is a {type(item).__name__}: a job file has texts, numbers, booleans, lists and dicts")


def text(of: str) -> str:
    """A text in quotes: as in JSON, but for DEL, which TOML wants escaped."""
    return json.dumps(of, ensure_ascii=False).replace("\x7f", "\\u007F")
