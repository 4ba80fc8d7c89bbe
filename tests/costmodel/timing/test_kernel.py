"""The compiled twin of the time of a GEMM, against the model that is stored."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from costmodel.timing import kernel, kernel_blocks
from costmodel.timing.gemm import gemm_time, l1_need, l2_need
from costmodel.timing.mapper import kernel_rows
from costmodel.timing.mapping import Mapping, Product
from tests.costmodel.timing.machines import machine
from tests.oracles.exhaustive import _moved


def scalar(value: float) -> torch.Tensor:
    return torch.tensor([[float(value)]], dtype=torch.float64)


def random_case(rng: random.Random):
    sizes = [rng.choice([1, 7, 16, 64, 100, 333, 512]) for _ in range(3)]
    resources = machine(
        cores=float(rng.randint(1, 40)),
        rows=rng.choice([16.0, 32.0]),
        weight_stationary=float(rng.randint(0, 1)),
        hidden_fill=rng.random(),
        overlap=rng.choice([1.0, 3.0, 8.0, 5.5, float("inf")]),
        prefetch=rng.random(),
        write_turnaround=rng.random(),
        l2=rng.choice([1e4, 1e5, 1e6, 1e8]),
        burst=64.0,
    )
    m2, n2, k2 = (rng.randint(1, size) for size in sizes)
    tile = (rng.randint(1, m2), rng.randint(1, n2), rng.randint(1, min(k2, 8)))
    mapping = (*tile, m2, n2, k2, rng.randint(0, 5), rng.randint(0, 7))
    return Product(*(scalar(size) for size in sizes)), resources, mapping


def test_seconds_and_needs_equal_the_model():
    """All orders, held operands, edges, exponents: the twin is the model to round-off."""
    rng = random.Random(1)
    for _ in range(200):
        product, resources, numbers = random_case(rng)
        mapping = Mapping(*(scalar(value) for value in numbers))
        row = kernel_rows(product, resources).reshape(-1).numpy()
        m1, n1, pieces, m2, n2, k2 = (float(value) for value in numbers[:6])
        order, hold = numbers[6:]
        space = np.empty(kernel.SPACE)
        got = kernel.seconds(row, m1, n1, pieces, m2, n2, k2, order, hold, space)
        assert got == pytest.approx(gemm_time(product, resources, mapping).item(), rel=1e-12)
        stay = kernel.stays(row, m1, n1, pieces, m2, n2, order)
        need = kernel.l2_bytes(row, m2, n2, k2, order, hold, stay)
        assert need == l2_need(product, resources, mapping).item()
        tile = l1_need(product, resources, mapping.rows, mapping.columns).item()
        assert kernel.l1_bytes(row, m1, n1) == tile


def test_the_ways_of_a_block_include_the_one_that_moves_least():
    """Of six orders and eight sets of held operands, no other moves less where it fits."""
    rng = np.random.default_rng(2)
    for _ in range(60):
        shape = rng.integers(1, 600, 3)
        product = Product(*(scalar(size) for size in shape))
        resources = machine(l2=float(10 ** rng.uniform(3, 7)))
        row = kernel_rows(product, resources, on_chip=bool(rng.integers(2))).reshape(-1).numpy()
        m = float(rng.integers(1, shape[0] + 1))
        columns = rng.integers(1, shape[1] + 1, 4).astype(float)
        depths = rng.integers(1, shape[2] + 1, 4).astype(float)
        depths[0] = shape[2]
        final = row[kernel.M] * row[kernel.N] * row[kernel.WRITE]
        for streams, passing in enumerate(
            (kernel_blocks.pass_staying, kernel_blocks.pass_streaming)
        ):
            moved, way = np.empty(4), np.empty(4)
            passing(row, m, columns, depths, 4, moved, way)
            for q in range(4):
                trips = [np.ceil(shape[0] / m), np.ceil(shape[1] / columns[q]),
                         np.ceil(shape[2] / depths[q])]  # fmt: skip
                best = kernel_blocks.NEVER
                for order in range(6):
                    for hold in range(8):
                        if (streams and trips[2] == 1) or (
                            not streams and order > 1 and trips[2] > 1
                        ):
                            continue
                        need = kernel.l2_bytes(row, m, columns[q], depths[q], order, hold,
                                               streams == 0)  # fmt: skip
                        if need <= row[kernel.ROOM]:
                            best = min(best, _moved(row, *trips, order, hold) - final)
                assert moved[q] == pytest.approx(best, rel=1e-9, abs=1e-18)


def test_compiled_and_plain_functions_agree():
    rng = random.Random(3)
    for _ in range(10):
        product, resources, numbers = random_case(rng)
        row = kernel_rows(product, resources).reshape(-1).numpy()
        first, second = (float(value) for value in (rng.random(), rng.random()))
        plain = getattr(kernel.overlap, "py_func", kernel.overlap)
        assert kernel.overlap(first, second, 5.5) == pytest.approx(plain(first, second, 5.5))
        plain = getattr(kernel.tile_cycles, "py_func", kernel.tile_cycles)
        sizes = tuple(float(value) for value in numbers[:3])
        assert kernel.tile_cycles(row, *sizes) == plain(row, *sizes)
