"""How well founded a design's figures are: what they rest on, and how far they reach.

Two answers for each design put forward. *Elasticities*: by how many per cent a metric moves when
one number of the technology tables moves by one per cent, all of them from one backward pass; the
share carried by numbers of kind ``assumed`` is the share that rests on assumptions.
*Extrapolation*: how many doublings the design lies outside what the known chips span.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.technology import SINGLE, Technology, Value, with_derived

SMALLEST_ELASTICITY = 1e-6
"""Below this a number does not matter to a metric."""


@dataclass(frozen=True)
class Influence:
    """One number of the tables and the elasticity of a metric to it [1]."""

    table: str
    row: str
    column: str
    value: Value
    elasticity: float

    @property
    def name(self) -> str:
        """Where the number stands, e.g. ``node n3p wafer_price``."""
        parts = (self.row,) if self.column == SINGLE else (self.table, self.row, self.column)
        return " ".join(parts)

    @property
    def swing(self) -> float:
        """Relative change of the metric over the number's range; 0 without a range."""
        bounds = self.value.range_si
        if bounds is None or self.value.si == 0.0:
            return 0.0
        return abs(self.elasticity) * (bounds[1] - bounds[0]) / abs(self.value.si)


def elasticities(
    evaluate: Callable[[Technology], Mapping[str, Tensor]],
    technology: Technology,
    metrics: Sequence[str],
) -> dict[str, tuple[Influence, ...]]:
    """Elasticity of metrics of one design to every number of the technology.

    Parameters
    ----------
    evaluate : callable
        From a technology to named metrics of batch ``()``.
    technology : Technology
        Not sampled.
    metrics : sequence of str
        Metrics to differentiate.

    Returns
    -------
    dict of str to tuple of Influence
        For each metric, the numbers that matter, the most influential first; none for a metric
        that no number of the tables moves, such as a count of packages.
    """
    live, leaves = _with_leaves(technology)
    values = evaluate(live)
    found: dict[str, tuple[Influence, ...]] = {}
    for name in metrics:
        if not values[name].requires_grad:
            found[name] = ()
            continue
        slopes = torch.autograd.grad(
            torch.log(values[name]), list(leaves.values()), allow_unused=True, retain_graph=True
        )
        found[name] = _influences(technology, dict(zip(leaves, slopes, strict=True)))
    return found


def _with_leaves(technology: Technology) -> tuple[Technology, dict[tuple[str, str], Tensor]]:
    """The same technology whose columns are leaves of a graph, and those leaves."""
    leaves = {}
    tables = {}
    for name, table in technology.tables.items():
        stated = {column for _, column in table.entries}
        columns = dict(table.columns)
        for column in stated & columns.keys():
            columns[column] = columns[column].detach().clone().requires_grad_()
            leaves[name, column] = columns[column]
        tables[name] = dataclasses.replace(table, columns=columns)
    return with_derived(dataclasses.replace(technology, tables=tables)), leaves


def _influences(
    technology: Technology, slopes: Mapping[tuple[str, str], Tensor | None]
) -> tuple[Influence, ...]:
    found = []
    for (name, column), slope in slopes.items():
        if slope is None:
            continue
        table = technology.tables[name]
        shares = torch.nan_to_num(slope * table.columns[column]).tolist()
        for row, share in zip(table.rows, shares, strict=True):
            value = table.entries.get((row, column))
            if value is not None and abs(share) > SMALLEST_ELASTICITY:
                found.append(Influence(name, row, column, value, share))
    return tuple(sorted(found, key=lambda item: -abs(item.elasticity)))


def assumed_share(influences: Iterable[Influence]) -> float:
    """Share of the total influence that numbers of kind ``assumed`` carry [1]."""
    sizes = [(abs(item.elasticity), item.value.kind == "assumed") for item in influences]
    total = sum(size for size, _ in sizes)
    return sum(size for size, assumed in sizes if assumed) / total if total else 0.0


def extrapolation(
    features: Mapping[str, float], known: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Doublings by which each feature lies outside the range of the known chips.

    Parameters
    ----------
    features : mapping of str to float
        Positive quantities of one design.
    known : sequence of mappings
        The same quantities of the chips that the model was checked on; a chip that lacks a
        feature (zero) says nothing about it.

    Returns
    -------
    dict of str to float
        Only what lies outside, the farthest first; their sum is the score of the design.
    """
    outside = {}
    for name, value in features.items():
        span = [chip[name] for chip in known if chip.get(name, 0.0) > 0.0]
        if not span or value <= 0.0:
            continue
        ratio = max(value / max(span), min(span) / value)
        if ratio > 1.0:
            outside[name] = float(torch.log2(torch.tensor(ratio, dtype=torch.float64)))
    return dict(sorted(outside.items(), key=lambda item: -item[1]))
