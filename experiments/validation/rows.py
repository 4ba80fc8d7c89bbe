"""Read measured rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

DATA = Path(__file__).resolve().parent / "data"


@dataclass(frozen=True)
class Row:
    """One measurement."""

    id: str
    chip: str
    chips: int
    precision: str
    phase: str
    batch: str
    input_length: str
    metric: str
    unit: str
    value: float
    shape: dict[str, str]
    model: str
    parallelism: str
    source: str
    notes: str


def read(name: str) -> list[Row]:
    """All rows of a data file, by its stem."""
    with (DATA / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        lines = (line for line in file if not line.startswith("#"))
        return [_row(item) for item in csv.DictReader(lines)]


def _row(item: dict[str, str]) -> Row:
    pairs = (pair.split("=", 1) for pair in item["shape"].split(";") if "=" in pair)
    return Row(
        id=item["id"],
        chip=item["chip"],
        chips=int(item["n_chips"] or 1),
        precision=item["precision"],
        phase=item["phase"],
        batch=item["batch"],
        input_length=item["input_len"],
        metric=item["metric"],
        unit=item["unit"],
        value=float(item["value"]),
        shape=dict(pairs),
        model=item["model"],
        parallelism=item["parallelism"],
        source=item["source"],
        notes=item["notes"],
    )
