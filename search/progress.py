"""How a search is doing, for people: numbers of a round, put into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Report:
    """State of a study after a round.

    `round_number` counts from 0, as in the journal; people read it from 1. `best` holds numbers
    with their units as text; `charged` and `budget` count evaluations.
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
    hypervolume: float | None = None

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

    def facts(self) -> list[tuple[str, str]]:
        """What to show, row by row: a label and a text."""
        share = f" ({self.feasible / self.evaluated:.1%})" if self.evaluated else ""
        rows = [
            ("round", f"{self.round_number + 1}, {self.sampler}"),
            ("designs", f"{self.evaluated:,} evaluated, {self.rate:,.0f} a second"),
            ("feasible", f"{self.feasible:,}{share}"),
        ]
        if self.hypervolume is not None:
            rows.append(("hypervolume", f"{self.hypervolume:.4g}"))
        if not self.best:
            rows.append(("best", "no feasible design yet"))
        for number, (name, value) in enumerate(self.best.items()):
            rows.append(("" if number else "best", f"{name.replace('_', ' ')} {value}"))
        return rows

    def __str__(self) -> str:
        return self.line()

    def line(self) -> str:
        """One line of text."""
        share = self.feasible / self.evaluated if self.evaluated else 0.0
        best = ", ".join(f"{name} {value}" for name, value in self.best.items())
        if self.hypervolume is not None:
            best += f", hypervolume {self.hypervolume:.4g}"
        return (
            f"round {self.round_number + 1} {self.sampler}: {self.evaluated:,} designs, "
            f"{share:.1%} feasible, {best or 'no feasible design yet'}, "
            f"{self.rate:,.0f} designs/s, {duration(self.left)} left"
        )


class Watcher(Protocol):
    """Something that is told about every round."""

    def __call__(self, report: Report) -> None:
        """Take note of a round."""


def duration(seconds: float) -> str:
    """A time that a person reads: ``45 s``, ``3 min``, ``2.5 h``, ``4.1 days``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 48 * 3600:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86400:.1f} days"
