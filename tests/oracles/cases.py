"""Random GEMMs and mappings, with the trip counts at which closed forms usually break."""

from __future__ import annotations

import random

from tests.oracles.tile_walk import Case, Costs

ORDERS = ("mnk", "nmk", "mkn", "kmn", "nkm", "knm")
TRIPS = (1, 1, 2, 2, 3, 3, 4, 5, 6, 17)
EXPONENTS = (1.0, 2.0, 3.7, 6.0, 20.0, float("inf"))


def size_and_block(generator: random.Random) -> tuple[int, int]:
    """A dimension and a block of it: a whole number of blocks, or an edge left over."""
    block = generator.choice((1, 2, 3, 7, 8, 16, 31, 64))
    trips = generator.choice(TRIPS)
    left_over = generator.choice((0, generator.randint(0, block - 1)))
    size = trips * block - left_over
    if trips == 1 and generator.random() < 0.3:
        block += generator.randint(0, 40)  # a block may be larger than the dimension
    return size, block


def tile_case(generator: random.Random, number: int) -> Case:
    """All orders and all holds come by turns, everything else is drawn."""
    pairs = {d: size_and_block(generator) for d in "mnk"}
    return Case(
        size={d: pair[0] for d, pair in pairs.items()},
        block={d: pair[1] for d, pair in pairs.items()},
        order=ORDERS[number % 6],
        hold=(number // 6) % 8,
    )


def tile_costs(generator: random.Random) -> tuple[Costs, list[float], float]:
    """Costs of a walk, the same as a list of the eight compute times, and an exponent.

    Memory and cores are equally often the slower; one cost in eight is zero.
    """

    def cost() -> float:
        return 0.0 if generator.random() < 0.125 else 10.0 ** generator.uniform(-12.0, -9.0)

    scale = 10.0 ** generator.uniform(-10.0, -6.0)
    compute = [scale * generator.uniform(0.05, 1.0) for _ in range(8)]
    if generator.random() < 0.05:
        compute = [0.0] * 8
    costs = Costs(
        read_a=cost(),
        read_b=cost(),
        read_partial=cost(),
        write=cost(),
        write_partial=cost(),
        compute=lambda step: compute[4 * step.edge[0] + 2 * step.edge[1] + step.edge[2]],
    )
    return costs, compute, generator.choice(EXPONENTS)
