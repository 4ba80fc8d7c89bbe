"""Where an exported number comes from: study, versions, and the table entries that were read."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from costmodel.hardware.technology import CONSTANT, SINGLE, Source, Technology, Value
from costmodel.hardware.voltage import DERIVED_COLUMN

DERIVED_FROM = ("voltage_nominal", "energy_iso_speed", "speed_iso_power")
"""Columns of table ``node`` behind its derived one."""
ASSUMED = "assumed"


@dataclass(frozen=True)
class Reading:
    """One entry of the technology tables that a figure rests on."""

    table: str
    row: str
    column: str
    value: Value

    @property
    def text(self) -> str:
        """The entry as a line, e.g. ``memory hbm4_12h energy_phy 0.5 pJ/bit (0.25 to 0.7)``."""
        name = self.row if self.table == CONSTANT else f"{self.table} {self.row} {self.column}"
        unit = "" if self.value.unit == "1" else f" {self.value.unit}"
        text = f"{name} {self.value.value:g}{unit}"
        if self.value.range is not None:
            text += f" ({self.value.range[0]:g} to {self.value.range[1]:g})"
        return text


@dataclass(frozen=True)
class Origin:
    """What made the numbers of a file.

    Parameters
    ----------
    study, title : str
    design : str
        Name of the pick.
    evaluation : int
        Its number in the study.
    scoville : str
        Version.
    fingerprints : dict
        Of the manifest: cost model, data, samplers, experiment.
    readings : tuple of Reading
        Entries of the technology tables that were read.
    sources : tuple of Source
        What these entries cite.
    """

    study: str
    title: str
    design: str
    evaluation: int
    scoville: str
    fingerprints: dict[str, str]
    readings: tuple[Reading, ...]
    sources: tuple[Source, ...]

    @property
    def assumed(self) -> tuple[str, ...]:
        """Entries of kind ``assumed``, as lines."""
        return tuple(item.text for item in self.readings if item.value.kind == ASSUMED)

    def record(self) -> dict[str, Any]:
        """The same as plain containers, for JSON and Parquet."""
        return {
            "study": self.study,
            "title": self.title,
            "design": self.design,
            "evaluation": self.evaluation,
            "scoville": self.scoville,
            "fingerprints": self.fingerprints,
            "assumed": list(self.assumed),
            "sources": [
                {key: text for key, text in dataclasses.asdict(source).items() if text}
                for source in self.sources
            ],
        }

    def lines(self) -> list[str]:
        """The same as lines of a comment."""
        return [*self.head(), *self.grounds()]

    def head(self) -> list[str]:
        """Study, evaluation, version, fingerprints."""
        prints = ", ".join(f"{kind} {digest}" for kind, digest in self.fingerprints.items())
        return [
            f"study: {self.study}, evaluation {self.evaluation} ({self.design}): {self.title}",
            f"scoville: {self.scoville}; fingerprints: {prints}",
        ]

    def grounds(self) -> list[str]:
        """Assumed entries, then sources."""
        lines = []
        if self.assumed:
            lines += ["assumed, not sourced:", *(f"  {text}" for text in self.assumed)]
        if self.sources:
            lines.append("sources:")
            lines += [
                f"  {source.key}: {source.title}" + (f" <{source.url}>" if source.url else "")
                for source in self.sources
            ]
        return lines


@dataclass(frozen=True)
class Tracing(Technology):
    """The same technology, which notes what is read of it."""

    read: set[tuple[str, str, str]] = field(default_factory=set)

    def at(self, table: str, column: str, row: Tensor) -> Tensor:
        """As `Technology.at`."""
        names = self.names(table)
        columns = DERIVED_FROM if (table, column) == ("node", DERIVED_COLUMN) else (column,)
        rows = {names[int(index)] for index in torch.unique(row)}
        self.read.update((table, name, item) for name in rows for item in columns)
        return super().at(table, column, row)

    def constant(self, name: str) -> Tensor:
        """As `Technology.constant`."""
        self.read.add((CONSTANT, name, SINGLE))
        return super().constant(name)


def readings(run: Callable[[Technology], object], technology: Technology) -> tuple[Reading, ...]:
    """Entries that a function reads of a technology, in the order of the tables.

    Parameters
    ----------
    run : callable
        Its result is not used.
    technology : Technology
    """
    tracing = Tracing(technology.tables, technology.sources, technology.samples)
    run(tracing)
    return tuple(
        Reading(table, row, column, value)
        for table, row, column, value in technology.entries()
        if (table, row, column) in tracing.read
    )


def cited(technology: Technology, found: Iterable[Reading]) -> tuple[Source, ...]:
    """Sources of some readings, sorted by key."""
    return technology.citations(key for item in found for key in item.value.source)
