"""The space that is searched: flat, static, with one number per variable.

A design is a row of ``x [B, V]`` (float64). A variable with levels (a list, a stepped range, a
fixed value) holds the index of its level; a continuous one holds its value in the unit of its
name. `x` is all that crosses files, processes and samplers. Nothing here knows what a variable
means: `search.decoding` turns values into hardware.

Dimension letters: B designs, V variables, L levels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

QUANTUM = 2.0**-20
"""Continuous values are kept to this share of their span, so that equal designs have equal keys."""


@dataclass(frozen=True)
class Variable:
    """One coordinate of the space.

    Parameters
    ----------
    name : str
        As in the experiment, with its unit suffix.
    levels : tuple
        Values in the unit of the name, or names of a choice; empty for a continuous variable.
    numbers : tuple of float
        What a level means to the model: its value, or the row of a choice; empty if continuous.
    low, high : float
        Bounds of the value.
    ordered : bool
        Whether neighbouring levels are similar; false for choices by name.
    logarithmic : bool
        Whether a continuous range is covered evenly in the logarithm.
    relaxable : bool
        Whether the model has a slope for values between the levels.
    """

    name: str
    levels: tuple[Any, ...]
    numbers: tuple[float, ...]
    low: float
    high: float
    ordered: bool = True
    logarithmic: bool = False
    relaxable: bool = False

    @property
    def size(self) -> int:
        """Number of levels, 0 for a continuous variable."""
        return len(self.levels)

    @property
    def fixed(self) -> bool:
        """Whether there is only one value."""
        return self.size == 1 or (self.size == 0 and self.low == self.high)

    @property
    def upper(self) -> float:
        """Largest `x` of this variable."""
        return float(self.size - 1) if self.size else self.high

    @property
    def lower(self) -> float:
        """Smallest `x` of this variable."""
        return 0.0 if self.size else self.low

    def level(self, x: float) -> Any:
        """The value that a person reads for one coordinate."""
        return self.levels[round(x)] if self.size else x


Rule = Callable[["Space", Tensor], Tensor]
"""Gives a variable that another one switches off its canonical value: ``x [B,V] -> x [B,V]``."""


@dataclass(frozen=True, repr=False)
class Space:
    """Variables and the rules that make equal designs equal.

    >>> stacks = Variable("stacks", (4, 6, 8), (4.0, 6.0, 8.0), 4.0, 8.0)
    >>> voltage = Variable("voltage_V", (), (), 0.55, 0.9)
    >>> space = Space((stacks, voltage))
    >>> space.size, Space((stacks,)).size
    (inf, 3.0)
    >>> x = torch.tensor([[1.0, 0.7]], dtype=torch.float64)  # the second level, 0.7 V
    >>> space.values(x)
    tensor([[6.0000, 0.7000]], dtype=torch.float64)
    >>> space.describe([2.0, 0.55])
    {'stacks': 8, 'voltage_V': 0.55}
    """

    variables: tuple[Variable, ...]
    rules: tuple[Rule, ...] = ()
    _tables: dict[str, Tensor] = field(default_factory=dict, repr=False, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the variables, in the order of the columns of `x`."""
        return tuple(variable.name for variable in self.variables)

    @property
    def free(self) -> tuple[int, ...]:
        """Columns with more than one value."""
        return tuple(i for i, variable in enumerate(self.variables) if not variable.fixed)

    @property
    def relaxable(self) -> tuple[int, ...]:
        """Columns that a gradient may move."""
        return tuple(i for i in self.free if self.variables[i].relaxable)

    @property
    def size(self) -> float:
        """Number of designs; infinite with a continuous variable."""
        counts = [float(v.size) if v.size else float("inf") for v in self.variables if not v.fixed]
        return float(np.prod(counts)) if counts else 1.0

    def index(self, name: str) -> int | None:
        """Column of a variable, None when the space has none of that name."""
        return self.names.index(name) if name in self.names else None

    def bounds(self) -> Tensor:
        """Smallest and largest `x`, ``[2, V]``."""
        return torch.stack([self._column("lower"), self._column("upper")])

    def _column(self, attribute: str) -> Tensor:
        if attribute not in self._tables:
            numbers = [float(getattr(variable, attribute)) for variable in self.variables]
            self._tables[attribute] = torch.tensor(numbers, dtype=torch.float64)
        return self._tables[attribute]

    def _numbers(self) -> Tensor:
        """Meaning of each level ``[V, L]``, padded with the last one."""
        if "numbers" not in self._tables:
            width = max([2, *(variable.size for variable in self.variables)])
            rows = [
                [*v.numbers, *[v.numbers[-1]] * (width - v.size)] if v.size else [0.0] * width
                for v in self.variables
            ]
            self._tables["numbers"] = torch.tensor(rows, dtype=torch.float64)
        return self._tables["numbers"]

    def canonical(self, x: Tensor) -> Tensor:
        """Clip to the bounds, snap to levels, apply the rules: ``[B,V] -> [B,V]``."""
        low, high = self._column("lower"), self._column("upper")
        whole = self._column("size") > 0
        x = torch.minimum(torch.maximum(x, low), high)
        quantum = torch.where(high > low, (high - low) * QUANTUM, torch.ones_like(low))
        fine = torch.minimum(low + torch.round((x - low) / quantum) * quantum, high)
        x = torch.where(whole, torch.round(x), fine)
        for rule in self.rules:
            x = rule(self, x)
        return x

    def values(self, x: Tensor) -> Tensor:
        """Meaning of each coordinate ``[*batch,V]``; between two levels, their geometric mean.

        Only relaxable coordinates may stand between levels; others take the nearest one. Values
        of choices are rows of technology tables.
        """
        numbers = self._numbers()
        below = torch.minimum(torch.floor(x), self._column("size") - 2).clamp_min(0)
        share = x - below
        index = below.long().reshape(-1, len(self.variables)).T
        lower = torch.gather(numbers, 1, index).T.reshape(x.shape)
        upper = torch.gather(numbers, 1, index + 1).T.reshape(x.shape)
        nearest = torch.where(share >= 0.5, upper, lower)
        ratio = torch.where(lower > 0, upper / lower, torch.ones_like(lower))
        between = lower * torch.exp(share * torch.log(ratio.clamp_min(1e-300)))
        exact = (share == 0) | (share == 1) | ~self.relaxable_mask()
        return torch.where(self._column("size") > 0, torch.where(exact, nearest, between), x)

    def log_values(self, x: Tensor) -> Tensor:
        """Logarithm of the value of each relaxable coordinate ``[B,V]``, 0 elsewhere."""
        mask = self.relaxable_mask()
        return torch.where(mask, torch.log(self.values(x).clamp_min(1e-300)), torch.zeros_like(x))

    def from_log_values(self, x: Tensor, logs: Tensor) -> Tensor:
        """Inverse of `log_values`: `x` with its relaxable coordinates moved, within bounds."""
        result = x.clone()
        for i in self.relaxable:
            variable = self.variables[i]
            if variable.size:
                grid = torch.log(torch.tensor(variable.numbers, dtype=torch.float64))
                z = logs[..., i].clamp(float(grid[0]), float(grid[-1])).contiguous()
                below = (torch.searchsorted(grid, z, right=True) - 1).clamp(0, variable.size - 2)
                width = grid[below + 1] - grid[below]
                result[..., i] = below.to(x.dtype) + (z - grid[below]) / width
            else:
                result[..., i] = torch.exp(logs[..., i]).clamp(variable.low, variable.high)
        return result

    def relaxable_mask(self) -> Tensor:
        """Which columns a gradient may move ``[V]``."""
        chosen = set(self.relaxable)
        return torch.tensor([i in chosen for i in range(len(self.variables))])

    def from_unit(self, u: Tensor) -> Tensor:
        """Points of the unit cube of the free variables ``[B, F]`` as designs ``[B, V]``."""
        x = self._column("lower").expand(*u.shape[:-1], len(self.variables)).clone()
        for column, i in enumerate(self.free):
            variable, share = self.variables[i], u[..., column]
            if variable.size:
                x[..., i] = torch.floor(share * variable.size).clamp(0, variable.size - 1)
            elif variable.logarithmic:
                ratio = variable.high / variable.low
                x[..., i] = variable.low * torch.exp(share * float(np.log(ratio)))
            else:
                x[..., i] = variable.low + share * (variable.high - variable.low)
        return self.canonical(x)

    def neighbours(self, x: Tensor) -> Tensor:
        """All designs one step away from one design ``[V] -> [N, V]``, without itself."""
        rows = []
        for i in self.free:
            variable = self.variables[i]
            if not variable.size:
                step = (variable.high - variable.low) / 64
                targets = [float(x[i]) - step, float(x[i]) + step]
            elif variable.ordered:
                targets = [float(x[i]) - 1, float(x[i]) + 1]
            else:
                targets = [float(k) for k in range(variable.size)]
            for target in targets:
                row = x.clone()
                row[i] = target
                rows.append(row)
        if not rows:
            return x.new_zeros((0, len(self.variables)))
        moved: Tensor = torch.unique(self.canonical(torch.stack(rows)), dim=0)
        return moved[(moved != x).any(-1)]

    def __repr__(self) -> str:
        from search.notebook import space_page

        return space_page(self).text()

    def _repr_html_(self) -> str:
        from search.notebook import space_page

        return space_page(self).html()

    def describe(self, x: Sequence[float]) -> dict[str, Any]:
        """One design as a person reads it: name of each variable and its value."""
        return {v.name: v.level(float(c)) for v, c in zip(self.variables, x, strict=True)}

    def columns(self, x: np.ndarray) -> dict[str, np.ndarray]:
        """Designs ``[N, V]`` as named columns of values (numbers, or names of choices)."""
        table: dict[str, np.ndarray] = {}
        for i, variable in enumerate(self.variables):
            if variable.size:
                levels = np.asarray(variable.levels)
                table[variable.name] = levels[np.rint(x[:, i]).astype(np.int64)]
            else:
                table[variable.name] = x[:, i]
        return table

    def encode(self, columns: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
        """Inverse of `columns`: coordinates ``[N, V]`` and which rows lie in the space ``[N]``."""
        count = len(next(iter(columns.values()))) if columns else 0
        x = np.tile(self._column("lower").numpy(), (count, 1))
        inside = np.ones(count, dtype=bool)
        for i, variable in enumerate(self.variables):
            if variable.name not in columns:
                inside &= variable.fixed
            elif variable.size:
                found = columns[variable.name][:, None] == np.asarray(variable.levels)[None, :]
                inside &= found.any(1)
                x[:, i] = found.argmax(1)
            else:
                x[:, i] = columns[variable.name]
                inside &= (x[:, i] >= variable.low) & (x[:, i] <= variable.high)
        return x, inside


def keys(x: np.ndarray) -> np.ndarray:
    """A 64-bit key of each canonical design ``[N, V] -> [N]``, equal for equal designs.

    Different designs may share a key (about one pair in 10^7 at a million designs): whoever
    answers from a key compares the rows too.
    """
    bits = np.ascontiguousarray(x + 0.0).view(np.uint64)
    mixed = np.zeros(len(bits), dtype=np.uint64)
    for column in range(bits.shape[1]):
        mixed = (mixed ^ bits[:, column]) * np.uint64(0x9E3779B97F4A7C15)
        mixed ^= mixed >> np.uint64(29)
        mixed *= np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(32)
    return mixed
