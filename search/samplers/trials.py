"""Designs as Optuna parameters and back.

A list of numbers that is not evenly spaced becomes the number of its level (``array_level``), so
that Optuna's samplers still see its order; fixed variables are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import torch
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from torch import Tensor

from search.space import Space, Variable

LEVEL = "_level"


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """What Optuna samples, in the order of the variables."""
    return dict(_parameter(space.variables[column]) for column in space.free)


def _parameter(variable: Variable) -> tuple[str, BaseDistribution]:
    if not variable.size:
        log = variable.logarithmic
        return variable.name, FloatDistribution(variable.low, variable.high, log=log)
    if not variable.ordered:
        return variable.name, CategoricalDistribution([str(level) for level in variable.levels])
    step = _step(variable)
    if step:
        low, high = int(variable.numbers[0]), int(variable.numbers[-1])
        return variable.name, IntDistribution(low, high, step=step)
    return variable.name + LEVEL, IntDistribution(0, variable.size - 1)


def _step(variable: Variable) -> int:
    """Distance of the levels where they are whole and evenly spaced, else 0."""
    numbers = variable.numbers
    if any(number != int(number) for number in numbers):
        return 0
    gaps = {b - a for a, b in pairwise(numbers)}
    return int(gaps.pop()) if len(gaps) == 1 and min(gaps) > 0 else 0


def to_parameters(space: Space, x: Tensor) -> dict[str, Any]:
    """One design ``[V]`` as Optuna parameters."""
    parameters: dict[str, Any] = {}
    for column in space.free:
        variable = space.variables[column]
        name, distribution = _parameter(variable)
        level = variable.level(float(x[column]))
        if isinstance(distribution, CategoricalDistribution):
            parameters[name] = str(level)
        elif isinstance(distribution, IntDistribution):
            parameters[name] = round(float(x[column])) if name != variable.name else int(level)
        else:
            parameters[name] = float(level)
    return parameters


def from_parameters(space: Space, batch: list[Mapping[str, Any]]) -> Tensor:
    """Optuna parameters of several trials as designs ``[B,V]``."""
    rows = []
    for parameters in batch:
        row = []
        for variable in space.variables:
            if variable.fixed:
                row.append(variable.lower)
                continue
            name, distribution = _parameter(variable)
            value = parameters[name]
            if isinstance(distribution, CategoricalDistribution):
                row.append(float([str(level) for level in variable.levels].index(value)))
            elif isinstance(distribution, IntDistribution) and name == variable.name:
                row.append((value - distribution.low) / distribution.step)
            else:
                row.append(float(value))
        rows.append(row)
    return torch.tensor(rows, dtype=torch.float64)
