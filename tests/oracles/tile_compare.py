"""The closed forms and the walks on the same random cases, side by side."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.timing.class_sum import class_sum
from costmodel.timing.mapping import ORDERS, Mapping, Product
from costmodel.timing.traffic import Traffic, traffic
from tests.oracles import tile_walk
from tests.oracles.cases import tile_case, tile_costs
from tests.oracles.tile_walk import Case, Costs


@dataclass(frozen=True)
class TileCases:
    """Drawn cases for the walk, and the same as tensors ``[cases,1,1]`` for the closed form."""

    walks: list[tuple[Case, Costs, float]]
    product: Product
    mapping: Mapping
    costs: list[Tensor]
    compute: Tensor
    exponent: Tensor


def tensors(rows: list[list[float]]) -> list[Tensor]:
    """Columns of a table of numbers as leaves ``[cases,1,1]``."""
    table = torch.tensor(rows, dtype=torch.float64)
    return [column.reshape(-1, 1, 1) for column in table.unbind(1)]


def tile_cases(count: int, seed: int) -> TileCases:
    """Draw cases."""
    generator = random.Random(seed)
    walks, numbers, eight = [], [], []
    for number in range(count):
        case = tile_case(generator, number)
        costs, compute, exponent = tile_costs(generator)
        walks.append((case, costs, exponent))
        eight.append(compute)
        numbers.append(
            [
                *(case.size[d] for d in "mnk"), *(case.block[d] for d in "mnk"),
                ORDERS.index(case.order), case.hold, exponent,
                costs.read_a, costs.read_b, costs.read_partial, costs.write, costs.write_partial,
            ]
        )  # fmt: skip
    m, n, k, m2, n2, k2, order, hold, exponent_, *costs_ = tensors(numbers)
    one = torch.ones_like(m)
    return TileCases(
        walks,
        Product(m, n, k),
        Mapping(m2, n2, one, m2, n2, k2, order, hold),
        costs_,
        torch.tensor(eight, dtype=torch.float64).reshape(-1, 1, 1, 8),
        exponent_,
    )


def kinds_seen(cases: TileCases) -> tuple[int, int]:
    """Combinations of order, trips (1, 2, 3, more) and edges: drawn, and in all."""
    seen = set()
    for case, _, _ in cases.walks:
        trips = [-(-case.size[d] // case.block[d]) for d in "mnk"]
        edges = [case.size[d] % case.block[d] > 0 for d in "mnk"]
        seen.add((case.order, *(min(trip, 4) for trip in trips), *edges))
    return len(seen), len(ORDERS) * (4 * 2) ** 3


def class_sum_error(cases: TileCases, step: str) -> dict[str, float]:
    """Largest relative error of each figure of the class-sum against the walk."""
    read_a, read_b, read_partial, write, write_partial = cases.costs
    found = class_sum(
        cases.product, cases.mapping, read_a, read_b, read_partial, write, write_partial,
        cases.compute, cases.exponent, step,
    )  # fmt: skip
    worst: dict[str, float] = dict.fromkeys(("total", "head", "tail", "memory", "compute"), 0.0)
    values = {name: getattr(found, name).flatten().tolist() for name in worst}
    for number, (case, costs, exponent) in enumerate(cases.walks):
        right = tile_walk.seconds(case, costs, exponent, step)
        for name in worst:
            expected = getattr(right, name)
            error = abs(values[name][number] - expected) / max(expected, 1e-30)
            worst[name] = max(worst[name], error)
    return worst


def traffic_error(cases: TileCases) -> float:
    """Largest difference in words of any operand of any case."""
    found: Traffic = traffic(cases.product, cases.mapping)
    names = ("a", "b", "partial_read", "partial_write", "output")
    values = {name: getattr(found, name).flatten().tolist() for name in names}
    worst = 0.0
    for number, (case, _, _) in enumerate(cases.walks):
        right = tile_walk.words(case)
        for name in names:
            worst = max(worst, abs(float(values[name][number]) - getattr(right, name)))
    return worst
