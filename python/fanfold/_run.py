"""A run of the program."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import warnings
from pathlib import Path
from typing import Any, Callable, Dict, List, Mapping, Optional, Sequence, Union

from ._answers import Answers
from ._errors import FailedRows, JobError, Unfinished
from ._preview import money
from ._program import called, called_json, program, without_prefix
from ._progress import Events, NotebookView, Words, ended_html, mode_of, open_terminal, running_html
from ._settings import flags_of
from ._tables import converted

# Exit codes of a job that could not run (README.md, "Exit codes"); every other end has an output.
COULD_NOT_RUN = (1, 2, 4, 6)
INTERRUPTED = 130
FAILED_ROWS = 3


class Run:
    """A run that was started, and its results once it has ended.

    `wait` waits for its end; `stop`, `set` and `status` work while it is active; `table`, `receipt`, `rows` and `cost` wait first.
    """

    def __init__(
        self,
        job: Sequence[str],
        flags: Sequence[str] = (),
        *,
        progress: Optional[bool] = None,
        held: Sequence[int] = (),
        finish: Optional[Callable[[Run], Any]] = None,
        release: Optional[Callable[[], None]] = None,
    ) -> None:
        self._job = list(job)
        self._finish = finish
        self._release = release
        self._mode = mode_of(progress)
        self._events = Events()
        self._words = Words(shown=self._mode in ("terminal", "lines"))
        self._view = NotebookView()
        self._reported = False
        self._receipt: Optional[Dict[str, Any]] = None
        self._ended: Optional[int] = None
        self._table: Any = None
        self._start([*job, *flags], held)

    def _start(self, arguments: List[str], held: Sequence[int]) -> None:
        manner = {"notebook": ["--progress=json"], "quiet": ["--quiet"]}.get(self._mode, [])
        ours, theirs = open_terminal() if self._mode == "terminal" else os.pipe()
        # The program ends in order when its standard input does: it outlives no interpreter that was killed.
        ours_in, theirs_in = os.pipe()[::-1]
        try:
            self._process = subprocess.Popen(
                [program(), "run", *arguments, "--stop-on-eof", *manner],
                stdin=theirs_in,
                stdout=subprocess.DEVNULL,
                stderr=theirs,
                pass_fds=tuple(held),
                # A Ctrl-C reaches this process, which passes it on once.
                start_new_session=True,
            )
        except BaseException:
            os.close(ours)
            os.close(ours_in)
            self._let_go()
            raise
        finally:
            os.close(theirs)
            os.close(theirs_in)
        self._hold = ours_in
        self._reader = threading.Thread(target=self._read, args=(ours,), name="fanfold", daemon=True)
        self._reader.start()

    def _read(self, fd: int) -> None:
        rest = b""
        with open(fd, "rb", buffering=0) as stream:
            while True:
                try:
                    data = stream.read(64 * 1024)
                except OSError:
                    # A terminal whose other end is closed.
                    return
                if not data:
                    return
                if self._mode != "notebook":
                    self._words.feed(data)
                    continue
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._feed_line(line)

    def _feed_line(self, line: bytes) -> None:
        try:
            self._events.feed(json.loads(line))
        except (ValueError, AttributeError):
            self._words.feed(line + b"\n")

    @property
    def running(self) -> bool:
        """Whether the program is active."""
        return self._ended is None and self._process.poll() is None

    def wait(self, timeout: Optional[float] = None) -> Run:
        """Waits for the end, showing progress; returns the run itself.

        Raises `JobError` if the job could not run, `TimeoutError` after `timeout` seconds; the run continues then. An interrupt
        stops the run, keeps what is answered, and is raised; a second one stops without waiting for requests in flight.
        """
        if self._ended is not None:
            return self._result()
        interrupted = False
        left = timeout
        while True:
            try:
                if self._mode == "notebook":
                    self._view.show(running_html(self._events))
                step = 0.1 if left is None else max(min(0.1, left), 0.0)
                self._process.wait(step)
                break
            except subprocess.TimeoutExpired:
                left = None if left is None else left - step
                if left is not None and left <= 0:
                    raise TimeoutError(f"the run is still active after {timeout} s") from None
            except KeyboardInterrupt:
                interrupted = True
                self._interrupt()
        self._close()
        if interrupted:
            self._show_end()
            raise KeyboardInterrupt
        return self._result()

    def _interrupt(self) -> None:
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)

    def _close(self) -> None:
        self._reader.join()
        self._ended = self._process.returncode
        os.close(self._hold)
        self._let_go()

    def _let_go(self) -> None:
        if self._release is not None:
            self._release()
            self._release = None

    def _result(self) -> Run:
        """Raises or warns about how the run ended, and shows it; a warning comes once."""
        code = self._ended
        self._show_end()
        if code is None or code in COULD_NOT_RUN or code < 0:
            raise JobError(self._error(), 1 if code is None else code)
        if not self._reported:
            self._reported = True
            self._warn(code)
        return self

    def _error(self) -> str:
        """Why the job could not run, in the program's words."""
        if self._events.error is not None:
            return self._events.error
        if self._ended is not None and self._ended < 0:
            return f"the program was ended by signal {-self._ended}"
        words = without_prefix(self._words.plain().strip())
        return words or "; ".join(self._events.messages[-3:])

    def _warn(self, code: int) -> None:
        level = _level_of_the_caller()
        if code == FAILED_ROWS:
            failed, example = self._failures()
            noun = "row" if failed == 1 else "rows"
            warnings.warn(FailedRows(f"{failed:,} {noun} failed, for example: {example}"), stacklevel=level)
        elif code != 0:
            receipt = self.receipt
            pending = receipt["rows"]["pending"]
            noun = "row is" if pending == 1 else "rows are"
            words = f"the run stopped early ({receipt['reason']}): {pending:,} {noun} pending; the same call continues"
            warnings.warn(Unfinished(words), stacklevel=level)

    def _failures(self) -> Any:
        status = self.status()
        example = next((f"{group['code']}: {group['example']}" for group in status["failures"]), "")
        return status["failed"], example

    def _show_end(self) -> None:
        if self._mode != "notebook":
            return
        code = self._ended
        if code in COULD_NOT_RUN or code is None or code < 0:
            self._view.show(ended_html(self._error(), False), at_once=True)
        else:
            self._view.show(ended_html(self.summary(), code == 0), at_once=True)

    def stop(self, now: bool = False) -> Run:
        """Stops the run: requests in flight finish, unless `now`. Answers are kept. Returns when it has ended."""
        for _ in range(2 if now else 1):
            self._interrupt()
            if now:
                try:
                    self._process.wait(0.3)
                except subprocess.TimeoutExpired:
                    continue
        self._process.wait()
        if self._ended is None:
            self._close()
            self._show_end()
        return self

    def set(self, *words: str, **limits: Any) -> Run:
        """Changes the active run, as `fanfold set` does: `set(qps=5, max_cost=10)`, `set("pause")`, `set("resume")`."""
        called(["set", *self._job, *words, *(f"{name}={value}" for name, value in limits.items())])
        return self

    def status(self) -> Dict[str, Any]:
        """What `fanfold status --json` says: rows, requests, tokens, cost, failures; also while the run is active."""
        report: Dict[str, Any] = called_json(["status", *self._job])
        return report

    @property
    def exit_code(self) -> Optional[int]:
        """The program's exit code; `None` while it is active."""
        return self._process.poll() if self._ended is None else self._ended

    @property
    def receipt(self) -> Dict[str, Any]:
        """The receipt of the run (`OUT.summary.json`)."""
        if self._receipt is None:
            self._process.wait()
            with open(self.status()["receipt"], encoding="utf-8") as file:
                self._receipt = json.load(file)
        receipt: Dict[str, Any] = self._receipt or {}
        return receipt

    @property
    def rows(self) -> int:
        """Rows of the input."""
        return int(self.receipt["rows"]["in"])

    @property
    def cost(self) -> Optional[float]:
        """The cost of this run, in the currency of the prices; `None` if a price is not known."""
        cost = self.receipt["this_run"]["cost"]
        return None if cost is None else float(cost)

    @property
    def tokens(self) -> int:
        """The tokens of this run, in and out."""
        return int(self.receipt["this_run"]["total_tokens"])

    def table(self, kind: Optional[str] = None) -> Any:
        """The rows with their answers.

        Of `fanfold.map` and `Job.start`: the kind of table that came in. Of a job file: a list of dicts, or of `kind`: `rows`,
        `pandas`, `polars`, `pyarrow`.
        """
        self.wait()
        if self._finish is not None and kind is None:
            if self._table is None:
                self._table = self._finish(self)
            return self._table
        with tempfile.TemporaryDirectory(prefix="fanfold") as folder:
            path = Path(folder) / "output.jsonl"
            path.write_text(called(["export", *self._job, "--output=-", "--quiet"]), encoding="utf-8")
            return converted(Answers.read(path), kind or "rows")

    def summary(self) -> str:
        """One line: rows, tokens, cost."""
        receipt = self.receipt
        rows, all_runs = receipt["rows"], receipt["all_runs"]
        words = [f"{rows['in']:,} rows: {rows['ok']:,} ok"]
        words += [f"{rows[state]:,} {state}" for state in ("failed", "pending", "skipped") if rows[state]]
        words.append(f"{all_runs['total_tokens']:,} tokens")
        if all_runs["cost"] is not None:
            currency = (receipt.get("expected") or {}).get("currency") or ""
            words.append(f"cost {money(all_runs['cost'])} {currency}".rstrip())
        if receipt["simulated"]:
            words.append("simulated")
        return " · ".join(words)

    def __repr__(self) -> str:
        if self.running:
            return "<Run: active>"
        return f"<Run: {self.summary() if self._ended not in COULD_NOT_RUN else self._error()}>"

    def _repr_html_(self) -> str:
        if self.running:
            return running_html(self._events)
        is_good = self._ended not in COULD_NOT_RUN
        return ended_html(self.summary() if is_good else self._error(), is_good)


def _level_of_the_caller() -> int:
    """How far from the caller of this the first frame outside of the package is, as `warnings.warn` counts."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__package__") == __package__:
        level, frame = level + 1, frame.f_back
    return level


def run(job: Union[str, os.PathLike[str]], *, wait: bool = True, progress: Optional[bool] = None, **settings: Any) -> Run:
    """Runs a job file, or continues it.

    `settings` are the flags of `fanfold run` (`max_cost=5`, `qpm=600`, `simulate=True`); a dict is a section of the job file
    (`limits={"qpm": 600}`). With `wait=False` the run is returned while it is active.

    Raises `JobError` if the job could not run; warns (`FailedRows`, `Unfinished`) if it ended without every answer.
    """
    if "output" in settings and not isinstance(settings["output"], Mapping):
        # As a flag, it would be in the way of that of `fanfold export`.
        settings["output"] = {"path": settings["output"]}
    job_flags, run_flags = flags_of(settings)
    started = Run([os.fspath(job), *job_flags], run_flags, progress=progress)
    return started.wait() if wait else started
