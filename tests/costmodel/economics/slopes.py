"""Reverse-mode slopes against central differences."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def worst_slope_error(function: Callable[..., Tensor], point: dict[str, float]) -> float:
    """Largest ``|AD - FD| / (|FD| + 1e-9)`` over the named variables of a scalar function."""
    leaves = {
        name: torch.tensor(value, dtype=torch.float64, requires_grad=True)
        for name, value in point.items()
    }
    slopes = torch.autograd.grad(function(**leaves), list(leaves.values()))
    worst = 0.0
    for (name, value), slope in zip(point.items(), slopes, strict=True):
        step = 1e-4 * abs(value)

        def at(shift: float, name: str = name, value: float = value) -> float:
            moved = point | {name: value + shift}
            with torch.no_grad():
                leaves = {k: torch.tensor(v, dtype=torch.float64) for k, v in moved.items()}
                return float(function(**leaves))

        # Fourth order, so that a step large enough for the round-off is small enough.
        difference = (8.0 * (at(step) - at(-step)) - (at(2 * step) - at(-2 * step))) / (12 * step)
        worst = max(worst, abs(float(slope) - difference) / (abs(difference) + 1e-9))
    return worst
