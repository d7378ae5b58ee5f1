"""How a run is shown: by the program itself in a terminal, as HTML in a notebook."""

from __future__ import annotations

import fcntl
import os
import re
import struct
import sys
import termios
import time
from html import escape
from typing import Any, Dict, List, Optional

from ._preview import duration, money

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# How much of what the program said is kept, for the words of an error.
KEPT = 64 * 1024
# The shortest time between two pictures in a notebook, in seconds.
PAUSE = 0.25


def mode_of(progress: Optional[bool]) -> str:
    """`notebook`, `terminal`, `lines`, or `quiet`."""
    if progress is False:
        return "quiet"
    if in_notebook():
        return "notebook"
    try:
        return "terminal" if os.isatty(sys.stderr.fileno()) else "lines"
    except (AttributeError, OSError, ValueError):
        return "lines"


def in_notebook() -> bool:
    """Whether this is a kernel of IPython, whose front end shows HTML."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return shell is not None and hasattr(shell, "kernel")


def open_terminal() -> Any:
    """Both ends of a terminal like standard error, on which the program draws its bar: ours, and its own."""
    ours, theirs = os.openpty()
    try:
        size = fcntl.ioctl(sys.stderr.fileno(), termios.TIOCGWINSZ, b"\0" * 8)
        if 0 in struct.unpack("HHHH", size)[:2]:
            size = struct.pack("HHHH", 24, 80, 0, 0)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, size)
        # Lines end as the program ends them; our own terminal does the rest.
        manner = termios.tcgetattr(theirs)
        manner[1] &= ~termios.OPOST
        termios.tcsetattr(theirs, termios.TCSANOW, manner)
    except (OSError, ValueError, termios.error):
        pass
    return ours, theirs


class Words:
    """What the program says on standard error, shown as it arrives; the end of it is kept."""

    def __init__(self, shown: bool) -> None:
        self.shown = shown
        self.kept = ""

    def feed(self, data: bytes) -> None:
        """Some bytes more. A character that is cut in two is shown as damaged, which does no harm."""
        text = data.decode("utf-8", "replace")
        if self.shown:
            sys.stderr.write(text)
            sys.stderr.flush()
        self.kept = (self.kept + text)[-KEPT:]

    def plain(self) -> str:
        """What was kept, without colours and movements."""
        return ESCAPES.sub("", self.kept).replace("\r\n", "\n")


class Events:
    """What the program says as JSON lines (docs/progress.schema.json)."""

    def __init__(self) -> None:
        self.progress: Dict[str, Any] = {}
        self.messages: List[str] = []
        self.error: Optional[str] = None

    def feed(self, event: Dict[str, Any]) -> None:
        """The next line."""
        if event.get("type") == "progress":
            self.progress = event
        elif event.get("type") == "error":
            self.error = event["text"]
        elif event.get("type") == "message":
            self.messages = [*self.messages[-99:], event["text"]]


class NotebookView:
    """The picture of a run in a notebook, updated in place. A notebook that is saved keeps the last one."""

    def __init__(self) -> None:
        self._display: Any = None
        self._drawn_at = 0.0
        self._drawn = ""

    def show(self, html: str, at_once: bool = False) -> None:
        """Draws a picture, unless it is the same or the last one is too recent."""
        if html == self._drawn or not (at_once or time.monotonic() - self._drawn_at > PAUSE):
            return
        from IPython.display import HTML, display

        if self._display is None:
            self._display = display(HTML(html), display_id=True)
        else:
            self._display.update(HTML(html))
        self._drawn, self._drawn_at = html, time.monotonic()


def running_html(events: Events) -> str:
    """A run that is active: a bar, and a line of figures."""
    now = events.progress
    if not now:
        return _line("fanfold", escape(events.messages[-1]) if events.messages else "starting")
    done = now["ok"] + now["failed"]
    rows = max(now["rows"], 1)
    figures = [f"{done:,} of {now['rows']:,}"]
    if now["failed"]:
        figures.append(f"<b>{now['failed']:,} failed</b>")
    if now["rows_per_second"]:
        figures.append(f"{now['rows_per_second']:,.1f} rows/s")
    if now["seconds_left"] is not None and now["left"]:
        figures.append(f"{duration(now['seconds_left'])} left")
    figures.append(f"{now['total_tokens']:,} tokens")
    if now["cost"] is not None:
        figures.append(f"cost {money(now['cost'])}")
    if now["held_by"]:
        figures.append(f"held by {escape(now['held_by'])}")
    bar = f'<progress value="{done}" max="{rows}" style="width:16em;vertical-align:middle">{100 * done // rows} %</progress>'
    return _line("fanfold", f"{bar} {' · '.join(figures)}")


def _line(title: str, html: str) -> str:
    return f'<div style="font-variant-numeric:tabular-nums"><b>{title}</b> {html}</div>'


def ended_html(words: str, is_good: bool) -> str:
    """A run that has ended, in one line."""
    return _line(f"fanfold {'✓' if is_good else '✗'}", escape(words))
