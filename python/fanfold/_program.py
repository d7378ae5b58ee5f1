"""Where the program is, and how a command of it is called."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from typing import Any, Sequence

from ._errors import JobError


def program() -> str:
    """The path of the program: `FANFOLD_PROGRAM`, the one of this package, or the first on the path."""
    named = os.environ.get("FANFOLD_PROGRAM")
    if named:
        return named
    user = f"{os.name}_user"
    schemes = [None, user if user in sysconfig.get_scheme_names() else None]
    folders = [sysconfig.get_path("scripts", scheme) if scheme else sysconfig.get_path("scripts") for scheme in schemes]
    # `pip install --target` puts scripts next to the package.
    package = os.path.dirname(os.path.abspath(__file__))
    folders.append(os.path.join(os.path.dirname(package), "bin"))
    for folder in folders:
        path = os.path.join(folder, "fanfold")
        if os.access(path, os.X_OK):
            return path
    found = shutil.which("fanfold")
    if found is None:
        raise FileNotFoundError(
            f"the program `fanfold` is not installed with the Python {sys.version.split()[0]} that runs here: "
            "pip install fanfold, or name it with FANFOLD_PROGRAM"
        )
    return found


def called(arguments: Sequence[str]) -> str:
    """What a command that sends nothing prints; raises `JobError` if it fails."""
    ended = subprocess.run([program(), *arguments], stdin=subprocess.DEVNULL, capture_output=True)
    if ended.returncode != 0:
        words = ended.stderr.decode("utf-8", "replace").strip()
        raise JobError(without_prefix(words), ended.returncode)
    return ended.stdout.decode("utf-8")


def called_json(arguments: Sequence[str]) -> Any:
    """The JSON that a command prints."""
    return json.loads(called([*arguments, "--json"]))


def without_prefix(words: str) -> str:
    """The words of an error as the program says them, from the last line that begins one."""
    at = words.rfind("\nerror: ") + 1
    found = words[at:] if at or words.startswith("error: ") else words
    return found[len("error: ") :] if found.startswith("error: ") else found
