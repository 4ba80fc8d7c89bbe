"""Open the technology tables: YAML files to a `Technology`, converted to SI once."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from costmodel.errors import ConfigError, DataError, nearest
from costmodel.hardware.documents import Document, KeyPath, read_document
from costmodel.hardware.technology import (
    CONSTANT,
    SINGLE,
    Source,
    Table,
    Technology,
    Value,
    with_derived,
)
from costmodel.hardware.voltage import DERIVED_COLUMN
from costmodel.numerics.units import same_dimension, to_si

DATA = Path(__file__).resolve().parent.parent / "data"

Kind = Literal["measured", "datasheet", "published", "estimated", "assumed", "derived", "fitted"]


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ValueFile(_File):
    """One number of a data file."""

    value: float
    unit: str = ""  # empty: the column's unit
    range: tuple[float, float] | None = None
    kind: Kind
    source: str | list[str]
    note: str = ""
    title: str = ""

    @model_validator(mode="after")
    def _range_holds_value(self) -> ValueFile:
        if not math.isfinite(self.value):
            raise ValueError("a finite number")
        if self.range is not None and not self.range[0] <= self.value <= self.range[1]:
            raise ValueError(f"a range that holds the value {self.value:g}")
        return self


class ColumnFile(_File):
    """One column: its unit, what it means, and a value for rows that state none."""

    unit: str
    title: str
    every: ValueFile | None = None


class TableFile(_File):
    """A file of ``data/technology``; several files may add rows to table ``constant``."""

    schema_version: Literal[1]
    table: str
    title: str
    columns: dict[str, ColumnFile] = Field(default_factory=dict)
    rows: dict[str, dict[str, Any]] = Field(min_length=1)


class SourceFile(_File):
    """One source."""

    title: str = Field(min_length=1)
    url: str = ""
    note: str = ""


class SourcesFile(_File):
    """The file ``data/sources.yaml``."""

    schema_version: Literal[1]
    sources: dict[str, SourceFile]


@dataclass
class _Draft:
    """A table while its files are read."""

    title: str
    columns: dict[str, ColumnFile]
    rows: list[str] = field(default_factory=list)
    titles: list[str] = field(default_factory=list)
    aliases: dict[str, str] = field(default_factory=dict)
    entries: dict[tuple[str, str], Value] = field(default_factory=dict)


@lru_cache(maxsize=8)
def load_technology(folder: Path | None = None) -> Technology:
    """All tables of a folder (the shipped ones by default); read once per process.

    Parameters
    ----------
    folder : Path, optional
        Holds ``technology/*.yaml`` and ``sources.yaml``.

    Raises
    ------
    DataError
        Unknown key or unit, missing value, source that does not resolve, range that does not
        hold its value: one line with file, line and key path.

    Examples
    --------
    >>> technology = load_technology()
    >>> technology.entry("node", "n5", "voltage_nominal").unit
    'V'
    >>> all(value.source for _, _, _, value in technology.entries())
    True
    """
    root = folder or DATA
    sources = _load_sources(root / "sources.yaml")
    drafts: dict[str, _Draft] = {}
    files = sorted((root / "technology").glob("*.yaml"))
    if not files:
        raise DataError("no technology tables", file=root / "technology", expected="*.yaml files")
    for path in files:
        _read_table(read_document(path), drafts, sources)
    return with_derived(
        Technology({name: _finish(draft) for name, draft in drafts.items()}, sources)
    )


def _load_sources(path: Path) -> dict[str, Source]:
    document = read_document(path)
    parsed = document.validate(SourcesFile)
    return {
        key: Source(key, item.title, item.url, item.note) for key, item in parsed.sources.items()
    }


def _read_table(document: Document, drafts: dict[str, _Draft], sources: dict[str, Source]) -> None:
    """Add the rows of one file to the table that it names."""
    parsed = document.validate(TableFile)
    single = parsed.table == CONSTANT
    if single == bool(parsed.columns):
        document.fail(("columns",), f"table {parsed.table!r} with{'' if single else 'out'} columns")
    if parsed.table in drafts and not single:
        document.fail(("table",), f"table {parsed.table!r} is in another file too")
    draft = drafts.setdefault(parsed.table, _Draft(parsed.title, parsed.columns))
    for row, content in parsed.rows.items():
        at: KeyPath = ("rows", row)
        if row in draft.rows or row in draft.aliases:
            document.fail(at, f"row {row!r} stated twice")
        draft.rows.append(row)
        if single:
            value = document.validate(ValueFile, content, at)
            draft.titles.append(value.title)
            draft.entries[row, SINGLE] = _value(document, at, value, value.unit, sources)
            continue
        draft.titles.append(str(content.get("title", row)))
        draft.aliases |= dict.fromkeys(content.get("aliases", ()), row)
        if not content.get("absent", False):
            _read_row(document, draft, row, content, sources)


def _read_row(
    document: Document,
    draft: _Draft,
    row: str,
    content: dict[str, Any],
    sources: dict[str, Source],
) -> None:
    """Fill a row: every column has a value here or the column's common one."""
    at: KeyPath = ("rows", row)
    for key in content:
        if key not in (*draft.columns, "title", "aliases", "absent"):
            document.fail(
                (*at, key), f"unknown column {key!r}", suggestions=nearest(key, draft.columns)
            )
    for name, column in draft.columns.items():
        if name in content:
            where: KeyPath = (*at, name)
            value = document.validate(ValueFile, content[name], where)
        elif column.every is not None:
            where, value = ("columns", name, "every"), column.every
        else:
            document.fail(at, f"no value for column {name!r}", next_step="add one, with its source")
        unit = value.unit or column.unit
        draft.entries[row, name] = _value(document, where, value, unit, sources)
        if not same_dimension(unit, column.unit):
            document.fail((*where, "unit"), f"unit {unit!r}", expected=f"one like {column.unit!r}")


def _value(
    document: Document, at: KeyPath, value: ValueFile, unit: str, sources: dict[str, Source]
) -> Value:
    """Convert to SI and check the sources."""
    if not unit:
        document.fail(at, "no unit", expected="a unit, 1 for a pure number")
    keys = (value.source,) if isinstance(value.source, str) else tuple(value.source)
    for key in keys:
        if key not in sources:
            document.fail(
                (*at, "source"),
                f"unknown source {key!r}",
                suggestions=nearest(key, sources),
                next_step="add it to sources.yaml",
            )
    try:
        bounds = value.range
        return Value(
            value=value.value,
            unit=unit,
            si=to_si(value.value, unit),
            range=bounds,
            range_si=None if bounds is None else (to_si(bounds[0], unit), to_si(bounds[1], unit)),
            kind=value.kind,
            source=keys,
            note=value.note,
            file=Path(document.path).name,
            line=document.line(at),
        )
    except ConfigError as problem:
        document.fail((*at, "unit"), problem.found, suggestions=problem.suggestions)


def _finish(draft: _Draft) -> Table:
    """Columns as tensors; rows of absent parts are zero."""
    names = list(draft.columns) or [SINGLE]
    columns = {
        name: torch.tensor(
            [
                draft.entries[row, name].si if (row, name) in draft.entries else 0.0
                for row in draft.rows
            ],
            dtype=torch.float64,
        )
        for name in names
    }
    units = {name: column.unit for name, column in draft.columns.items()}
    if "voltage_nominal" in columns:
        columns[DERIVED_COLUMN] = torch.zeros_like(columns["voltage_nominal"])
        units[DERIVED_COLUMN] = "V"
    numbers = {name: index for index, name in enumerate(draft.rows)}
    numbers |= {alias: numbers[name] for alias, name in draft.aliases.items()}
    return Table(
        title=draft.title,
        rows=tuple(draft.rows),
        titles=tuple(draft.titles),
        numbers=numbers,
        columns=columns,
        units=units,
        entries=draft.entries,
    )
