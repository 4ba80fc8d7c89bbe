"""How a search is doing, for people: a bar on a terminal, a plain line every 30 s elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

INTERVAL = 30.0
"""Seconds between two plain lines."""


@dataclass(frozen=True)
class Report:
    """State of a study after a round.

    `best` holds numbers with their units as text; `charged` and `budget` count evaluations.
    """

    round_number: int
    sampler: str
    evaluated: int
    feasible: int
    charged: int
    budget: int
    seconds: float
    limit: float | None
    best: Mapping[str, str]

    @property
    def rate(self) -> float:
        """Distinct designs evaluated in a second."""
        return self.evaluated / self.seconds if self.seconds > 0 else 0.0

    @property
    def share(self) -> float:
        """How far the study is through the budget that ends it first, 0 to 1."""
        shares = [self.charged / self.budget if self.budget else 0.0]
        if self.limit:
            shares.append(self.seconds / self.limit)
        return min(1.0, max(shares))

    @property
    def left(self) -> float:
        """Estimated time left [s]."""
        return self.seconds * (1.0 - self.share) / self.share if self.share > 0 else 0.0

    def line(self) -> str:
        """One line of text."""
        share = self.feasible / self.evaluated if self.evaluated else 0.0
        best = ", ".join(f"{name} {value}" for name, value in self.best.items())
        return (
            f"round {self.round_number} {self.sampler}: {self.evaluated:,} designs, "
            f"{share:.1%} feasible, {best or 'no feasible design yet'}, "
            f"{self.rate:,.0f} designs/s, {duration(self.left)} left"
        )


class Watcher(Protocol):
    """Something that is told about every round."""

    def __call__(self, report: Report) -> None:
        """Take note of a round."""


class Display:
    """Bar or lines on a console, which writes to standard error."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._last = time.monotonic()
        self._bar: Progress | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar = Progress(
                BarColumn(20), TextColumn("{task.description}"), console=self._console
            )
            self._task = self._bar.add_task("first round", total=1.0)
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def __call__(self, report: Report) -> None:
        """Show a round."""
        if self._bar is not None:
            self._bar.update(self._task, completed=report.share, description=report.line())
        elif time.monotonic() - self._last >= INTERVAL:
            self._last = time.monotonic()
            self._console.print(report.line(), highlight=False, markup=False, soft_wrap=True)


def duration(seconds: float) -> str:
    """A time that a person reads: ``45 s``, ``3 min``, ``2.5 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
