"""What the command line says: data on stdout, talk on stderr, one JSON document when asked."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from rich.console import Console, RenderableType
from rich.markup import escape

PLAIN_WIDTH = 160
"""Columns of a table that goes to a file or a pipe."""


class Data(Console):
    """Standard output: whoever reads it may leave."""

    def on_broken_pipe(self) -> None:
        """Let the command end (see `search.endings`)."""
        raise BrokenPipeError


class Talk(Console):
    """Standard error: when nobody listens any more, the work goes on in silence."""

    def on_broken_pipe(self) -> None:
        """Say nothing from now on."""
        self.quiet = True


class Terminal:
    """Two streams and how much to say on them.

    Parameters
    ----------
    as_json : bool
        Print one JSON document instead of tables.
    verbosity : int
        Negative for errors only, 0 for progress and results, positive for details.
    colour : bool
        False for plain text; ``NO_COLOR`` in the environment does the same.
    """

    def __init__(self, as_json: bool = False, verbosity: int = 0, colour: bool = True) -> None:
        self.as_json = as_json
        self.verbosity = verbosity
        plain = not colour or bool(os.environ.get("NO_COLOR"))
        width = None if sys.stdout and sys.stdout.isatty() else PLAIN_WIDTH
        self._out = Data(no_color=plain, highlight=False, width=width)
        self.talk = Talk(stderr=True, no_color=plain, highlight=False)

    @property
    def quiet(self) -> bool:
        """Whether only errors are said."""
        return self.verbosity < 0

    @property
    def out(self) -> Console:
        """Standard output, for what is drawn live."""
        return self._out

    def show(self, record: Mapping[str, Any], *tables: RenderableType) -> None:
        """Print a result: the record as JSON, or the tables made of it."""
        if self.as_json:
            self._write(json.dumps(plain(record), indent=2, ensure_ascii=False))
            return
        for table in tables:
            self._out.print(table)

    def show_line(self, record: Mapping[str, Any]) -> None:
        """Print one of several results as one line of JSON."""
        self._write(json.dumps(plain(record), ensure_ascii=False))

    def _write(self, text: str) -> None:
        if sys.stdout is not None:
            sys.stdout.write(text + "\n")
            sys.stdout.flush()

    def say(self, text: str, detail: bool = False) -> None:
        """Say a line to the person; `detail` lines only with ``-v``."""
        if self.verbosity >= (1 if detail else 0):
            self.talk.print(text, markup=False, soft_wrap=True)

    def busy(self, text: str) -> AbstractContextManager[object]:
        """Show that something is being done, on a terminal and until it is done."""
        if self.quiet or not self.talk.is_terminal:
            return nullcontext()
        return self.talk.status(escape(text))

    def fail(self, text: str) -> None:
        """Say what went wrong, whatever the verbosity."""
        self.talk.print(text, markup=False, soft_wrap=True, style="bold")


def plain(value: Any) -> Any:
    """Only what JSON knows: a number that is not finite becomes a word or null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None if math.isnan(value) else ("inf" if value > 0 else "-inf")
    return value
