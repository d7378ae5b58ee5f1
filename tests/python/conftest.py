"""A simulator for each test, and the program as a user would have it: FANFOLD_PROGRAM, or that of the package."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

from fanfold._program import program

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Service:
    """A simulator, and the log of the requests that it received."""

    def __init__(self, folder, *flags):
        self.log = folder / "witness.jsonl"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [program(), "simulate", f"--port={self.port}", f"--witness={self.log}", *flags]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.wait_until(self._answers)
        self.url = f"http://127.0.0.1:{self.port}/compatible-mode/v1"

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    @staticmethod
    def wait_until(condition, seconds=60):
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, "it does not happen"
            time.sleep(0.02)

    def requests(self):
        """What was received, in order."""
        text = self.log.read_text() if self.log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line.endswith("}")]

    def close(self):
        self.process.terminate()
        self.process.wait()


@pytest.fixture
def service(tmp_path):
    """A simulator; `service("--latency", …)` starts another one with flags."""
    started = []

    def start(*flags):
        folder = tmp_path / f"service{len(started)}"
        folder.mkdir()
        started.append(Service(folder, *flags))
        return started[-1]

    yield start
    for one in started:
        one.close()


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """A working directory and a state folder that no other test has."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("FANFOLD_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("DASHSCOPE_API_KEY", "sk-canary-0123456789")


def python(code, stdout=None, stderr=None, **variables):
    """Starts another interpreter."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), **variables}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, stdout=stdout, stderr=stderr)
