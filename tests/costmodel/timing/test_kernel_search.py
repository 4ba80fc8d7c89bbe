"""Estimates and bounds of the look-up of mappings against exact seconds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from costmodel.timing.gemm import gemm_time
from costmodel.timing.kernel import PREFETCH, K
from costmodel.timing.kernel_estimate import (
    BLOCK_COLUMNS,
    BLOCK_ROWS,
    COLUMNS,
    DEPTH,
    IMPOSSIBLE,
    LINES,
    PIECES,
    ROWS,
    RULES,
    TIME,
    bound,
    choose_depths,
    estimate,
)
from costmodel.timing.kernel_search import ANSWER, look_up_rows
from costmodel.timing.mapper import best_mappings, kernel_rows
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import Resources
from costmodel.timing.tables import build_tables
from tests.costmodel.timing.machines import machine
from tests.oracles.exhaustive import best_by_enumeration

SHAPES = [(16, 8192, 4096), (2048, 2560, 8192), (1, 16032, 8192), (384, 5120, 1792), (75, 999, 640)]
MACHINES = [
    {},
    {"cores": 111.0, "arrays": 4.0, "hidden_fill": 0.9, "l2": 64 * 2.0**20},
    {"cores": 7.0, "weight_stationary": 0.0, "hidden_fill": 0.5, "l1": 2.0**20},
    {"cores": 60.0, "rows": 128.0, "columns": 128.0, "memory_bandwidth": 2e11, "overlap": 20.0},
]


def gemm(rows: float, columns: float, depth: float) -> Product:
    sizes = (rows, columns, depth)
    return Product(*(torch.tensor([[float(size)]], dtype=torch.float64) for size in sizes))


def answer(product: Product, resources: Resources) -> tuple[np.ndarray, np.ndarray]:
    rows = kernel_rows(product, resources).reshape(1, -1).numpy().copy()
    answers = np.empty((1, ANSWER))
    look_up_rows(rows, answers)
    return rows[0], answers[0]


def table_of(mapping: np.ndarray) -> np.ndarray:
    table = np.zeros((LINES, 1), np.float32)
    lines = {ROWS: 0, COLUMNS: 1, PIECES: 2, BLOCK_ROWS: 3, BLOCK_COLUMNS: 4, DEPTH: 5}
    for line, place in lines.items():
        table[line, 0] = mapping[place]
    return table


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("changes", MACHINES)
def test_estimate_is_close_to_the_exact_seconds(shape, changes):
    """Of what is chosen: within 3 %, in single precision and without roots."""
    row, best = answer(gemm(*shape), machine(**changes))
    table = table_of(best)
    estimate(row.astype(np.float32), table, 1)
    assert table[TIME, 0] == pytest.approx(best[8], rel=0.03)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("changes", MACHINES)
def test_no_depth_undercuts_the_bound(shape, changes):
    """The bound of a shape is below its estimate at every depth that a rule chooses."""
    row, best = answer(gemm(*shape), machine(**changes))
    single, table = row.astype(np.float32), table_of(best)
    bound(single, table, 1)
    least = table[TIME, 0]
    for rule in range(RULES):
        choose_depths(single, rule, table, 1)
        assert 1.0 <= table[DEPTH, 0] <= row[K]
        estimate(single, table, 1)
        assert table[TIME, 0] >= least * (1.0 - 1e-3)


def test_a_block_that_cannot_fit_is_impossible():
    row, best = answer(gemm(64, 4096, 4096), machine())
    table = table_of(best)
    table[BLOCK_COLUMNS, 0], table[DEPTH, 0] = 4096.0, 4096.0
    estimate(row.astype(np.float32), table, 1)
    assert table[TIME, 0] == IMPOSSIBLE


@pytest.mark.parametrize("shape", [(4, 349, 1920), (51, 80, 336), (88, 32, 32), (143, 96, 160)])
@pytest.mark.parametrize("early", [0.0, 0.5])
def test_small_products_are_mapped_as_well_as_by_enumeration(shape, early):
    """Where few blocks are left, unequal ones matter: at most 1 % behind all there are."""
    product, resources = gemm(*shape), machine(cores=8.0, prefetch=early, l1=2.0**18)
    row, best = answer(product, resources)
    assert row[PREFETCH] == early
    least, _ = best_by_enumeration(row, best[8])
    assert best[8] <= least * 1.01


def test_the_answer_is_scored_as_it_is_stored():
    """The seconds of the look-up are those of the stored score."""
    product, resources = gemm(384, 5120, 1792), machine(cores=60.0)
    _, best = answer(product, resources)
    fields = (torch.full((1, 1), float(value), dtype=torch.float64) for value in best[:8])
    stored = gemm_time(product, resources, Mapping(*fields)).item()
    assert best[8] == pytest.approx(stored, rel=1e-12)
    chosen = best_mappings(product, resources, build_tables())
    assert chosen.block_columns.item() == best[4]


@pytest.mark.parametrize("part", ["memory_bandwidth", "cores", "l1", "l2", "port_width", "lanes"])
def test_more_of_a_machine_hardly_ever_slows_a_product(part):
    """What is looked up anew on a larger machine is at most 1 % slower."""
    product = Product(*(torch.tensor([[v]], dtype=torch.float64) for v in (256.0, 3584.0, 8192.0)))
    small = {"cores": 40.0, "l2": 32 * 2.0**20, "l1": 2.0**20}
    before = answer(product, machine(**small))[1][8]
    base = float(getattr(machine(**small), part).item())
    for growth in (1.02, 1.1, 1.5, 2.0, 4.0):
        value = base * growth if part != "cores" else float(round(base * growth))
        assert answer(product, machine(**small | {part: value}))[1][8] <= before * 1.01
