"""Array cycles in closed form and by the walks, on the same random products."""

from __future__ import annotations

import random

import torch

from costmodel.timing.arrays import tile_cycles
from tests.costmodel.timing.machines import machine
from tests.oracles import systolic_walk
from tests.oracles.systolic_walk import DATAFLOWS, Matrix, multiply

LARGEST = 20
"""Dimensions of a drawn product: several folds of arrays of up to six by six."""


def matrix(generator: random.Random, rows: int, columns: int) -> Matrix:
    return [[generator.randint(-9, 9) for _ in range(columns)] for _ in range(rows)]


def closed_form(sizes: tuple[int, int, int], **machine_values: float) -> float:
    """Cycles of `tile_cycles` for sizes m, n, k."""
    m, n, k = (torch.tensor([[float(size)]], dtype=torch.float64) for size in sizes)
    return float(tile_cycles(machine(**machine_values), m, n, k).item())


def flags(dataflow: str) -> dict[str, float]:
    """Columns of the machine table for a dataflow."""
    return {
        "weight_stationary": float(dataflow == "weight stationary"),
        "input_stationary": float(dataflow == "input stationary"),
    }


def misses(count: int, seed: int) -> dict[str, int]:
    """Products whose cycles differ, by dataflow; a wrong product of a walk raises."""
    generator = random.Random(seed)
    wrong = dict.fromkeys([*DATAFLOWS, "tensor unit", "hidden fill"], 0)
    for _ in range(count):
        height, width = generator.randint(1, 6), generator.randint(1, 6)
        rate = generator.choice((1, 1, 2, 4))
        m, n, k = (generator.randint(1, LARGEST) for _ in range(3))
        sizes = (m, n, k)
        a, b = matrix(generator, m, k), matrix(generator, k, n)
        right = multiply(a, b)
        shape = {"rows": float(height), "columns": float(width), "rate": float(rate)}
        bare = {"arrays": 1.0, "hidden_fill": 0.0}
        for dataflow, walk in DATAFLOWS.items():
            run = walk(a, b, height, width, rate)
            if run.result != right:
                raise AssertionError(f"the walk of {dataflow} does not multiply")
            found = closed_form(sizes, **shape, **bare, **flags(dataflow))
            wrong[dataflow] += found != run.cycles
        deep = rate * generator.choice((1, 2, 4))
        run = systolic_walk.tensor_unit(a, b, height, width, rate, deep)
        if run.result != right:
            raise AssertionError("the walk of the tensor unit does not multiply")
        found = closed_form(
            sizes, **shape, **bare, **flags("output stationary"), instruction_depth=float(deep)
        )
        wrong["tensor unit"] += found != run.cycles
        arrays = generator.randint(1, 4)
        dataflow = generator.choice(list(DATAFLOWS))
        walked = systolic_walk.hidden_folds(sizes, (height, width, rate), arrays, dataflow)
        found = closed_form(
            sizes, **shape, **flags(dataflow), arrays=float(arrays), hidden_fill=1.0
        )
        wrong["hidden fill"] += found != walked
    return wrong
