"""What a person sees on a terminal: a command under a pseudo-terminal, its screen as a page."""

from __future__ import annotations

import fcntl
import html
import os
import pty
import select
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

COLUMNS, LINES = 100, 30
KEPT_LINES = 400
COLOURS = {
    "black": "#1e1e1e", "red": "#f14c4c", "green": "#23d18b", "brown": "#e5e510",
    "blue": "#3b8eea", "magenta": "#d670d6", "cyan": "#29b8db", "white": "#e5e5e5",
    "default": "",
}  # fmt: skip
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #1e1e1e; color: #d4d4d4; }}
pre {{
  margin: 0; padding: 12px 14px; width: max-content; font: 14px/1.28 "DejaVu Sans Mono", monospace;
}}
</style><pre>{text}</pre>"""


@dataclass
class Session:
    """Screens of one command: some while it ran, the last when it had ended."""

    status: int = -1
    screens: list[str] = field(default_factory=list)  # as pages
    texts: list[str] = field(default_factory=list)  # the same as plain lines

    @property
    def widest(self) -> int:
        """Longest line on the screens [column]."""
        return max(len(line) for text in self.texts for line in text.splitlines() or [""])


def run(command: Sequence[str], folder: Path, every: float, limit: float) -> Session:
    """Run a command on a terminal of 100 columns and 30 lines, and look at it now and then.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Where it runs.
    every : float
        Time between two looks [s].
    limit : float
        After this time the command is ended [s].
    """
    import pyte

    screen = pyte.HistoryScreen(COLUMNS, LINES, history=KEPT_LINES)
    stream = pyte.ByteStream(screen)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": str(COLUMNS)}
    environment.pop("NO_COLOR", None)
    process = subprocess.Popen(
        command, stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment
    )
    os.close(slave)
    session, begin = Session(), time.monotonic()
    looked = begin
    while True:
        ready, _, _ = select.select([master], [], [], 0.1)
        if ready:
            try:
                content = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not content:
                break
            stream.feed(content)
        now = time.monotonic()
        if now - looked >= every:
            looked = now
            _look(session, screen)
        if now - begin > limit:
            process.terminate()
            break
        if not ready and process.poll() is not None:
            break
    os.close(master)
    session.status = process.wait()
    _look(session, screen, whole=True)
    return session


def _look(session: Session, screen: Any, whole: bool = False) -> None:
    """Keep what is on the screen, and at the end what has scrolled away too."""
    rows = [screen.buffer[line] for line in range(LINES)]
    if whole:
        rows = [*screen.history.top, *rows]
    lines = [_line(row) for row in rows]
    while lines and not lines[-1][0]:
        lines.pop()
    session.texts.append("\n".join(text for text, _ in lines))
    session.screens.append(PAGE.format(text="\n".join(marked for _, marked in lines)))


def _line(row: Any) -> tuple[str, str]:
    """One line as plain text and as HTML."""
    text = "".join(row[column].data for column in range(COLUMNS)).rstrip()
    parts = []
    for column in range(len(text)):
        cell = row[column]
        style = _style(cell)
        letter = html.escape(cell.data)
        parts.append(f'<span style="{style}">{letter}</span>' if style else letter)
    return text, "".join(parts)


def _style(cell: Any) -> str:
    front, back = _colour(cell.fg), _colour(cell.bg)
    if cell.reverse:
        front, back = back or COLOURS["black"], front or COLOURS["white"]
    found = []
    if front:
        found.append(f"color:{front}")
    if back:
        found.append(f"background:{back}")
    if cell.bold:
        found.append("font-weight:700")
    return ";".join(found)


def _colour(name: str) -> str:
    if name in COLOURS:
        return COLOURS[name]
    plain = name.removeprefix("bright")
    if plain in COLOURS:
        return COLOURS[plain]
    return f"#{name}" if len(name) == 6 else ""
