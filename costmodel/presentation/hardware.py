"""What systems, their parts, known chips and technology tables show to a person."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from costmodel.hardware.catalog import Chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import Designs, leaves
from costmodel.hardware.technology import Table, Technology
from costmodel.hardware.voltage import DERIVED_COLUMN
from costmodel.numerics.units import from_si
from costmodel.presentation.batches import batch, choices, columns, numbers, quantities
from costmodel.presentation.quantities import number, words
from costmodel.presentation.sheets import Page, Sheet

CHOICES = {
    "node": "node",
    "machine": "machine",
    "MemoryTier.kind": "memory",
    "NetworkTier.kind": "link",
    "Package.kind": "package",
    "topology": "topology",
    "cooling": "cooling",
    "format": "format",
    "software": "software",
}
"""Field -> table whose rows it holds; qualified where records share a name."""
UNITS = {
    "l1_bytes": "KiB",
    "l2_bytes": "MiB",
    "voltage_logic": "V",
    "voltage_sram": "V",
    "link_bandwidth": "byte/s",
    "price": "USD",
}
"""Field -> unit it is shown in; the others are counts and ratios."""
PLAIN = {"KiB": 2.0**10, "MiB": 2.0**20, "V": 1.0}
"""Units that are shown as they are, without a prefix that fits."""
NEUTRAL = {
    "clock_scale": 1, "rate_fraction": 1, "pipeline_parallel": 1, "expert_parallel": 1,
    "data_parallel": 1, "price": 0, "rate_bf16": 0, "rate_int8": 0, "rate_fp8": 0, "rate_fp4": 0,
}  # fmt: skip
"""Value at which a field says nothing and is left out."""
NAMED_BY = "names of rows are those of the shipped technology"

Cells = tuple[str, ...]


def hardware_page(record: Any, technology: Technology | None = None) -> Page:
    """The fields of a system or of a part of it.

    Parameters
    ----------
    record : Designs, Pool, Package, Die, MemoryTier, NetworkTier or Deployment
        Leaves of any common batch shape; large batches are summarised.
    technology : Technology, optional
        Names the rows of its tables; the shipped one by default.
    """
    shape = torch.broadcast_shapes(*(leaf.shape for leaf in leaves(record)))
    rows = _once(_rows(record, shape, technology or load_technology(), ""))
    heading = f"{type(record).__name__}: {batch(shape)}"
    if isinstance(record, Designs):
        roles = ", ".join(pool.role for pool in record.pools)
        heading += f" of {len(record.pools)} pool{'s' * (len(record.pools) > 1)} ({roles})"
    sheet = Sheet(rows, ("part", "field", *columns(shape)), align="llr")
    return Page(heading, (), (sheet,), () if technology else (NAMED_BY,))


def _rows(record: Any, shape: Sequence[int], technology: Technology, part: str) -> Iterator[Cells]:
    """Lines ``(part, field, cells)`` of a record, parts below it last.

    A part is named by its path, which `replace_at` understands.
    """
    below: list[tuple[str, Any]] = []
    for field in dataclasses.fields(record):
        value = getattr(record, field.name)
        if isinstance(value, Tensor):
            yield from _leaf(type(record).__name__, field.name, value, shape, technology, part)
        elif isinstance(value, tuple):
            below += [(f"{field.name}.{place}", item) for place, item in enumerate(value)]
        elif not isinstance(value, str):
            below.append((field.name, value))
    for name, item in below:
        yield from _rows(item, shape, technology, f"{part}.{name}" if part else name)


def _once(rows: Iterable[Cells]) -> tuple[Cells, ...]:
    """Lines with the part named on its first line alone."""
    lines, before = [], ""
    for part, *cells in rows:
        lines.append(("" if part == before else part, *cells))
        before = part
    return tuple(lines)


def _leaf(
    record: str,
    name: str,
    value: Tensor,
    shape: Sequence[int],
    technology: Technology,
    part: str,
) -> Iterator[Cells]:
    if name in NEUTRAL and bool((value == NEUTRAL[name]).all()):
        return
    table = CHOICES.get(name) or CHOICES.get(f"{record}.{name}")
    if table:
        known = technology.names(table)
        yield (part, name, *choices(value, shape, lambda row: _name(known, row)))
    elif UNITS.get(name) in PLAIN:
        unit = UNITS[name]
        cells = numbers(value / PLAIN[unit], shape, lambda size: f"{number(size)} {unit}")
        yield (part, name, *cells)
    else:
        yield (part, name, *quantities(value, shape, UNITS.get(name, "1")))


def _name(known: Sequence[str], row: int) -> str:
    return known[row] if 0 <= row < len(known) else f"row {row}"


def chip_page(chip: Chip) -> Page:
    """A chip: what is published of it, its hardware, notes."""
    facts = tuple(
        (
            words(name),
            f"{number(from_si(fact.value, fact.unit))} {fact.unit}",
            fact.certainty,
            fact.kind,
            ", ".join(fact.source),
        )
        for name, fact in chip.facts.items()
    )
    published = Sheet(facts, ("fact", "value", "certainty", "kind", "source"), "published", "lrl")
    hardware = hardware_page(chip.designs)
    notes = tuple(f"note: {note}" for note in (*chip.notes, *hardware.notes))
    return Page(
        f"{chip.name}: {chip.title}", (), (published,) * bool(facts) + hardware.sheets, notes
    )


def technology_page(technology: Technology) -> Page:
    """The tables, by name."""
    count = sum(1 for _ in technology.entries())
    drawn = f", {technology.samples:,} draws of each range" if technology.samples else ""
    rows = tuple(
        (name, table.title, f"{len(table.rows)}", f"{len(table.columns)}")
        for name, table in technology.tables.items()
    )
    return Page(
        f"Technology: {count:,} values from {len(technology.citations())} sources{drawn}",
        (),
        (Sheet(rows, ("table", "title", "rows", "columns"), align="llr"),),
        ("technology.entry(table, row, column) says unit, range, kind and source of a value",),
    )


def table_page(table: Table) -> Page:
    """Rows and columns of a table; a sampled one by the median of its draws."""
    lines = []
    for place, row in enumerate(table.rows):
        cells = []
        for name, column in table.columns.items():
            value = float(column[..., place].median())
            stated = table.entries.get((row, name))
            unit = table.units.get(name) or (stated.unit if stated else "1")
            absent = stated is None and name != DERIVED_COLUMN
            cells.append("–" if absent else _cell(value, unit))
        lines.append((row, *cells))
    sheet = Sheet(tuple(lines), ("row", *table.columns), align="lr")
    return Page(f"{table.title}: {len(table.rows)} rows", (), (sheet,))


def _cell(value: float, unit: str) -> str:
    """A value in the unit that its table states."""
    return f"{number(from_si(value, unit))} {unit}".removesuffix(" 1").removesuffix(" count")
