"""Waves in closed form and by the walk, on the same random blocks."""

from __future__ import annotations

import random
from itertools import pairwise

import torch
from torch import Tensor

from costmodel.timing.mapping import ORDERS, Product
from costmodel.timing.waves import Tiles, flat_waves, partition, shared_words
from tests.oracles.cases import size_and_block
from tests.oracles.core_walk import deal, elements, flat, grid, longest

OPERANDS = {"a": "mk", "b": "kn", "c": "mn"}


def scalar(value: float) -> Tensor:
    return torch.tensor(float(value), dtype=torch.float64)


def block_case(generator: random.Random) -> tuple[dict[str, int], dict[str, int]]:
    """Sizes and tiles of a block of at most a few thousand elements an operand."""
    while True:
        pairs = {d: size_and_block(generator) for d in "mnk"}
        size, tile = ({d: pair[i] for d, pair in pairs.items()} for i in (0, 1))
        if max(size.values()) <= 64:
            return size, tile


def product_of(size: dict[str, int]) -> Product:
    return Product(*(scalar(size[d]) for d in "mnk"))


def tiles_of(size: dict[str, int], tile: dict[str, int], order: str) -> Tiles:
    rows, columns, depth = (scalar(tile[d]) for d in "mnk")
    return Tiles(product_of(size), rows, columns, depth, scalar(ORDERS.index(order)))


def flat_difference(count: int, seed: int) -> float:
    """Largest difference in words, needed or kept, of any operand of any flat wave."""
    generator = random.Random(seed)
    worst = 0.0
    for number in range(count):
        size, tile = block_case(generator)
        order = ORDERS[number % 6]
        cores = generator.choice((1, 2, 3, 5, 8, 16, 40))
        waves = flat(deal(size, tile, order), cores)
        needed, kept = flat_waves(tiles_of(size, tile, order), scalar(cores), len(waves) + 2)
        for name, operand in OPERANDS.items():
            sets = [elements(wave, operand) for wave in waves]
            right = [len(wave) for wave in sets] + [0, 0]
            same = [0] + [len(old & new) for old, new in pairwise(sets)] + [0, 0]
            for found, expected in ((needed, right), (kept, same)):
                values = getattr(found, name).tolist()
                worst = max(worst, *(abs(x - y) for x, y in zip(values, expected, strict=True)))
    return worst


def shared_difference(count: int, seed: int) -> float:
    """Largest difference of the words that all flat waves read together."""
    generator = random.Random(seed)
    worst = 0.0
    for _ in range(count):
        size, tile = block_case(generator)
        tile["k"] = size["k"]
        cores = generator.choice((1, 2, 3, 4, 5, 6, 8, 12, 16, 40))
        waves = flat(deal(size, tile, "knm"), cores)
        found = shared_words(product_of(size), scalar(tile["m"]), scalar(tile["n"]), scalar(cores))
        for name, operand in OPERANDS.items():
            right = sum(len(elements(wave, operand)) for wave in waves)
            worst = max(worst, abs(getattr(found, name).item() - right))
    return worst


def partition_difference(count: int, seed: int) -> tuple[float, float]:
    """Largest difference of words, and of cycles relative to the walk, for grids of cores."""
    generator = random.Random(seed)
    words, cycles = 0.0, 0.0

    def tile_time(m: float, n: float, k: float) -> float:
        return 3.0 + m * n * k + 2.0 * m + 0.5 * n  # any function that grows with the tile

    for _ in range(count):
        size, tile = block_case(generator)
        cores = {d: generator.choice((1, 1, 2, 3, 4)) for d in "mnk"}
        waves = grid(size, tile, cores)
        found = partition(tiles_of(size, tile, "mnk"), Product(*(scalar(cores[d]) for d in "mnk")))
        for name, operand in OPERANDS.items():
            right = sum(len(elements(wave, operand)) for wave in waves)
            words = max(words, abs(getattr(found.shared, name).item() - right))
            each = sum(len(elements([item], operand)) for wave in waves for item in wave)
            words = max(words, abs(getattr(found.delivered, name).item() - each))
        right_cycles = longest(waves, tile_time)
        total = (
            found.count
            * (3.0 + found.rows * found.columns * found.depth + 2.0 * found.rows)
            + found.count * 0.5 * found.columns
        ).sum()  # fmt: skip
        cycles = max(cycles, abs(total.item() - right_cycles) / right_cycles)
    return words, cycles
