"""Closed forms of the mapping against walks in plain Python that visit every event."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

import torch

from costmodel.timing.class_sum import STEPS
from experiments.shows.harness import Line, Show
from tests.oracles.array_compare import misses
from tests.oracles.attention_compare import attention_misses
from tests.oracles.gemm_compare import largest_error
from tests.oracles.nested_compare import nested_difference
from tests.oracles.tile_compare import class_sum_error, kinds_seen, tile_cases, traffic_error
from tests.oracles.wave_compare import flat_difference, partition_difference, shared_difference

CASES = 10_000
PRODUCTS = 2_000
ROUND_OFF = 1e-12
SEED = 3_100

ATTENTION = {
    "tiles": "tiles of the busiest core",
    "units": "units of the busiest core",
    "partials": "partial results to add up",
    "all_tiles": "tiles with a visible score",
    "read": "tokens that memory delivers",
}
"""Words for the counts of the attention walk."""

T = TypeVar("T")


def measure() -> Iterator[Line]:
    """Draw cases, walk them, and compare; each line says how long its walk took."""
    torch.set_num_threads(1)
    cases, drawing = _timed(lambda: tile_cases(CASES, SEED))
    seen, kinds = kinds_seen(cases)
    yield Line(
        "cases: orders with trips of 1, 2, 3 and more and edges in each dimension",
        "",
        f"{seen:,} of {kinds:,} combinations in {CASES:,} cases",
    )
    for step in STEPS:
        errors, seconds = _timed(partial(class_sum_error, cases, step))
        worst = max(errors.values())
        yield Line(
            f"class-sum against the tile walk, {CASES:,} cases, step {step}: largest relative"
            " error of total, head, tail, memory and compute",
            "1e-12",
            f"{worst:.1e} ({seconds + drawing:.0f} s)",
            worst <= ROUND_OFF,
        )
    difference, seconds = _timed(lambda: traffic_error(cases))
    yield _words(f"words moved, {CASES:,} cases, five kinds", difference, seconds)
    difference, seconds = _timed(lambda: nested_difference(CASES, SEED))
    yield _words(f"words moved by tiles inside blocks, {CASES:,} cases", difference, seconds)

    wrong, seconds = _timed(lambda: misses(PRODUCTS, SEED))
    for walk, count in wrong.items():
        yield Line(
            f"array cycles, {walk}: {PRODUCTS:,} GEMMs that differ from the walk",
            "0",
            f"{count} (all: {seconds:.0f} s)",
            count == 0,
        )
    difference, seconds = _timed(lambda: flat_difference(PRODUCTS, SEED))
    yield _words(f"flat core waves, needed and kept, {PRODUCTS:,} blocks", difference, seconds)
    difference, seconds = _timed(lambda: shared_difference(PRODUCTS, SEED))
    yield _words(f"flat core waves, read in all, {PRODUCTS:,} blocks", difference, seconds)
    (difference, cycles), seconds = _timed(lambda: partition_difference(PRODUCTS, SEED))
    yield _words(f"grids of cores, {PRODUCTS:,} blocks", difference, seconds)
    yield Line(
        f"grids of cores, cycles of all waves, {PRODUCTS:,} blocks: largest relative error",
        "1e-12",
        f"{cycles:.1e}",
        cycles <= ROUND_OFF,
    )
    wrong, seconds = _timed(lambda: attention_misses(PRODUCTS, SEED))
    for figure, count in wrong.items():
        yield Line(
            f"fused attention, {ATTENTION[figure]}: {PRODUCTS:,} cases that differ from the walk",
            "0",
            f"{count} (all: {seconds:.0f} s)",
            count == 0,
        )
    error, seconds = _timed(lambda: largest_error(PRODUCTS, SEED))
    yield Line(
        f"time of a whole GEMM, {PRODUCTS:,} machines and mappings: largest relative error",
        "1e-12",
        f"{error:.1e} ({seconds:.0f} s)",
        error <= ROUND_OFF,
    )


def _timed(run: Callable[[], T]) -> tuple[T, float]:
    start = time.perf_counter()
    return run(), time.perf_counter() - start


def _words(figure: str, difference: float, seconds: float) -> Line:
    got = f"{difference:g} ({seconds:.0f} s)"
    return Line(f"{figure}: largest difference in words", "0", got, difference == 0.0)


SHOW = Show("closed forms equal the walks", measure)
