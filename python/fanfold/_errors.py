"""What a job that did not run, or did not finish, is reported as."""

from __future__ import annotations


class JobError(Exception):
    """A job that could not run. `str()` is the program's own words; answers that were received are kept.

    `exit_code` is the program's: 1, the job cannot be run; 2, wrong arguments; 4, stopped by the API; 6, another run of the job
    is active.
    """

    def __init__(self, words: str, exit_code: int) -> None:
        super().__init__(words)
        self.exit_code = exit_code

    def __reduce__(self) -> tuple[type[JobError], tuple[str, int]]:
        return (type(self), (str(self), self.exit_code))


class JobWarning(UserWarning):
    """A run that ended without every answer."""


class FailedRows(JobWarning):
    """Some rows failed: their `status` is `failed`, and `error` says why."""


class Unfinished(JobWarning):
    """The run stopped early, at a cap or a time; rows without an answer are `pending`. The same call continues."""
