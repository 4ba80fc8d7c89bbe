"""Fused attention against a walk over every score and unit, laws, and published kernels."""

from __future__ import annotations

from dataclasses import fields, replace
from itertools import product as every

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.numerics import relax as relaxed
from costmodel.timing.attention import (
    AttentionShape,
    AttentionWork,
    Schedule,
    attention_work,
    scheduled_work,
)
from costmodel.timing.attention_choice import (
    FIELDS,
    PIECES,
    TILES,
    choose,
    count,
    overlapped,
    walks,
)
from costmodel.timing.attention_lanes import Costs, block_rows, footprint
from costmodel.timing.attention_units import block_tiles
from costmodel.timing.resources import Resources
from tests.costmodel.timing.machines import machine
from tests.oracles.attention import Case, attention_cases, blocks_of, walk
from tests.oracles.attention_compare import counted


def attention(
    groups: float = 8, shared: float = 8, queries: float = 1, context: float = 4096,
    depth: float = 128, values: float = 128, window: float = 0, latent: float = 0,
) -> AttentionShape:  # fmt: skip
    pairs = shared * (queries * (context - queries) + queries * (queries + 1) / 2)
    leaves = (
        groups, shared * queries, context, depth, values, queries, window, latent, pairs,
    )  # fmt: skip
    return AttentionShape(*(torch.tensor([[[float(x)]]], dtype=torch.float64) for x in leaves))


def busy(work: AttentionWork, resources: Resources) -> float:
    parts = (work.array_time, work.vector_time, work.port_time, work.memory_time)
    stacked = torch.stack(torch.broadcast_tensors(*parts), -1)
    return float(relaxed.overlap(stacked, resources.overlap))


@pytest.mark.parametrize("seed", range(4))
def test_counts_equal_the_walk(seed):
    for case in attention_cases(150, seed):
        found, oracle = counted(case), walk(case)
        assert found == {name: getattr(oracle, name) for name in found}, case


def test_the_walk_itself_on_a_case_by_hand():
    """Two blocks of two queries after two cached tokens, tiles of two: two and three tiles."""
    case = Case(1, 1, 4, 6, 0, 2, 2, 1, 1, 1, 0)
    assert [len(block) for block in blocks_of(case)] == [2, 3]
    assert walk(case).read == 4 + 6
    assert walk(replace(case, held=6)).read == 6
    assert walk(replace(case, cores=2, held=4)).read == 6  # one wave streams to both blocks
    assert walk(replace(case, window=1)).all_tiles == 2
    assert walk(case).pairs == 3 + 4 + 5 + 6


def test_python_and_compiled_counts_agree():
    plain = getattr(walks, "py_func", walks)
    for blocks, groups, cores in every((1, 2, 7), (1, 3, 8, 40), (1, 5, 8, 132)):
        floats = float(blocks), float(groups), float(cores)
        direct = sum(
            len({(rank * groups + group) // cores for rank in range(blocks)})
            for group in range(groups)
        )
        assert walks(*floats) == plain(*floats) == direct
    for parts in ([1.0, 2.0, 3.0, 0.0, 1e-9], [5.0, 5.0, 5.0, 5.0, 5.0], [0.0] * 5):
        for exponent in (1.0, 4.7, 20.0):
            whole = relaxed.overlap(
                torch.tensor(parts, dtype=torch.float64),
                torch.tensor(exponent, dtype=torch.float64),
            )
            assert overlapped(np.array(parts), exponent) == pytest.approx(float(whole), rel=1e-12)
        assert overlapped(np.array(parts), np.inf) == pytest.approx(max(parts), abs=1e-299)


SHAPES = (
    attention(),
    attention(groups=1, context=32768),
    attention(groups=3, queries=700, context=700),
    attention(groups=5, queries=64, context=3000, shared=4),
    attention(groups=4, queries=300, context=900, window=128),
    attention(groups=2, shared=128, depth=576, values=512, latent=1),
)
MACHINES = (
    machine(),
    machine(cores=132, weight_stationary=0, rows=16, arrays=4, memory_bandwidth=3e12),
    machine(cores=4, rows=128, columns=128, arrays=1, l2=2.0**19, exponential_unit=0),
    machine(cores=16, l1=2.0**15, has_memory=0),
)


@pytest.mark.parametrize("shape", SHAPES, ids=range(len(SHAPES)))
@pytest.mark.parametrize("resources", MACHINES, ids=range(len(MACHINES)))
def test_the_choice_is_the_best_of_all(shape, resources):
    """Every tile, cut and number of groups, each scored by the same function."""
    chosen = attention_work(shape, resources)
    groups = float(shape.groups)
    sides = [0.0, *(2.0**e for e in range(9) if 2.0**e < groups)]
    table = torch.tensor(list(every(range(len(TILES)), range(len(PIECES)), sides)))
    tile, cut, together = table.double().unbind(-1)
    tiled = [leaf.expand(len(table), 1, 1) for leaf in vars(shape).values()]
    parts = [part.reshape(-1, 1, 1) for part in (tile, cut, together)]
    shapes = AttentionShape(*tiled)
    tiles = _tiles_of(shape)
    allowed = torch.tensor([_allowed(shape, resources, int(t), int(c), tiles) for t, c, _ in table])
    keep = allowed.nonzero().squeeze(-1)
    work = scheduled_work(
        AttentionShape(*(leaf[keep] for leaf in vars(shapes).values())),
        resources,
        Schedule(*(part[keep] for part in parts)),
    )
    stacked = torch.stack(
        torch.broadcast_tensors(
            work.array_time, work.vector_time, work.port_time, work.memory_time
        ),
        -1,
    )
    times = relaxed.overlap(stacked, resources.overlap)
    assert busy(chosen, resources) == pytest.approx(float(times.min()), rel=1e-12)


def _tiles_of(shape: AttentionShape) -> list[int]:
    """Tiles of the longest block, for each tile."""
    sizes = [int(x) for x in (shape.queries, shape.columns, shape.window, shape.shared)]
    return [int(block_tiles(*sizes, rows, tokens)[0].max()) for rows, tokens in TILES]


def _allowed(
    shape: AttentionShape, resources: Resources, tile: int, cut: int, tiles: list[int]
) -> bool:
    """Whether a tile fits and a cut has no more pieces than it must to leave one tile each."""
    rows, tokens = (torch.tensor(float(x)).double() for x in TILES[tile])
    room = float(resources.l1 + resources.registers)
    block = block_rows(shape, rows)
    if float(footprint(shape, resources, block, tokens)) > room and tile > 0:
        return False
    return cut == 0 or PIECES[cut - 1] < tiles[tile]


@settings(max_examples=40, deadline=None)
@given(
    st.sampled_from(SHAPES),
    st.sampled_from(MACHINES),
    st.sampled_from(
        ("cores", "l1", "l2", "clock", "memory_bandwidth", "port_width", "lanes", "registers")
    ),
    st.floats(1.01, 4.0),
)
def test_more_hardware_is_never_slower(shape, resources, field, factor):
    value = getattr(resources, field) * factor
    changes = {field: torch.ceil(value) if field == "cores" else value}
    if field == "cores":  # the lanes come with the cores
        changes["lanes"] = resources.lanes * changes["cores"] / resources.cores
    more = replace(resources, **changes)
    before, after = (busy(attention_work(shape, r), r) for r in (resources, more))
    assert after <= before * (1.0 + 1e-12)


def test_array_cycles_cover_the_visible_work():
    """No machine multiplies more than its array allows, and masked tiles are skipped."""
    r = machine()
    work = attention_work(attention(queries=2048, context=2048), r)
    rate = float(r.rows * r.columns * r.arrays * r.cores * r.rate)
    assert float(work.array_cycles) * rate >= float(work.macs)
    whole = attention_work(attention(queries=2048, context=2048 + 2048), r)
    assert float(work.array_cycles) < 0.5 * float(whole.array_cycles)


def test_a_window_caps_the_work():
    r = machine()
    full = attention_work(attention(context=65536), r)
    near = attention_work(attention(context=65536, window=4096), r)
    short = attention_work(attention(context=4096), r)
    assert float(near.memory_bytes[1]) <= 1.2 * float(short.memory_bytes[1])
    assert busy(near, r) < 0.2 * busy(full, r)


def test_latent_values_are_read_once():
    """DeepSeek-V2: 576 words a token stand for keys and values of all 128 heads."""
    r = machine(l2=2.0**26)
    latent = attention_work(
        attention(groups=1, shared=128, depth=576, values=512, latent=1, context=8192), r
    )
    assert float(latent.memory_bytes[1]) == 8192 * 576
    plain = attention_work(attention(groups=1, shared=128, depth=576, values=512, context=8192), r)
    assert float(plain.memory_bytes[1]) == 8192 * (576 + 512)
    assert float(latent.macs) == 128 * 8192 * (576 + 512)


def test_idle_cores_get_pieces_of_the_context():
    """Flash-Decoding: one sequence of one KV head keeps more than one core busy."""
    r = machine(cores=64)
    work = attention_work(attention(groups=1, context=65536), r)
    assert float(work.schedule.pieces) > 8
    one = scheduled_work(
        attention(groups=1, context=65536),
        r,
        Schedule(work.schedule.tile, torch.zeros(1, 1, 1), torch.zeros(1, 1, 1)),
    )
    assert float(one.array_cycles) > 8 * float(work.array_cycles)
    assert float(one.l2_bytes[2]) < float(work.l2_bytes[2])  # partial outputs meet there


def test_exponentials_are_a_lane_of_their_own():
    shape = attention(groups=64, queries=512, context=512)
    own = attention_work(shape, machine(exponential_cost=64.0))
    shared = attention_work(shape, machine(exponential_cost=64.0, exponential_unit=0.0))
    free = attention_work(shape, machine(exponential_cost=1e-9))
    assert float(own.exponential_time) > 0
    assert float(shared.exponential_time) == 0
    assert float(free.vector_time) < float(own.vector_time) < float(shared.vector_time)


def test_relaxed_equals_exact_where_units_divide_the_cores():
    r = machine(cores=8)
    shape = attention(groups=8, queries=256, context=256)
    exact, smooth = (attention_work(shape, r, relax) for relax in (0.0, 0.3))
    assert float(smooth.array_time) == pytest.approx(float(exact.array_time), rel=1e-12)
    cores = torch.tensor([[[8.0]]], dtype=torch.float64, requires_grad=True)
    work = attention_work(shape, replace(r, cores=cores, lanes=cores * 64), 1.0)
    (slope,) = torch.autograd.grad(work.array_time.sum(), cores)
    assert float(slope) < 0


def test_the_search_knows_the_costs_by_their_place():
    assert FIELDS[6:] == tuple(field.name for field in fields(Costs))


def test_odd_designs_do_not_crash():
    """Invalid designs have fractions where counts belong."""
    odd = attention(groups=8 / 3, shared=21.333, queries=1, context=777.0)
    for resources in (machine(cores=3.5), machine(l1=1.0, l2=0.0, registers=0.0)):
        assert np.isfinite(busy(attention_work(odd, resources), resources))


def test_plain_python_chooses_the_same(monkeypatch):
    import costmodel.timing.attention as module

    shape, r = SHAPES[2], MACHINES[1]
    compiled = attention_work(shape, r)
    for function in (choose, count):
        monkeypatch.setattr(module, function.__name__, getattr(function, "py_func", function))
    plain = attention_work(shape, r)
    for name in ("tile", "cut", "together"):
        assert torch.equal(getattr(compiled.schedule, name), getattr(plain.schedule, name))
    assert torch.equal(compiled.array_time, plain.array_time)


def test_a_design_counts_the_same_in_any_batch():
    """Batches of one, of all, and of two dimensions; other shapes in the batch change nothing."""
    shapes = [SHAPES[number % len(SHAPES)] for number in range(12)]
    machines = [MACHINES[number % len(MACHINES)] for number in range(12)]
    together = AttentionShape(
        *(torch.cat(leaves) for leaves in zip(*(vars(s).values() for s in shapes), strict=True))
    )
    resources = Resources(
        **{
            name: torch.cat([getattr(r, name).unsqueeze(0) for r in machines])
            for name in vars(machines[0])
        }
    )
    whole = attention_work(together, resources)
    square = attention_work(
        AttentionShape(*(leaf.reshape(3, 4, 1, 1) for leaf in vars(together).values())),
        Resources(**{key: leaf.reshape(3, 4, 1, 1) for key, leaf in vars(resources).items()}),
    )
    for number, (shape, machine_) in enumerate(zip(shapes, machines, strict=True)):
        alone = attention_work(shape, machine_)
        for name in ("array_time", "vector_time", "port_time", "memory_time", "macs"):
            expected = getattr(alone, name).flatten()
            assert torch.equal(getattr(whole, name)[number].flatten(), expected)
            assert torch.equal(getattr(square, name).flatten()[number : number + 1], expected)
