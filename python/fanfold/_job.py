"""Jobs over tables of the caller's."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from ._answers import ANSWER_COLUMNS, Answers, Column
from ._job_file import job_file
from ._preview import Preview
from ._program import called, called_json
from ._run import Run
from ._settings import flags_of, sections_and_flags
from ._state import FolderLock, folder_of
from ._tables import Table, converted, table_of

PathLike = Union[str, "os.PathLike[str]"]
Section = Mapping[str, Any]
# The job file for the answers of a job whose output is the caller's.
ANSWERS = "answers.toml"


def map(
    data: Any,
    prompt: Union[str, Section, None] = None,
    *,
    model: Union[str, Section, None] = None,
    system: Optional[str] = None,
    id: Optional[str] = None,
    output: Union[PathLike, Section, None] = None,
    progress: Optional[bool] = None,
    **settings: Any,
) -> Any:
    """Asks a model about every row, and returns the same kind of table with the answer columns.

    `data`: a DataFrame of pandas (its index is kept) or polars, a table of pyarrow, anything with `__arrow_c_stream__` (a table of
    pyarrow is returned), or a list of dicts; or paths of documents or rows, for which a list of dicts is returned.
    `prompt`: the user's turn, a template over the columns, or the section `[prompt]`; without it, rows bring their own requests.
    `settings`: flags of `fanfold run` (`max_cost=5`); a dict is a section of the job file (`request={"temperature": 0}`).

    The same call resumes: only rows without an answer are sent, also after a restart, or with rows added, removed or edited.

    Raises `JobError` if the job could not run; warns (`FailedRows`, `Unfinished`) where rows have no answer.
    """
    return Job(prompt, model=model, system=system, id=id, output=output, **settings).map(data, progress=progress)


def preview(
    data: Any,
    prompt: Union[str, Section, None] = None,
    *,
    model: Union[str, Section, None] = None,
    system: Optional[str] = None,
    id: Optional[str] = None,
    output: Union[PathLike, Section, None] = None,
    **settings: Any,
) -> Preview:
    """What `map` with the same arguments would send and cost. It sends nothing."""
    return Job(prompt, model=model, system=system, id=id, output=output, **settings).preview(data)


class Job:
    """A prompt and its settings, for several tables. The arguments are those of `map`."""

    def __init__(
        self,
        prompt: Union[str, Section, None] = None,
        *,
        model: Union[str, Section, None] = None,
        system: Optional[str] = None,
        id: Optional[str] = None,
        output: Union[PathLike, Section, None] = None,
        **settings: Any,
    ) -> None:
        self._sections, self._flags = sections_and_flags(settings)
        self._put("prompt", "user", prompt)
        self._put("prompt", "system", system)
        self._put("model", "name", model)
        self._put("input", "id", id)
        self._put("output", "path", None if output is None else output)

    def _put(self, section: str, name: str, item: Any) -> None:
        """A value under its key; a dict is the whole section."""
        if item is None:
            return
        values = self._sections.setdefault(section, {})
        values.update(item if isinstance(item, Mapping) else {name: os.fspath(item) if name == "path" else item})

    def map(self, data: Any, *, progress: Optional[bool] = None) -> Any:
        """Runs the job over a table, and returns it with the answers; see `fanfold.map`."""
        return self.start(data, progress=progress).table()

    def start(self, data: Any, *, progress: Optional[bool] = None) -> Run:
        """Starts the job over a table, and returns the active run, whose `table()` waits for the answers."""
        table = table_of(data)
        if table is not None:
            self._check_names(table)
        folder = self._folder(data if table is None else None)
        lock = FolderLock(folder)
        try:
            job = self._write(folder, data, table, folder)
            of_job, of_run = flags_of(self._flags)
            finish = _Finish(self, table, folder, of_job)
            return Run([str(job), *of_job], of_run, progress=progress, held=[lock.fd], finish=finish, release=lock.release)
        except BaseException:
            lock.release()
            raise

    def preview(self, data: Any) -> Preview:
        """What the job would send and cost; see `fanfold.preview`."""
        table = table_of(data)
        with tempfile.TemporaryDirectory(prefix="fanfold") as temporary:
            job = self._write(Path(temporary), data, table, self._folder(data if table is None else None))
            of_job, _ = flags_of(self._flags)
            return Preview(called_json(["preview", str(job), *of_job]))

    def _folder(self, paths: Any) -> Path:
        """The folder of the journal: by what decides the requests, and by the output if the caller names one."""
        model = self._sections.get("model", {}).get("name")
        where = self._output_path()
        deciding = [self._sections.get(name) for name in ("prompt", "request")]
        return folder_of([model, *deciding, os.path.abspath(where) if where else None])

    def _output_path(self) -> Optional[str]:
        path = self._sections.get("output", {}).get("path")
        return None if path is None else os.fspath(path)

    def _prefix(self) -> str:
        return str(self._sections.get("output", {}).get("prefix", ""))

    def _check_names(self, table: Table) -> None:
        """An answer column must not have the name of one of the table's."""
        renamed = self._sections.get("output", {}).get("rename", {})
        names = {renamed.get(name, self._prefix() + name) for name in ANSWER_COLUMNS}
        taken = [name for name in table.columns if name in names]
        if taken:
            raise ValueError(
                f"the table has a column `{taken[0]}`, and so have the answers: give those a prefix, output={{'prefix': 'ai_'}}"
            )

    def _write(self, folder: Path, data: Any, table: Optional[Table], state: Path) -> Path:
        """Writes the job file and its input into a folder; the answers are kept in `state`."""
        sections: Dict[str, Dict[str, Any]] = {name: dict(section) for name, section in self._sections.items()}
        paths = {"path": _paths(data) if table is None else str(table.write(folder))}
        sections["input"] = {**paths, **sections.get("input", {})}
        if os.path.exists("models.toml"):
            # Next to the job file of a person there may be a table of models; here, in the working directory.
            sections.setdefault("model", {}).setdefault("table", "models.toml")
        schema = sections.get("answer", {}).get("schema")
        if isinstance(schema, Mapping):
            (folder / "answer.schema.json").write_text(json.dumps(schema), encoding="utf-8")
            sections["answer"]["schema"] = str(folder / "answer.schema.json")
        output = sections.pop("output", {})
        own = {name: item for name, item in output.items() if name not in ("path", "select")}
        own.update(path=str(state / "answers.jsonl"), answers_only=table is not None)
        where = self._output_path()
        if where is not None:
            # The caller's output has the columns that the caller wants; the answers are exported from its journal.
            own["journal"] = own.get("journal", f"{where}.journal")
            _store(folder / ANSWERS, {**sections, "output": own})
        return _store(folder / "job.toml", {**sections, "output": own if where is None else output})

    def combinations(self) -> int:
        """How many rows of a long output a row of the table has."""
        each = self._sections.get("each", {})
        if self._sections.get("output", {}).get("layout") != "long":
            return 1
        count = 1
        for values in each.values():
            count *= len(values) if isinstance(values, (list, tuple)) else 1
        return count


def _store(path: Path, sections: Mapping[str, Any]) -> Path:
    path.write_text(job_file(sections), encoding="utf-8")
    return path


class _Finish:
    """Puts the answers of a run beside its table."""

    def __init__(self, job: Job, table: Optional[Table], folder: Path, flags: List[str]) -> None:
        self.job = job
        self.table = table
        self.folder = folder
        self.flags = flags

    def __call__(self, run: Run) -> Any:
        prefix = self.job._prefix()
        answers = Answers.read(self._answers_file(), prefix)
        columns = self._chosen(answers.columns)
        if self.table is None:
            return converted(Answers(columns, answers.rows), "rows")
        places = answers.places(self.table.rows, self.job.combinations())
        return self.table.with_answers(places, _without_clashes(columns, self.table.columns))

    def _answers_file(self) -> Path:
        """The output, or an export of the answers if the caller has the output elsewhere."""
        simulated = self.job._flags.get("simulate", False)
        path = self.folder / ("answers.simulated.jsonl" if simulated else "answers.jsonl")
        if self.job._output_path() is not None:
            called(["export", str(self.folder / ANSWERS), *self.flags, "--quiet"])
        return path

    def _chosen(self, columns: Sequence[Column]) -> Sequence[Column]:
        """The columns that the caller has selected, in that order."""
        select = self.job._sections.get("output", {}).get("select")
        if select is None:
            return columns
        rename = self.job._sections.get("output", {}).get("rename", {})
        by_name = {column.name: column for column in columns}
        wanted = [rename.get(name, name) for name in select]
        prefix = self.job._prefix()
        found = [by_name.get(name) or by_name.get(prefix + name) for name in wanted]
        return [column for column in found if column is not None]


def _without_clashes(columns: Sequence[Column], taken: Sequence[str]) -> Sequence[Column]:
    """A field of an answer that is named like a column of the table gets `_answer` after its name."""
    for column in columns:
        if column.name in taken:
            column.name += "_answer"
    return columns


def _paths(data: Any) -> Any:
    return [os.fspath(one) for one in data] if isinstance(data, (list, tuple)) else os.fspath(data)
