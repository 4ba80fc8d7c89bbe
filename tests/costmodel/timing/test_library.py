"""Tiles dealt in waves, against a tile walk and against brute force over every mapping."""

from __future__ import annotations

import math
from itertools import product as every

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.timing.kernel_library import kernel_tiles
from costmodel.timing.library import Tile, best_tiles, tile_set, wave_mapping, wave_work
from costmodel.timing.mapping import HOLD_ACTIVATION, HOLD_WEIGHT, Product
from tests.costmodel.timing.machines import machine

STREAM = 0


def scalar(value: float) -> torch.Tensor:
    return torch.tensor([[float(value)]], dtype=torch.float64)


def gemm(rows: float, columns: float, depth: float) -> Product:
    return Product(scalar(rows), scalar(columns), scalar(depth))


def walk(rows, columns, depth, tile_rows, tile_columns, block_rows, block_columns, hold):
    """Words of A and B fetched by a walk over blocks, tile by tile, edges included."""
    tiles_down = math.ceil(rows / tile_rows)
    tiles_across = math.ceil(columns / tile_columns)
    down = [range(i, min(i + block_rows, tiles_down)) for i in range(0, tiles_down, block_rows)]
    across = [
        range(j, min(j + block_columns, tiles_across))
        for j in range(0, tiles_across, block_columns)
    ]

    def words_a(block):
        return sum(min(tile_rows, rows - i * tile_rows) * depth for i in block)

    def words_b(block):
        return sum(min(tile_columns, columns - j * tile_columns) * depth for j in block)

    a = b = 0
    if hold == HOLD_ACTIVATION:
        for i in down:
            a += words_a(i)
            b += sum(words_b(j) for j in across)
    elif hold == HOLD_WEIGHT:
        for j in across:
            b += words_b(j)
            a += sum(words_a(i) for i in down)
    else:
        for i, j in every(down, across):
            a += words_a(i)
            b += words_b(j)
    return a, b


@settings(max_examples=150, deadline=None)
@given(
    rows=st.integers(1, 900),
    columns=st.integers(1, 1500),
    depth=st.integers(1, 300),
    tile_rows=st.sampled_from([16, 64, 128]),
    tile_columns=st.sampled_from([64, 256]),
    block=st.sampled_from([1, 2, 4, 8]),
    hold=st.sampled_from([STREAM, HOLD_ACTIVATION, HOLD_WEIGHT]),
    cores=st.integers(1, 40),
)
def test_traffic_equals_a_tile_walk(
    rows, columns, depth, tile_rows, tile_columns, block, hold, cores
):
    """Exact with edge tiles, for every panel that may be held, when the panel has room."""
    resources = machine(cores=float(cores), l2=1e12)
    tile = Tile(*(scalar(v) for v in (tile_rows, tile_columns, 0, block, hold)))
    work = wave_work(gemm(rows, columns, depth), resources, tile, on_chip=False)
    down = math.ceil(rows / min(tile_rows, rows))
    across = math.ceil(columns / min(tile_columns, columns))
    side = min(block, down, cores)
    block_columns = min(max(cores // side, 1), across)
    a, b = walk(
        rows, columns, depth, min(tile_rows, rows), min(tile_columns, columns), side,
        block_columns, hold,
    )  # fmt: skip
    assert work.memory_bytes[0].item() == a
    assert work.memory_bytes[1].item() == b
    assert work.memory_bytes[2].item() == rows * columns


@settings(max_examples=40, deadline=None)
@given(
    rows=st.sampled_from([1, 16, 100, 512, 2048]),
    columns=st.sampled_from([64, 1280, 3000, 8192]),
    depth=st.sampled_from([64, 1024, 7000]),
    cores=st.integers(1, 130),
    side=st.sampled_from([32.0, 128.0]),
    l2=st.sampled_from([0.0, 1e6, 3e7]),
    stationary=st.sampled_from([0.0, 1.0]),
)
def test_chosen_mapping_is_the_best_of_all(rows, columns, depth, cores, side, l2, stationary):
    """The separated choice equals brute force over tiles x blocks x panels."""
    resources = machine(
        cores=float(cores), rows=side, columns=side, l2=l2, weight_stationary=stationary
    )
    shape = gemm(rows, columns, depth)
    tiles = tile_set()
    chosen = wave_work(shape, resources, best_tiles(shape, resources, tiles))
    found = chosen.busy.item()
    candidates = [
        (r.item(), c.item(), f.item(), b.item(), h)
        for (r, c, f), b, h in every(
            zip(tiles.rows, tiles.columns, tiles.fill_cores, strict=True),
            tiles.group_rows,
            (STREAM, HOLD_ACTIVATION, HOLD_WEIGHT),
        )
    ]
    fields = torch.tensor(candidates, dtype=torch.float64).T
    wide = Tile(*(field.reshape(-1, 1, 1) for field in fields))
    work = wave_work(shape, resources, wide)
    time = work.busy
    fits = work.l1_need <= resources.l1
    best = torch.where(fits, time, torch.full_like(time, torch.inf)).min().item()
    assert found == pytest.approx(best, rel=1e-12)


def test_bytes_and_cycles_never_beat_the_compulsory_bounds():
    """Memory traffic >= operands once; array cycles >= MACs / (R C q arrays cores)."""
    tiles = tile_set()
    generator = torch.Generator().manual_seed(1)
    size = (50, 1)
    shape = Product(
        torch.randint(1, 4000, size, generator=generator).double(),
        torch.randint(1, 9000, size, generator=generator).double(),
        torch.randint(1, 9000, size, generator=generator).double(),
    )
    resources = machine()
    work = wave_work(shape, resources, best_tiles(shape, resources, tiles, False), on_chip=False)
    assert (work.memory_bytes[0] >= shape.rows * shape.depth).all()
    assert (work.memory_bytes[1] >= shape.depth * shape.columns).all()
    macs = shape.rows * shape.columns * shape.depth
    assert (work.array_cycles * 24 * 2 * 32 * 32 >= macs).all()


def test_more_of_any_resource_never_slows_the_best_mapping():
    tiles = tile_set()
    shape = gemm(512, 8192, 4096)
    base = machine()

    def latency(**changes: float) -> float:
        resources = machine(**changes)
        work = wave_work(shape, resources, best_tiles(shape, resources, tiles))
        return work.busy.item()

    reference = latency()
    for name in ("clock", "port_width", "memory_bandwidth", "l1", "l2"):
        assert latency(**{name: 2.0 * getattr(base, name).item()}) <= reference * (1 + 1e-12)
    assert latency(cores=48.0, lanes=48.0 * 64) <= reference * (1 + 1e-12)


def test_a_kernel_library_offers_its_own_tiles_alone():
    tiles = tile_set()
    shape = Product(*(torch.tensor([[16.0, 100.0, 2048.0, 5000.0]]).double() for _ in range(3)))
    offered = set(kernel_tiles())
    own = best_tiles(shape, machine(kernel_library=1.0), tiles)
    free = best_tiles(shape, machine(), tiles)
    chosen = zip(own.rows.flatten().tolist(), own.columns.flatten().tolist(), strict=True)
    assert set(chosen) <= offered
    slow = wave_work(shape, machine(kernel_library=1.0), own).busy
    assert (wave_work(shape, machine(), free).busy <= slow).all()


def test_without_a_second_memory_nothing_is_counted_there():
    resources = machine(has_memory=0.0)
    shape = gemm(128, 1024, 1024)
    work = wave_work(shape, resources, best_tiles(shape, resources, tile_set()))
    assert sum(item.item() for item in work.memory_bytes) == 0.0
    assert work.l2_bytes[1].item() >= 1024 * 1024


def test_a_tile_in_the_words_of_a_mapping_says_the_same():
    resources = machine(cores=40.0)
    shape = gemm(512, 3000, 4096)
    tile = best_tiles(shape, resources, tile_set())
    mapping = wave_mapping(shape, resources, tile)
    assert mapping.rows.item() == min(tile.rows.item(), 512)
    groups = mapping.block_rows / mapping.rows * torch.ceil(mapping.block_columns / mapping.columns)
    assert (groups * mapping.pieces).item() <= 40
    assert mapping.hold.item() == tile.hold.item()
