"""Two machines beside each other: where the time, energy, area and money of a token go.

Machines differ in batch, in packages and in steps, so time and energy are counted for one
generated token of the whole service: then the bars of two machines can be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from costmodel.evaluate import busy_seconds
from costmodel.hardware.system import Designs
from costmodel.metrics import Breakdown, Metrics
from costmodel.workload.operators import Workload
from search.breakdown import TITLES, shared_busy_time
from search.report.content import Array, Bars

MOST_OPERATORS = 9
"""Operators named in a bar; the smaller ones are summed."""
PER_TOKEN = {
    "time by component": (
        "Package-time for a generated token, by component", "s",
        "Each operator's time is shared among its components by how long each is busy; most of "
        "that happens at once.",
    ),
    "time by operator": ("Package-time for a generated token, by operator", "s", ""),
    "energy by component": (
        "Energy of a generated token, by component", "J",
        "Energy that operators move: without leakage, clock, idle power, host and losses.",
    ),
    "energy by operator": ("Energy of a generated token, by operator", "J", ""),
}  # fmt: skip


@dataclass(frozen=True)
class Contender:
    """A machine as it is deployed, with everything that the model says of it."""

    name: str
    designs: Designs
    metrics: Metrics


def bars_beside(contenders: Sequence[Contender], workload: Workload) -> dict[str, Bars]:
    """Bars of several machines, one under the other.

    Parameters
    ----------
    contenders : sequence of Contender
        Of batch ``()``.
    workload : Workload
        That all of them serve.

    Returns
    -------
    dict of str to Bars
        Time and energy of a generated token by component and by operator, then power, area and
        money of a package; rows are machines, or a machine's pools and phases.
    """
    rows: dict[str, list[tuple[str, tuple[str, ...], Array]]] = {}
    for contender in contenders:
        for title, pool in _pools(contender):
            for name, entry in _spent(contender, title, pool, workload):
                rows.setdefault(name, []).append(entry)
    bars = {
        name: _join(title, unit, rows[name], note)
        for name, (title, unit, note) in PER_TOKEN.items()
    }
    for name, title in TITLES.items():
        stacks = [
            row
            for contender in contenders
            for label, pool in _pools(contender)
            for row in _rows(label, pool.breakdowns[name])
        ]
        unit = contenders[0].metrics.breakdowns[_first(contenders[0].metrics, name)].unit
        bars[name] = _join(title, unit, stacks, "")
    return bars


@dataclass(frozen=True)
class _Pool:
    index: int
    breakdowns: dict[str, Breakdown]


def _pools(contender: Contender) -> list[tuple[str, _Pool]]:
    """Label and breakdowns of each pool of a machine."""
    prefixes = dict.fromkeys(name.rpartition(".")[0] for name in contender.metrics.breakdowns)
    found = []
    for index, prefix in enumerate(prefixes):
        start = f"{prefix}." if prefix else ""
        breakdowns = {
            name.removeprefix(start): item
            for name, item in contender.metrics.breakdowns.items()
            if name.rpartition(".")[0] == prefix
        }
        role = prefix.partition(".")[2]
        found.append((f"{contender.name} {role}".strip(), _Pool(index, breakdowns)))
    return found


def _first(metrics: Metrics, name: str) -> str:
    return next(key for key in metrics.breakdowns if key.rpartition(".")[2] == name)


def _spent(
    contender: Contender, title: str, pool: _Pool, workload: Workload
) -> list[tuple[str, tuple[str, tuple[str, ...], Array]]]:
    """Time and energy of a generated token by phase, as rows of the four bars."""
    latency, busy, energy = (pool.breakdowns[name] for name in ("latency", "time", "energy"))
    points, operators = latency.labels
    factors = _per_token(contender.designs, pool.index, points, workload)
    time = shared_busy_time(latency, busy) * factors[:, None, None]
    joules = _array(energy) * factors[:, None, None]
    entries = []
    for phase in dict.fromkeys(point.rpartition("/")[2] for point in points):
        chosen = [index for index, point in enumerate(points) if point.endswith(phase)]
        row = f"{title}, {phase}"
        for name, values, parts in (
            ("time", time, busy.labels[2]),
            ("energy", joules, energy.labels[2]),
        ):
            table = values[chosen].sum(0)
            entries.append((f"{name} by component", (row, parts, table.sum(0))))
            entries.append((f"{name} by operator", (row, operators, table.sum(1))))
    return entries


def _per_token(designs: Designs, index: int, points: tuple[str, ...], workload: Workload) -> Array:
    """Steps of one package times packages, for one generated token, by point ``[P]`` [1]."""
    pool = designs.pools[index]
    ones = torch.ones(len(points), dtype=torch.float64)
    steps = busy_seconds(workload, pool, ones, points).reshape(-1)
    packages = float(pool.deployment.tensor_parallel * pool.deployment.pipeline_parallel)
    requests = workload.scenario.requests
    tokens = sum(request.weight * request.generated_tokens for request in requests)
    factors: Array = steps.numpy() * packages / tokens
    return factors


def _rows(label: str, item: Breakdown) -> list[tuple[str, tuple[str, ...], Array]]:
    values = _array(item)
    if len(item.labels) == 1:
        return [(label, item.labels[0], values)]
    names = _short(item.labels[0])
    return [
        (f"{label}, {name}", item.labels[1], row) for name, row in zip(names, values, strict=True)
    ]


def _short(points: tuple[str, ...]) -> tuple[str, ...]:
    """Points by their phase alone when there is one kind of request."""
    kinds = {point.rpartition("/")[0] for point in points}
    return tuple(point.rpartition("/")[2] for point in points) if len(kinds) == 1 else points


def _join(
    title: str, unit: str, rows: Sequence[tuple[str, tuple[str, ...], Array]], note: str
) -> Bars:
    """One table of all rows; the parts in order of size when there are many."""
    parts = tuple(dict.fromkeys(part for _, names, _ in rows for part in names))
    values = np.zeros((len(rows), len(parts)))
    for number, (_, names, row) in enumerate(rows):
        for name, value in zip(names, row, strict=True):
            values[number, parts.index(name)] += value
    if title.endswith("by operator"):
        parts, values = _largest(parts, values, MOST_OPERATORS)
    return Bars(title, unit, tuple(label for label, _, _ in rows), parts, values, note)


def _largest(parts: tuple[str, ...], values: Array, count: int) -> tuple[tuple[str, ...], Array]:
    order = np.argsort(-values.max(0), kind="stable")
    names = tuple(parts[index] for index in order)
    if len(parts) <= count:
        return names, values[:, order]
    rest = values[:, order[count:]].sum(1, keepdims=True)
    return (*names[:count], "others"), np.hstack([values[:, order[:count]], rest])


def _array(item: Breakdown) -> Array:
    values: Array = item.values.detach().numpy()
    return values
