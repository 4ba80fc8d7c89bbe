"""Words of nested loops in closed form and by the walk, on the same random cases."""

from __future__ import annotations

import random

from costmodel.timing.mapping import ORDERS, Mapping
from costmodel.timing.nested import Inner, nested_traffic
from tests.oracles.nested_walk import nested_words
from tests.oracles.tile_walk import Case
from tests.oracles.wave_compare import product_of, scalar


def draw(generator: random.Random, number: int) -> tuple[Case, dict[str, int], str]:
    """A GEMM of at most a few hundred tiles; edges inside edges are common."""
    block, size, tile = {}, {}, {}
    for d in "mnk":
        block[d] = generator.choice((1, 2, 5, 8, 12))
        size[d] = generator.randint(1, block[d] * generator.choice((1, 2, 3)))
        tile[d] = generator.choice((1, 2, 3, 4, 8, 12, 20))
    case = Case(size, block, ORDERS[number % 6])
    return case, tile, ORDERS[(number // 6) % 6]


def nested_difference(count: int, seed: int) -> float:
    """Largest difference in words of any operand."""
    generator = random.Random(seed)
    worst = 0.0
    for number in range(count):
        case, tile, order = draw(generator, number)
        one = scalar(1)
        block_rows, block_columns, block_depth = (scalar(case.block[d]) for d in "mnk")
        mapping = Mapping(
            one, one, one, block_rows, block_columns, block_depth,
            scalar(ORDERS.index(case.order)), one,
        )  # fmt: skip
        rows, columns, depth = (scalar(tile[d]) for d in "mnk")
        inner = Inner(rows, columns, depth, scalar(ORDERS.index(order)))
        found = nested_traffic(product_of(case.size), mapping, inner)
        right = nested_words(case, tile, order)
        for name in vars(right):
            worst = max(worst, abs(getattr(found, name).item() - getattr(right, name)))
    return worst
