"""Where the answers of a call are kept, and that two runs do not use them at once."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any, Optional

from ._errors import JobError

# How long a run whose program was killed may take to end, in seconds.
PATIENCE = 120.0


def state_folder() -> Path:
    """`FANFOLD_STATE_DIR`, else the user's state folder (XDG base directories)."""
    named = os.environ.get("FANFOLD_STATE_DIR")
    if named:
        return Path(named)
    base = os.environ.get("XDG_STATE_HOME")
    return (Path(base) if base else Path.home() / ".local" / "state") / "fanfold"


def folder_of(identity: Any) -> Path:
    """The folder of a job, by what decides its requests."""
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False, default=str)
    name = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
    folder = state_folder() / "python" / name
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


class FolderLock:
    """Holds a folder for one run. The program inherits it, so it stays held until that has ended, whatever became of Python."""

    def __init__(self, folder: Path) -> None:
        self.fd = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            self._take(folder)
        except BaseException:
            os.close(self.fd)
            raise
        os.ftruncate(self.fd, 0)
        os.pwrite(self.fd, str(os.getpid()).encode(), 0)

    def _take(self, folder: Path) -> None:
        until = time.monotonic() + PATIENCE
        said = False
        while True:
            try:
                return fcntl.flock(self.fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = self._holder()
            if holder is None or _is_alive(holder) or time.monotonic() > until:
                by = "" if holder is None else f" (process {holder})"
                raise JobError(
                    f"another run of this prompt is active{by}: wait for it, stop it, or give this one an `output` of its own",
                    6,
                )
            if not said:
                print("waiting for the run of a Python that has ended; it finishes its requests in flight", file=sys.stderr)
                said = True
            time.sleep(0.1)

    def _holder(self) -> Optional[int]:
        written = os.pread(self.fd, 32, 0).decode("ascii", "replace")
        return int(written) if written.isdigit() else None

    def release(self) -> None:
        """Lets go of it; the program may hold it longer."""
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_a_zombie(process)


def _is_a_zombie(process: int) -> bool:
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[:1] == ["Z"]
