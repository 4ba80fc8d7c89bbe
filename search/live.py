"""A search while it runs: a few aligned rows on a terminal, plain lines elsewhere."""

from __future__ import annotations

import os
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from search.interrupt import STOPPING
from search.progress import Report, duration

INTERVAL = 30.0
"""Seconds between two plain lines."""
FIRST = 5.0
"""Seconds after which something is said when no round has ended yet."""
REFRESHES = 4
"""Times a second that the rows are drawn again."""
BAR = 32
"""Columns of the bar."""


class Display:
    """Rows or lines on a console, which writes to standard error.

    Lines come with the first round, then every 30 s also while a round takes longer, and at the
    end.

    Parameters
    ----------
    console : Console, optional
    title : str
        What runs, e.g. the study's folder.
    interval, first : float
        Time between two lines, and before a line without any round [s].
    """

    def __init__(
        self,
        console: Console | None = None,
        title: str = "",
        interval: float = INTERVAL,
        first: float = FIRST,
    ) -> None:
        self._console = console or Console(stderr=True)
        self._title = title
        self._interval, self._first = interval, first
        self._begin = self._heard = self._said = time.monotonic()
        self._report: Report | None = None
        self._unsaid = False
        self._stopping = False
        self._live: Live | None = None
        self._ended = threading.Event()
        self._beat = threading.Thread(target=self._keep_saying, daemon=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live = Live(
                console=self._console,
                get_renderable=self.rows,
                refresh_per_second=REFRESHES,
                transient=True,
                redirect_stdout=False,
                redirect_stderr=False,
            )
            self._live.start()
        else:
            self._beat.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            return
        self._ended.set()
        self._beat.join()
        if self._report is not None and self._unsaid:
            self._say(self._report.line())

    def __call__(self, report: Report) -> None:
        """Show a round."""
        self._report, self._heard, first = report, time.monotonic(), self._report is None
        self._unsaid = True
        if self._live is None and first:
            self._say(report.line())

    def _keep_saying(self) -> None:
        """Say a line every so often, whatever the rounds do."""
        wait = self._first
        while not self._ended.wait(wait):
            wait = self._interval - (time.monotonic() - self._said)
            if self._report is None or wait <= 0:
                self._say(self._line())
                wait = self._interval

    def _line(self) -> str:
        now = time.monotonic()
        if self._report is None:
            return f"{self._title}: first round, {duration(now - self._begin)} so far"
        line, since = self._report.line(), now - self._heard
        return line if self._unsaid else f"{line}; {duration(since)} into the next round"

    def stopping(self) -> None:
        """Say that the request to stop was heard; safe inside a signal's handler."""
        self._stopping = True
        if self._live is None:
            # The stream's own buffer may be half written at this moment.
            os.write(2, f"{STOPPING}\n".encode())

    def _say(self, line: str) -> None:
        self._said, self._unsaid = time.monotonic(), False
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def rows(self) -> RenderableType:
        """What stands on the terminal at this moment."""
        head = Text(self._title, style="bold", overflow="ellipsis", no_wrap=True)
        parts: list[RenderableType] = [head]
        if self._report is None:
            parts.append(Text(f"first round, {duration(time.monotonic() - self._begin)}"))
        else:
            parts.append(report_rows(self._report, time.monotonic() - self._heard))
        if self._stopping:
            said, _, again = STOPPING.partition("; ")
            parts += [Text(said, style="bold yellow"), Text(again, style="yellow")]
        return Group(*parts)


def report_rows(report: Report, since: float = 0.0) -> RenderableType:
    """A report as aligned rows.

    Parameters
    ----------
    report : Report
    since : float
        Time since it was made: the clock goes on while the next round is evaluated [s].
    """
    seconds, left = report.seconds + since, max(0.0, report.left - since)
    share = max(report.share, seconds / (seconds + left)) if report.share > 0 else 0.0
    bar = Table.grid(padding=(0, 1))
    bar.add_row(
        ProgressBar(total=1.0, completed=share, width=BAR),
        f"{share:.0%}",
        f"{duration(seconds)} so far, {duration(left)} left",
    )
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column(overflow="ellipsis", no_wrap=True)
    for label, text in report.facts():
        table.add_row(label, Text(text))
    return Group(bar, table)
