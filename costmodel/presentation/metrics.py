"""What the results of an evaluation show to a person: metrics, limits, where it goes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import torch
from torch import Tensor

from costmodel.metrics import METRICS, Breakdown, Metrics
from costmodel.presentation.batches import batch, columns, numbers, quantities
from costmodel.presentation.quantities import percent, words
from costmodel.presentation.sheets import Page, Sheet

BETTER = {"minimize": "lower", "maximize": "higher"}
SMALLEST_EXCESS = 5e-4
"""What would round to nothing is said in words, since its sign decides."""
PARTS = 12
"""Largest parts of a breakdown that are shown."""

Cells = tuple[str, ...]


def metrics_page(metrics: Metrics, definitions: bool = False) -> Page:
    """Every metric with its unit and better direction, then every limit.

    Parameters
    ----------
    metrics : Metrics
        Of any batch shape; large batches are summarised.
    definitions : bool
        Whether to say what each metric means.
    """
    shape = metrics.violations.shape[:-1]
    rows = []
    for name, spec in METRICS.items():
        if name not in metrics.values:
            continue
        own: Cells = (spec.title, name, *quantities(metrics[name], shape, spec.unit))
        rows.append((*own, BETTER[spec.direction], *([spec.definition] if definitions else [])))
    headings = ("metric", "name", *columns(shape), "better", *(["meaning"] * definitions))
    values = Sheet(tuple(rows), headings, align="ll" + "r" * len(columns(shape)) + "l")
    split = ", ".join(f"{name} [{item.unit}]" for name, item in metrics.breakdowns.items())
    notes = (f"breakdowns: {split}",) if split else ()
    return Page(
        f"Metrics of {batch(shape)}: {verdict(metrics)}",
        (),
        (values, _limits(metrics, shape)),
        notes,
    )


def verdict(metrics: Metrics) -> str:
    """Whether every limit holds, in words."""
    feasible = metrics.feasible
    if feasible.dim():
        return f"{int(feasible.sum()):,} of {feasible.numel():,} meet every limit"
    if bool(feasible):
        return "meets every limit"
    broken = zip(metrics.violation_names, metrics.violations.tolist(), strict=True)
    return "misses " + ", ".join(words(name) for name, value in broken if value > 0)


def _limits(metrics: Metrics, shape: Sequence[int]) -> Sheet:
    """Signed violations as shares of their limits; of a batch, how many designs meet each."""
    rows = []
    for column, name in enumerate(metrics.violation_names):
        value = metrics.violations[..., column].detach()
        held = value <= 0
        mark = "✓" if bool(held.all()) else "✗"
        share = (percent(float(held.double().mean())),) if shape else ()
        rows.append((f"{mark} {words(name)}", *share, *numbers(value, shape, excess)))
    headings = ("limit or rule", *(["met by"] if shape else []), *columns(shape))
    return Sheet(tuple(rows), headings, "excess over the limit, at most 0 is met", "lr")


def excess(value: float) -> str:
    """A violation as a share of its limit, with its sign."""
    if math.isinf(value):
        return "∞"
    if abs(value) < SMALLEST_EXCESS:
        return "0 %" if value == 0.0 else "just under" if value < 0.0 else "just over"
    return f"{100.0 * value:+.1f} %"


def breakdown_page(breakdown: Breakdown) -> Page:
    """The largest parts of a quantity."""
    axes = len(breakdown.labels)
    shape = breakdown.values.shape[: breakdown.values.dim() - axes]
    flat = breakdown.values.detach().reshape(*shape, -1)
    sizes = flat.reshape(-1, flat.shape[-1]).abs().amax(0)
    order = torch.argsort(sizes, descending=True, stable=True)[:PARTS].tolist()
    labels = list(product(*breakdown.labels))
    rows = tuple(_part(labels[place], flat[..., place], shape, breakdown.unit) for place in order)
    extent = " x ".join(str(len(names)) for names in breakdown.labels)
    left = len(labels) - len(rows)
    notes = (f"and {left} smaller parts",) if left else ()
    sheet = Sheet(rows, ("part", *columns(shape)), align="lr")
    return Page(
        f"Breakdown [{breakdown.unit}] of {batch(shape)}, {extent} parts", (), (sheet,), notes
    )


def _part(labels: Sequence[str], value: Tensor, shape: Sequence[int], unit: str) -> Cells:
    return (" / ".join(map(words, labels)), *quantities(value, shape, unit))
