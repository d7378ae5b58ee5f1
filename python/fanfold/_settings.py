"""Keyword arguments as flags of the program, and as sections of a job file."""

from __future__ import annotations

from typing import Any, Dict, List, Mapping, Tuple

from ._job_file import key, value

# Flags of `fanfold run` that other commands on a job do not have.
OF_RUN = {"retry_failed", "fresh", "accept_loss", "reread", "real_time", "translate", "no_wait"}


def sections_and_flags(settings: Mapping[str, Any]) -> Tuple[Dict[str, Dict[str, Any]], Dict[str, Any]]:
    """Dicts are sections; the rest are flags."""
    sections = {name: dict(item) for name, item in settings.items() if isinstance(item, Mapping)}
    return sections, {name: item for name, item in settings.items() if name not in sections and item is not None}


def flags_of(settings: Mapping[str, Any]) -> Tuple[List[str], List[str]]:
    """The flags of every command on a job, and those of a run. Sections become `--set`."""
    sections, flags = sections_and_flags(settings)
    of_job = [
        f"--set={key(section)}.{key(str(name))}={value(item, str(name))}"
        for section, items in sections.items()
        for name, item in items.items()
        if item is not None
    ]
    of_run: List[str] = []
    for name, item in flags.items():
        (of_run if name in OF_RUN else of_job).extend(_flag(name, item))
    return of_job, of_run


def _flag(name: str, item: Any) -> List[str]:
    flag = "--" + name.replace("_", "-")
    if isinstance(item, bool):
        return [flag] if item else []
    items = item if isinstance(item, (list, tuple)) else [item]
    return [f"{flag}={one}" for one in items]
