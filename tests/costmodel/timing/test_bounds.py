"""Floors of operators against random mappings, and declarations against random machines."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from costmodel.numerics.interval import Box
from costmodel.timing.attention import AttentionShape, attention_work
from costmodel.timing.bounds import (
    GEMM,
    VECTOR,
    attention_counts,
    gemm_bytes,
    gemm_counts,
    gemm_floor,
    gemm_least,
    operands_per_mac,
)
from costmodel.timing.compiled import COMPILED
from costmodel.timing.gemm import gemm_time, gemm_work, l1_need, l2_need, transfers
from costmodel.timing.least_pipeline import (
    core_floor,
    largest_tile,
    least_pipelines,
    least_traffic,
    smallest_need,
    trip_ranges,
)
from costmodel.timing.mapper import best_mappings, kernel_rows
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import TILE_SHARE, Resources
from costmodel.timing.tables import build_tables
from costmodel.timing.traffic import traffic
from costmodel.timing.vector import vector_work
from tests.costmodel.timing.machines import machine

SIZES = (1, 7, 16, 64, 100, 128, 500, 512, 1024, 1500, 4096)


class Draw:
    """Random values ``[rows,1,1]``."""

    def __init__(self, seed: int, rows: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)
        self.shape = (rows, 1, 1)

    def of(self, *values: float) -> torch.Tensor:
        index = torch.randint(len(values), self.shape, generator=self.generator)
        return torch.tensor(values, dtype=torch.float64)[index]

    def whole(self, low: int, high: int) -> torch.Tensor:
        return torch.randint(low, high, self.shape, generator=self.generator).double()


def machines(draw: Draw, **fixed: torch.Tensor) -> Resources:
    """Random machines ``[rows,1,1]``."""
    base = {key: leaf.expand(draw.shape) for key, leaf in vars(machine()).items()}
    edge = draw.of(16, 32, 64, 128)
    base |= {
        "rows": edge,
        "columns": edge,
        "cores": draw.whole(1, 64),
        "arrays": draw.of(1, 2, 4),
        "rate": draw.of(0.5, 1, 2),
        "weight_stationary": draw.of(0, 1),
        "hidden_fill": draw.of(0.0, 0.9, 1.0),
        "l1": draw.of(2**15, 2**17, 2**19, 2**21),
        "l2": draw.of(2**19, 2**21, 2**23, 2**25),
        "memory_bandwidth": draw.of(1e11, 5e11, 2e12, 1e13),
        "element_bytes": draw.of(0.5, 1, 2),
        "overlap": draw.of(1, 2, 8, 30, float("inf")),
        "prefetch": draw.of(0.0, 0.5, 1.0),
        "write_turnaround": draw.of(0.0, 0.1),
        "burst": draw.of(1, 32, 64),
        "multicast": draw.of(0, 1),
        "instruction_depth": draw.of(0, 0, 0, 16),
    }
    base |= fixed
    return Resources(**base)


def mappings(draw: Draw, product: Product) -> Mapping:
    """Random mappings, sensible or not."""
    rows = torch.minimum(draw.of(1, 8, 16, 32, 64, 128, 256), product.rows)
    columns = torch.minimum(draw.of(16, 32, 64, 128, 256), product.columns)
    depth = torch.minimum(draw.of(64, 128, 512, 4096), product.depth)
    return Mapping(
        rows=rows,
        columns=columns,
        pieces=torch.minimum(draw.of(1, 2, 4), depth),
        block_rows=torch.minimum(rows * draw.of(1, 2, 4, 16), product.rows),
        block_columns=torch.minimum(columns * draw.of(1, 2, 4, 16), product.columns),
        block_depth=depth,
        order=draw.whole(0, 6),
        hold=draw.whole(0, 8),
    )


def cases(seed: int, rows: int = 4000):
    draw = Draw(seed, rows)
    r = machines(draw)
    product = Product(draw.of(*SIZES), draw.of(*SIZES), draw.of(*SIZES))
    mapping = mappings(draw, product)
    fits = (l1_need(product, r, mapping.rows, mapping.columns) <= r.l1) & (
        l2_need(product, r, mapping) <= TILE_SHARE * r.l2
    )
    return r, product, mapping, fits


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("on_chip", [True, False])
def test_no_mapping_that_fits_undercuts_the_floor(seed, on_chip):
    r, product, mapping, fits = cases(seed)
    time = gemm_time(product, r, mapping, on_chip)
    ratio = gemm_floor(product, r, on_chip) / time
    assert fits.double().mean() > 0.3
    assert ratio[fits].max() <= 1.0 + 1e-9
    assert ratio[fits].max() > 0.97  # somewhere the floor is reached


@pytest.mark.parametrize("seed", range(3))
def test_no_mapping_that_fits_moves_less_than_the_counts(seed):
    r, product, mapping, fits = cases(10 + seed)
    work, _ = gemm_work(product, r, mapping)
    least = gemm_counts(product, r)
    for level in ("memory_bytes", "l2_bytes", "l1_bytes"):
        found, bound = getattr(work, level), getattr(least, level)
        total = torch.stack(torch.broadcast_tensors(*found)).sum(0)
        floor = torch.stack(torch.broadcast_tensors(*bound)).sum(0)
        assert (floor <= total * (1 + 1e-9) + 1e-6)[fits].all(), level
    core_side = [a - b for a, b in zip(work.l2_bytes, work.memory_bytes, strict=True)]
    fewest = [a - b for a, b in zip(least.l2_bytes, least.memory_bytes, strict=True)]
    assert (sum(fewest) <= sum(core_side) * (1 + 1e-9) + 1e-6)[fits].all()
    assert (least.vector_operations <= work.vector_operations).all()
    slots = r.rows * r.columns * r.rate * r.arrays * r.cores
    assert (least.slot_cycles <= work.array_cycles * slots * (1 + 1e-9))[fits].all()


def test_operands_of_a_mac_are_those_of_the_largest_tile():
    """Enumerated: no tile that fits takes fewer operands for a MAC, one takes hardly more."""
    r = machine(l1=2.0**17)
    product = Product(*(torch.tensor([[4096.0]], dtype=torch.float64) for _ in range(3)))
    side = torch.arange(1, 1500, dtype=torch.float64)
    rows, columns = side.reshape(-1, 1, 1, 1), side.reshape(1, -1, 1, 1)
    fits = l1_need(product, r, rows, columns) <= r.l1
    best = (1.0 / rows + 1.0 / columns).expand(fits.shape)[fits].min()
    bound = operands_per_mac(product, r)
    assert bound <= best
    assert bound >= 0.99 * best


def test_compulsory_bytes_are_the_operands():
    r = machine(l2=0.0, element_bytes=2.0)
    product = Product(*(torch.tensor([[size]], dtype=torch.float64) for size in (3.0, 5.0, 7.0)))
    a, b, c = gemm_bytes(product, r)
    assert (a.item(), b.item(), c.item()) == (3 * 7 * 2, 7 * 5 * 2, 3 * 5 * 2)


LEAVES = ("cores", "l1", "l2", "memory_bandwidth", "clock", "arrays", "lanes", "port_width",
          "array_efficiency", "vector_efficiency", "prefetch", "write_turnaround")  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES)
def test_one_mapping_falls_or_rises_as_declared(leaf):
    """The argument behind `GEMM`: for a fixed mapping, leaf by leaf."""
    r, product, mapping, _ = cases(20)
    draw = Draw(21, 4000)
    old = getattr(r, leaf)
    more = old + (1.0 - old) * 0.5 if leaf == "prefetch" else old * draw.of(1.1, 1.5, 2, 3)
    more = torch.ceil(more) if leaf in ("cores", "arrays") else more
    after = dataclasses.replace(r, **{leaf: more})
    before_time, after_time = (gemm_time(product, x, mapping) for x in (r, after))
    change = (after_time / before_time - 1.0) * GEMM.direction(leaf)
    assert change.min() >= -1e-9


@pytest.mark.parametrize("leaf", [*VECTOR.falls, *VECTOR.rises])
def test_vector_operators_fall_or_rise_as_declared(leaf):
    draw = Draw(30, 2000)
    r = machines(draw)
    amounts = [draw.of(1e3, 1e5, 1e7, 1e9) for _ in range(5)]
    more = dataclasses.replace(r, **{leaf: getattr(r, leaf) * draw.of(1.1, 1.5, 2, 3)})

    def time(machine: Resources) -> torch.Tensor:
        work = vector_work(*amounts, machine)
        parts = torch.stack([work.vector_time, work.port_time, work.memory_time], -1)
        return parts.amax(-1) + machine.launch

    change = (time(more) / time(r) - 1.0) * VECTOR.direction(leaf)
    assert change.min() >= -1e-9


def attention_shapes(draw: Draw) -> AttentionShape:
    groups = draw.of(1, 4, 16, 64)
    queries = draw.of(1, 1, 128, 600)
    shared = draw.of(1, 4, 8)
    cached = draw.of(0, 100, 2000)
    window = draw.of(0, 0, 256)
    seen = torch.zeros_like(queries)
    for number in range(600):
        reach = cached + number + 1
        reach = torch.where(window > 0, torch.minimum(reach, window), reach)
        seen = seen + torch.where(number < queries, reach, torch.zeros_like(reach))
    depth = draw.of(64, 128)
    return AttentionShape(
        groups=groups,
        rows=queries * shared,
        columns=cached + queries,
        depth=depth,
        value_depth=depth,
        queries=queries,
        window=window,
        latent=torch.zeros_like(groups),
        pairs=seen * shared,
    )


def test_no_schedule_of_attention_moves_less_than_the_counts():
    draw = Draw(40, 300)
    r, shape = machines(draw), attention_shapes(draw)
    work, least = attention_work(shape, r), attention_counts(shape, r)
    for level in ("memory_bytes", "l2_bytes", "l1_bytes"):
        for found, bound in zip(getattr(work, level), getattr(least, level), strict=True):
            assert (bound <= found * (1 + 1e-9) + 1e-6).all(), level
    assert (least.vector_operations <= work.vector_operations * (1 + 1e-9)).all()
    slots = r.rows * r.columns * r.rate * r.arrays * r.cores
    assert (least.slot_cycles <= work.array_cycles * slots * (1 + 1e-9)).all()


def boxes_of_machines(draw: Draw) -> tuple[Resources, Resources]:
    """Random machines and larger ones."""
    edge = draw.of(32, 128)
    fixed = {"rows": edge, "columns": edge}
    low = machines(draw, **fixed, l1=draw.of(2**17, 2**19), l2=draw.of(2**21, 2**23, 2**24))
    grow = {name: draw.of(1, 1.5, 2, 4) for name in GROWING}
    high = {name: torch.ceil(getattr(low, name) * factor) for name, factor in grow.items()}
    return low, dataclasses.replace(low, **high)


GROWING = ("cores", "l1", "l2", "memory_bandwidth", "lanes", "arrays")


@pytest.mark.parametrize("seed", range(3))
def test_no_mapping_that_is_chosen_in_a_box_undercuts_its_bound(seed):
    draw = Draw(50 + seed, 100)
    low, high = boxes_of_machines(draw)
    product = Product(draw.of(16, 100, 512), draw.of(512, 1024, 4096), draw.of(512, 1500, 4096))
    tables = build_tables()
    best = GEMM.least(Box(low, high))
    bound, floor = gemm_least(product, best), gemm_floor(product, best)
    assert (floor <= bound * (1 + 1e-9)).all()
    for _ in range(6):
        share = [torch.rand(draw.shape, generator=draw.generator).double() for _ in GROWING]
        inside = {
            name: torch.ceil(getattr(low, name) + part * (getattr(high, name) - getattr(low, name)))
            for name, part in zip(GROWING, share, strict=True)
        }
        between = dataclasses.replace(low, **inside)
        time = gemm_time(product, between, best_mappings(product, between, tables))
        assert (bound <= time * (1 + 1e-9)).all()


def test_the_bound_of_one_machine_is_near_the_time_of_its_mapping():
    draw = Draw(60, 300)
    low, _ = boxes_of_machines(draw)
    product = Product(draw.of(64, 512, 2048), draw.of(1024, 4096), draw.of(1024, 4096))
    time = gemm_time(product, low, best_mappings(product, low, build_tables()))
    assert (gemm_least(product, low) / time).median() > 0.75


def test_kernel_and_tensors_have_one_floor():
    """`core_floor` is the floor of `gemm_floor` when a block is the whole product."""
    draw = Draw(70, 500)
    infinite = torch.full(draw.shape, 1e30, dtype=torch.float64)
    r = machines(draw, memory_bandwidth=infinite, instruction_depth=draw.of(0, 0, 16))
    product = Product(draw.of(*SIZES), draw.of(*SIZES), draw.of(*SIZES))
    floor = gemm_floor(product, r).flatten()
    for row, expected in zip(kernel_rows(product, r).reshape(500, -1).numpy(), floor, strict=True):
        side, longest = largest_tile(row)
        found = core_floor(row, row[0], row[1], side, longest)
        assert found == pytest.approx(expected.item(), rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_the_pipeline_bound_holds_without_compiling(seed):
    """The kernel as plain Python gives the same numbers."""
    if not COMPILED:
        pytest.skip("numba is not installed")
    draw = Draw(80 + seed, 3)
    low, _ = boxes_of_machines(draw)
    product = Product(draw.of(100, 512), draw.of(512, 1024), draw.of(512, 1500))
    rows = np.ascontiguousarray(kernel_rows(product, low).reshape(3, -1).numpy())
    quick, plain = np.empty(3), np.empty(3)
    least_pipelines(rows, quick)
    least_pipelines.py_func(rows, plain)
    assert np.allclose(quick, plain, rtol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_no_block_that_fits_moves_less_than_its_least_traffic(seed):
    """Every order and every held operand: the least is a bound, and one of them reaches it."""
    draw = Draw(90 + seed, 150)
    r = machines(draw, cores=torch.full(draw.shape, 1e9, dtype=torch.float64))
    product = Product(draw.of(*SIZES), draw.of(*SIZES), draw.of(*SIZES))
    block = mappings(draw, product)
    cost = transfers(product, r)
    rows = kernel_rows(product, r).reshape(150, -1).numpy()
    sizes = torch.stack([block.block_rows, block.block_columns, block.block_depth], -1)
    least = torch.tensor(
        [
            least_traffic(row, tuple(np.ceil(row[:3] / size)), *size)
            for row, size in zip(rows, sizes.reshape(150, 3).numpy(), strict=True)
        ],
        dtype=torch.float64,
    ).reshape(draw.shape)  # fmt: skip
    smallest = torch.tensor([smallest_need(row) for row in rows], dtype=torch.float64)
    found = torch.full(draw.shape, torch.inf, dtype=torch.float64)
    for order in range(6):
        for hold in range(8):
            one = torch.ones(draw.shape, dtype=torch.float64)
            mapping = dataclasses.replace(block, order=one * order, hold=one * hold, pieces=one)
            moved = traffic(product, mapping)
            seconds = (
                moved.a * cost.activation
                + moved.b * cost.weight
                + moved.partial_read * cost.partial
            ) * cost.read
            seconds = seconds + cost.written * (
                moved.output * cost.output + moved.partial_write * cost.partial
            )
            room = torch.maximum(TILE_SHARE * r.l2, smallest.reshape(draw.shape))
            fits = l2_need(product, r, mapping) <= room
            found = torch.where(fits, torch.minimum(found, seconds), found)
    some = found < torch.inf
    assert some.double().mean() > 0.3
    assert (least[some] <= found[some] * (1 + 1e-9)).all()
    assert torch.allclose(least[some], found[some], rtol=1e-9)


@pytest.mark.parametrize("whole", [1, 2, 7, 12, 13, 100, 1000, 57344])
def test_ranges_of_trips_hold_every_block(whole):
    ranges = trip_ranges(float(whole))
    least, smallest, largest = ranges
    sizes = np.arange(1, whole + 1)
    trips = np.ceil(whole / sizes)
    place = np.searchsorted(least, trips, side="right") - 1
    assert (place >= 0).all()
    assert (least[place] <= trips).all()
    assert (smallest[place] <= sizes).all()
    assert (sizes <= largest[place]).all()
    # The whole dimension in one block is a range of its own, and so are a few trips.
    assert tuple(ranges[:, 0]) == (1.0, whole, whole)
    assert ranges.shape[1] < 70
