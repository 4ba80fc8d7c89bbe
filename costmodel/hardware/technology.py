"""Technology: every physical number of the model, each with unit, range, kind and source.

A `Technology` is a set of tables (``node``, ``memory``, ``link`` ...). A table has named rows and
columns of float64 in unprefixed SI. Designs hold row numbers; the model reads a column at those
rows with `Technology.at`. Table ``constant`` holds single values. Opening the files is the
loader's work (`costmodel.hardware.loading`); nothing here reads a file.
"""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from costmodel.errors import DataError, nearest
from costmodel.hardware.voltage import DERIVED_COLUMN, threshold_voltage

KINDS = ("measured", "datasheet", "published", "estimated", "assumed", "derived", "fitted")
"""How a number is known, roughly from the firmest to the softest."""
CONSTANT = "constant"
SINGLE = "value"
"""The one column of table ``constant``."""
TAIL = 1.6448536269514722
"""Standard normal quantile of 0.95: a range is read as the 5 to 95 % interval."""


@dataclass(frozen=True)
class Value:
    """One number as its file states it, and in SI."""

    value: float  # in `unit`
    unit: str
    si: float
    range: tuple[float, float] | None  # in `unit`
    range_si: tuple[float, float] | None
    kind: str
    source: tuple[str, ...]
    note: str = ""
    file: str = ""
    line: int = 0


@dataclass(frozen=True)
class Source:
    """Where numbers come from."""

    key: str
    title: str
    url: str = ""
    note: str = ""


@dataclass(frozen=True, repr=False)
class Table:
    """Rows and columns of one subject; columns are ``[rows]`` or, sampled, ``[S,1,rows]``."""

    title: str
    rows: tuple[str, ...]
    titles: tuple[str, ...]
    numbers: Mapping[str, int]  # row numbers by name and by alias
    columns: Mapping[str, Tensor]
    units: Mapping[str, str]
    entries: Mapping[tuple[str, str], Value]

    def __repr__(self) -> str:
        from costmodel.presentation.hardware import table_page

        return table_page(self).text()

    def _repr_html_(self) -> str:
        from costmodel.presentation.hardware import table_page

        return table_page(self).html()


@dataclass(frozen=True, repr=False)
class Technology:
    """All tables, and the sources they cite.

    >>> from costmodel import load_technology
    >>> technology = load_technology()
    >>> row = torch.tensor([technology.row("memory", "hbm3_8h")])
    >>> technology.at("memory", "capacity", row)  # 8 layers of 16 Gbit [byte]
    tensor([1.6000e+10], dtype=torch.float64)
    >>> entry = technology.entry("memory", "hbm3_8h", "capacity")
    >>> entry.value, entry.unit
    (16.0, 'GB')
    >>> cheaper = technology.replace("memory", "hbm3_8h", "price_per_byte", 5e-9)  # [USD/byte]
    >>> cheaper.at("memory", "price_per_byte", row) < technology.at("memory", "price_per_byte", row)
    tensor([True])
    """

    tables: Mapping[str, Table]
    sources: Mapping[str, Source]
    samples: int = 0

    def __repr__(self) -> str:
        from costmodel.presentation.hardware import technology_page

        return technology_page(self).text()

    def _repr_html_(self) -> str:
        from costmodel.presentation.hardware import technology_page

        return technology_page(self).html()

    def table(self, name: str) -> Table:
        """A table by name."""
        if name not in self.tables:
            raise DataError(
                f"unknown table {name!r}",
                expected="one of " + ", ".join(sorted(self.tables)),
                suggestions=nearest(name, self.tables),
            )
        return self.tables[name]

    def at(self, table: str, column: str, row: Tensor) -> Tensor:
        """Read a column at the rows of a batch of designs.

        Parameters
        ----------
        table, column : str
        row : Tensor [*batch], int64
            Row numbers.

        Returns
        -------
        Tensor
            float64 ``[*batch]`` in SI; of a sampled technology ``[S,B]`` for rows ``()``,
            ``(B,)`` or ``(S,B)``.
        """
        values = self._column(table, column)
        if not self.samples:
            return values[row]
        shape = torch.broadcast_shapes(values.shape[:-1], row.shape)
        wide = values.expand(*shape, values.shape[-1])
        return wide.gather(-1, row.expand(shape).unsqueeze(-1)).squeeze(-1)

    def constant(self, name: str) -> Tensor:
        """A single value of table ``constant``: 0-dimensional, or ``[S,1]`` when sampled, SI."""
        return self._column(CONSTANT, SINGLE)[..., self.row(CONSTANT, name)]

    def row(self, table: str, name: str) -> int:
        """Row number of a name (or alias).

        Raises
        ------
        DataError
            Unknown name, with the nearest ones.
        """
        rows = self.table(table).numbers
        if name not in rows:
            close = nearest(name, rows)
            raise DataError(
                f"unknown {table} {name!r}",
                expected="" if close else "one of " + ", ".join(self.names(table)),
                suggestions=close,
            )
        return rows[name]

    def names(self, table: str) -> tuple[str, ...]:
        """Row names of a table, in row order, without aliases."""
        return self.table(table).rows

    def entry(self, table: str, row_name: str, column: str = SINGLE) -> Value:
        """One value as its file states it: unit, range, kind, source, note."""
        data = self.table(table)
        name = data.rows[self.row(table, row_name)]
        self._column(table, column)
        if (name, column) not in data.entries:
            raise DataError(f"{table} {name!r} is an absent part and has no {column!r}")
        return data.entries[name, column]

    def entries(self) -> Iterator[tuple[str, str, str, Value]]:
        """Every value: table, row, column, value. Rows of absent parts have none."""
        for table, data in self.tables.items():
            for (row, column), value in data.entries.items():
                yield table, row, column, value

    def sample(self, samples: int, seed: int) -> Technology:
        """Draw every ranged value `samples` times.

        Parameters
        ----------
        samples : int
            S [count].
        seed : int
            The draws of a value depend on its name and the seed alone, so that adding a value
            elsewhere leaves them as they are, and two designs meet the same draws.

        Returns
        -------
        Technology
            Columns ``[S,1,rows]``. A range is the 5 to 95 % interval of a two-sided log-normal
            (normal where a bound is not positive) whose median is the value; draws beyond the
            range are not made. A value without range, or one that was replaced, stays as it is.

        Examples
        --------
        >>> from costmodel import load_technology
        >>> drawn = load_technology().sample(100, seed=1).constant("yield_clustering")
        >>> low, high = load_technology().entry("constant", "yield_clustering").range_si
        >>> drawn.shape, bool(((low <= drawn) & (drawn <= high)).all())
        (torch.Size([100, 1]), True)
        """
        if self.samples:
            raise DataError(
                "a sampled technology cannot be sampled again", next_step="sample the original"
            )
        tables = {}
        for name, data in self.tables.items():
            columns = {}
            for column, values in data.columns.items():
                drawn = values.reshape(1, 1, -1).repeat(samples, 1, 1)
                for index, row in enumerate(data.rows):
                    value = data.entries.get((row, column))
                    if value is None or value.range_si is None:
                        continue
                    if float(values[index]) != value.si:  # replaced: a what-if is certain
                        continue
                    drawn[:, 0, index] = _draw(value, samples, seed, f"{name}.{row}.{column}")
                columns[column] = drawn
            tables[name] = dataclasses.replace(data, columns=columns)
        return with_derived(dataclasses.replace(self, tables=tables, samples=samples))

    def replace(self, table: str, row_name: str, column: str, value: float | Tensor) -> Technology:
        """The same technology with one number changed [SI], for what-if and sensitivity.

        Numbers derived from it follow; `entry` keeps what the file says. A 0-dimensional tensor
        may require gradients.
        """
        data = self.table(table)
        index = self.row(table, row_name)
        old = self._column(table, column)
        if table == "node" and column == DERIVED_COLUMN:
            raise DataError(
                f"node column {column!r} is derived", next_step="change what it is derived from"
            )
        mask = torch.arange(len(data.rows)) == index
        new = torch.where(mask, torch.as_tensor(value, dtype=torch.float64), old)
        columns = {**data.columns, column: new}
        tables = {**self.tables, table: dataclasses.replace(data, columns=columns)}
        return with_derived(dataclasses.replace(self, tables=tables), changed=table)

    def citations(self, keys: Iterable[str] | None = None) -> tuple[Source, ...]:
        """Sources of the given keys, or of every value, sorted by key."""
        if keys is None:
            keys = (key for _, _, _, value in self.entries() for key in value.source)
        return tuple(self.sources[key] for key in sorted(set(keys)))

    def _column(self, table: str, column: str) -> Tensor:
        columns = self.table(table).columns
        if column not in columns:
            raise DataError(
                f"table {table!r} has no column {column!r}",
                suggestions=nearest(column, columns),
                expected="one of " + ", ".join(columns),
            )
        return columns[column]


def with_derived(technology: Technology, changed: str = "node") -> Technology:
    """Recompute the columns that follow from others (the threshold voltage of each node)."""
    if "node" not in technology.tables or changed not in ("node", CONSTANT):
        return technology
    node = technology.tables["node"]
    columns = {
        **node.columns,
        DERIVED_COLUMN: threshold_voltage(
            node.columns["voltage_nominal"],
            node.columns["energy_iso_speed"],
            node.columns["speed_iso_power"],
            technology.constant("velocity_saturation_exponent").unsqueeze(-1),
            technology.constant("threshold_voltage_default").unsqueeze(-1),
        ),
    }
    tables = {**technology.tables, "node": dataclasses.replace(node, columns=columns)}
    return dataclasses.replace(technology, tables=tables)


def _draw(value: Value, samples: int, seed: int, name: str) -> Tensor:
    """Draws ``[S]`` of one ranged value, within its range [SI]."""
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    # Standard normal truncated to the range, in units in which a bound is 1.
    uniform = 0.05 + 0.9 * generator.random(samples)
    normal = torch.special.ndtri(torch.from_numpy(uniform)) / TAIL
    assert value.range_si is not None
    low, high = value.range_si
    if low > 0:
        log_low, log_high = np.log(value.si / low), np.log(high / value.si)
        drawn = value.si * torch.exp(torch.where(normal < 0, normal * log_low, normal * log_high))
    else:
        below, above = value.si - low, high - value.si
        drawn = value.si + torch.where(normal < 0, normal * below, normal * above)
    return drawn.clamp(low, high)
