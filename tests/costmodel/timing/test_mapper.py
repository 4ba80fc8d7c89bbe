"""The mapper against enumeration, its limits and its laws."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from costmodel.timing.gemm import gemm_time, l1_need, l2_need
from costmodel.timing.mapper import best_mappings, kernel_rows
from costmodel.timing.mapping import Product
from costmodel.timing.resources import TILE_SHARE
from costmodel.timing.tables import build_tables
from tests.costmodel.timing.machines import machine
from tests.oracles.exhaustive import best_by_enumeration

TABLES = build_tables()


def gemm(rows: float, columns: float, depth: float) -> Product:
    sizes = (rows, columns, depth)
    return Product(*(torch.tensor([[float(size)]], dtype=torch.float64) for size in sizes))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(16, 512, 512), (64, 320, 768), (1, 640, 256), (200, 256, 256)])
@pytest.mark.parametrize("cores", [3.0, 24.0])
@pytest.mark.parametrize("l2", [1e5, 8e6])
def test_close_to_the_best_of_all_mappings(shape, cores, l2):
    product, resources = gemm(*shape), machine(cores=cores, l2=l2)
    chosen = best_mappings(product, resources, TABLES)
    ours = gemm_time(product, resources, chosen).item()
    row = kernel_rows(product, resources).reshape(-1).numpy().copy()
    best, _ = best_by_enumeration(row, ours)
    assert ours <= best * 1.05


def test_what_is_chosen_fits_and_batches_agree():
    """Every choice fits L1 and the shared SRAM; a design's does not depend on its batch."""
    rng = np.random.default_rng(4)
    shapes = torch.from_numpy(rng.integers(1, 5000, (3, 1, 40)).astype(float))
    product = Product(*(item.contiguous() for item in shapes))
    resources = machine()
    chosen = best_mappings(product, resources, TABLES)
    assert (l2_need(product, resources, chosen) <= TILE_SHARE * resources.l2).all()
    assert (l1_need(product, resources, chosen.rows, chosen.columns) <= resources.l1).all()
    alone = best_mappings(
        Product(product.rows[:, 7:8], product.columns[:, 7:8], product.depth[:, 7:8]),
        resources,
        TABLES,
    )
    assert all(
        bool((one == many[:, 7:8]).all())
        for one, many in zip(vars(alone).values(), vars(chosen).values(), strict=True)
    )


def test_where_nothing_fits_the_smallest_mapping_is_taken():
    chosen = best_mappings(gemm(128, 1024, 1024), machine(l2=10.0, l1=10.0), TABLES)
    assert chosen.block_rows.item() <= 8
    assert chosen.order.item() == 0


def test_relaxed_sizes_are_covered():
    """Sizes in a gradient search are not whole: blocks still cover them."""
    product = gemm(100.5, 300.25, 500.75)
    chosen = best_mappings(product, machine(), TABLES)
    assert torch.isfinite(gemm_time(product, machine(), chosen)).all()
