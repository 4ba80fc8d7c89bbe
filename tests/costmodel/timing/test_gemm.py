"""A GEMM on a compiled machine against a walk over its blocks and, in each, over its waves."""

from __future__ import annotations

import math
import random

import pytest
import torch

from costmodel.timing.arrays import tile_cycles
from costmodel.timing.gemm import gemm_time, gemm_work, l2_need
from costmodel.timing.mapping import ORDERS, Mapping, Product
from costmodel.timing.resources import TILE_SHARE
from tests.costmodel.timing.machines import machine
from tests.oracles import tile_walk
from tests.oracles.cases import size_and_block
from tests.oracles.tile_walk import Case, Costs


def scalar(value: float) -> torch.Tensor:
    return torch.tensor([[float(value)]], dtype=torch.float64)


def block_seconds(case, tile, values, m, n, k):
    """Deal the tiles of one block to the cores, wave by wave."""
    rows, columns, pieces = tile
    resources = machine(**values)
    tall, broad = min(rows, m), min(columns, n)
    depth = math.ceil(k / pieces)
    cycles = tile_cycles(resources, *(scalar(v) for v in (tall, broad, depth))).item()
    passes = math.ceil(case.size["k"] / case.block["k"])
    block = {d: case.block[d] for d in "mnk"}
    full = math.ceil(block["m"] / rows) * math.ceil(block["n"] / columns) * pieces
    stays = case.order[-1] == "k" and full <= values["cores"]
    width, sums = 1.0, 4.0
    leaving = sums if pieces > 1 else width
    if passes == 1:
        per_output = leaving
    elif stays:
        per_output = leaving / passes
    else:
        per_output = 2.0 * sums
    waiting = [
        (i, j, p)
        for i in range(math.ceil(m / rows))
        for j in range(math.ceil(n / columns))
        for p in range(pieces)
    ]
    array = port = 0.0
    while waiting:
        del waiting[: int(values["cores"])]
        array += cycles / 1e9
        port += ((tall + broad) * depth * width + tall * broad * per_output) / 64.0 / 1e9
    added = pieces * m * n if pieces > 1 else 0.0
    vector = added / (passes if stays else 1) / (values["lanes"] * 1e9)
    p = values["overlap"]
    largest = max(array, port, vector)
    return largest * sum((x / largest) ** p for x in (array, port, vector)) ** (1.0 / p)


def drawn(seed):
    generator = random.Random(seed)
    pairs = {d: size_and_block(generator) for d in "mnk"}
    case = Case(
        size={d: p[0] for d, p in pairs.items()},
        block={d: p[1] for d, p in pairs.items()},
        order=generator.choice(ORDERS),
        hold=generator.randrange(8),
    )
    tile = tuple(generator.choice([1, 2, 5, 16, 64]) for _ in range(2))
    tile = (*tile, generator.choice([1, 1, 2, 3]))
    cores = generator.choice([1.0, 4.0, 7.0, 24.0, 500.0])
    values = {
        "cores": cores,
        "lanes": 64.0 * cores,
        "overlap": generator.choice([2.0, 8.0]),
        "memory_bandwidth": 10.0 ** generator.uniform(8.0, 12.0),
        "weight_stationary": generator.choice([0.0, 1.0]),
        "rows": 8.0,
        "columns": 8.0,
        "write_turnaround": generator.choice([0.0, 0.1]),
        "prefetch": generator.choice([0.0, 0.5]),
    }
    return case, tile, values


def tensors(case, tile):
    product = Product(*(scalar(case.size[d]) for d in "mnk"))
    mapping = Mapping(
        *(scalar(v) for v in tile),
        *(scalar(case.block[d]) for d in "mnk"),
        scalar(ORDERS.index(case.order)),
        scalar(case.hold),
    )
    return product, mapping


@pytest.mark.parametrize("seed", range(60))
def test_time_equals_a_walk_over_blocks_and_waves(seed):
    case, tile, values = drawn(seed)
    product, mapping = tensors(case, tile)
    byte = 1.0 / values["memory_bandwidth"]
    slow = byte * (1.0 + values["write_turnaround"])

    def compute(step):
        return block_seconds(case, tile, values, *(step.extent[d] for d in "mnk"))

    costs = Costs(byte, byte, 4.0 * byte, slow, 4.0 * slow, compute)
    right = tile_walk.seconds(case, costs, values["overlap"], "streamed").total
    first = min(case.size["k"], case.block["k"]) * min(case.size["n"], case.block["n"])
    right -= values["prefetch"] * byte * first
    resources = machine(**values)
    found = gemm_time(product, resources, mapping, on_chip=False).item()
    assert found == pytest.approx(right, rel=1e-12)
    work, pipeline = gemm_work(product, resources, mapping, on_chip=False)
    assert work.busy.item() == found
    slower = pipeline.busy(torch.tensor([[3.0]], dtype=torch.float64)).item()
    third = machine(**(values | {"memory_bandwidth": values["memory_bandwidth"] / 3.0}))
    assert slower == pytest.approx(
        gemm_time(product, third, mapping, on_chip=False).item(), rel=1e-12
    )


@pytest.mark.parametrize("seed", range(60, 90))
def test_totals_are_compulsory_at_least(seed):
    case, tile, values = drawn(seed)
    product, mapping = tensors(case, tile)
    work, _ = gemm_work(product, machine(**values), mapping, on_chip=False)
    m, n, k = (case.size[d] for d in "mnk")
    assert work.memory_bytes[0].item() >= m * k
    assert work.memory_bytes[1].item() >= k * n
    assert work.memory_bytes[2].item() >= m * n
    assert work.array_cycles.item() * values["cores"] * 2 * 64 >= m * n * k
    parts = (work.array_time, work.port_time, work.vector_time, work.memory_time)
    hidden = values["prefetch"] * min(k, case.block["k"]) * min(n, case.block["n"])
    assert work.busy.item() >= max(part.item() for part in parts) - (
        hidden / values["memory_bandwidth"]
    ) * (1 + 1e-12)


def copies(case: Case) -> float:
    """Bytes of the shared SRAM by listing the elements that must be there at once."""
    trips = {d: math.ceil(case.size[d] / case.block[d]) for d in "mnk"}
    block = {d: min(case.block[d], case.size[d]) for d in "mnk"}
    total = 0.0
    for bit, relevant, reuse in ((1, "mk", "n"), (2, "kn", "m")):
        one = block[relevant[0]] * block[relevant[1]]
        changes = trips[relevant[0]] > 1 or trips[relevant[1]] > 1
        if not changes:
            total += one
        elif case.hold & bit:
            panel = one
            for d in relevant:
                if case.order.index(d) > case.order.index(reuse):
                    panel = panel // block[d] * case.size[d]
            total += panel + one
        else:
            total += 2 * one
    return total


@pytest.mark.parametrize("seed", range(40))
def test_room_for_operands_is_what_must_be_there_at_once(seed):
    case, tile, values = drawn(seed)
    product, mapping = tensors(case, tile)
    resources = machine(**(values | {"accumulator_bytes": 0.0}))
    need = l2_need(product, resources, mapping).item()
    block = {d: min(case.block[d], case.size[d]) for d in "mnk"}
    outputs = block["m"] * block["n"]
    passes = math.ceil(case.size["k"] / case.block["k"])
    tiles = math.ceil(case.block["m"] / tile[0]) * math.ceil(case.block["n"] / tile[1]) * tile[2]
    partial = passes > 1 and not (case.order[-1] == "k" and tiles <= values["cores"])
    output = 0.0 if partial and not case.hold & 4 else outputs
    assert need == pytest.approx(copies(case) + output, rel=1e-12)


def test_activations_that_fit_in_the_shared_memory_are_not_fetched():
    product = Product(scalar(64), scalar(512), scalar(1024))
    mapping = Mapping(*(scalar(v) for v in (64, 64, 1, 64, 512, 1024, 0, 0)))
    room = 64 * 1024 / TILE_SHARE
    for size, share in ((room, 0.0), (room / 2, 0.5), (0.0, 1.0)):
        work, _ = gemm_work(product, machine(l2=size), mapping)
        assert work.memory_bytes[0].item() == pytest.approx(share * 64 * 1024)


def test_memory_moves_whole_bursts():
    product = Product(scalar(8), scalar(100), scalar(70))
    mapping = Mapping(*(scalar(v) for v in (8, 100, 1, 8, 100, 70, 0, 0)))
    work, _ = gemm_work(product, machine(burst=64.0), mapping, on_chip=False)
    assert [item.item() for item in work.memory_bytes] == pytest.approx(
        [8 * 128, 70 * 128, 8 * 128]
    )


def test_a_machine_without_memory_moves_nothing():
    product = Product(scalar(64), scalar(512), scalar(1024))
    mapping = Mapping(*(scalar(v) for v in (64, 64, 1, 64, 128, 512, 0, 0)))
    work, _ = gemm_work(product, machine(has_memory=0.0), mapping)
    assert [item.item() for item in work.memory_bytes] == [0.0, 0.0, 0.0]
    assert work.memory_time.item() == 0.0


@pytest.mark.parametrize("seed", range(20))
def test_cores_that_share_a_read_never_read_more(seed):
    """One core shares with nobody; many read less from the shared SRAM, time is the same."""
    case, tile, values = drawn(seed)
    product, mapping = tensors(case, (*tile[:2], 1))
    alone, _ = gemm_work(product, machine(**values), mapping, on_chip=False)
    shared, _ = gemm_work(product, machine(**(values | {"multicast": 1.0})), mapping, on_chip=False)
    for one, other in zip(shared.l2_bytes, alone.l2_bytes, strict=True):
        assert one.item() <= other.item() * (1 + 1e-12)
    assert shared.busy.item() == alone.busy.item()
    single = values | {"cores": 1.0}
    alone, _ = gemm_work(product, machine(**single), mapping, on_chip=False)
    shared, _ = gemm_work(product, machine(**(single | {"multicast": 1.0})), mapping, on_chip=False)
    rows = case.size["m"] <= tile[0] or case.size["n"] <= tile[1]
    if not rows:  # one core that goes down a column of tiles keeps its weights
        assert shared.l2_bytes[0].item() == alone.l2_bytes[0].item()
