"""One prompt over every row of a table, that can be stopped, killed, edited and run again.

    import fanfold
    out = fanfold.map(reviews, "Summarise: {{ body }}", model="qwen-plus", max_cost=5)

The program `fanfold` does the work; it is part of this package. docs/python.md describes all of it.
"""

from __future__ import annotations

from ._errors import FailedRows, JobError, JobWarning, Unfinished
from ._job import Job, map, preview
from ._preview import Preview
from ._run import Run, run

__all__ = [
    "FailedRows",
    "Job",
    "JobError",
    "JobWarning",
    "Preview",
    "Run",
    "Unfinished",
    "map",
    "preview",
    "run",
]
