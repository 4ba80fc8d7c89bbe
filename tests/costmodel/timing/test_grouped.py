"""Grouped products against a walk over their tiles, and against one product."""

from __future__ import annotations

import random
from dataclasses import fields, replace
from itertools import product as every

import pytest
import torch

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.physics.clock import clock_frequency
from costmodel.timing.arrays import tile_cycles
from costmodel.timing.grouped import (
    PIECES,
    TILE_COLUMNS,
    TILE_ROWS,
    GroupedShape,
    GroupedTile,
    grouped_work,
    tiled_work,
)
from costmodel.timing.pipeline import map_operators
from costmodel.timing.resources import compute_die, package_resources
from costmodel.timing.tables import build_tables
from costmodel.workload import Operators, load_workload
from costmodel.workload.experts import expert_load
from tests.costmodel.timing.machines import machine
from tests.oracles.grouped import walk


def leaf(value: float) -> torch.Tensor:
    return torch.tensor([[[float(value)]]], dtype=torch.float64)


def ragged(members: list[int], columns: int, depth: int) -> GroupedShape:
    rows = torch.tensor([[[members]]], dtype=torch.float64)
    return GroupedShape(leaf(len(members)), rows.mean(-1), leaf(columns), leaf(depth), rows)


def test_ragged_groups_equal_the_walk():
    generator = random.Random(0)
    for _ in range(200):
        members = [generator.choice((0, 1, 3, 16, 17, 100)) for _ in range(generator.randint(1, 9))]
        members.append(generator.randint(1, 60))
        columns, depth = generator.choice((64, 200, 512)), generator.choice((64, 256))
        height, width = generator.choice((16, 32, 64)), generator.choice((64, 128))
        pieces, cores = generator.choice((1, 2)), generator.choice((1, 3, 8, 50))
        r = machine(cores=cores)
        work = tiled_work(
            ragged(members, columns, depth), r, GroupedTile(*map(leaf, (height, width, pieces)))
        )
        tall = min(height, max(members))
        oracle = walk(members, columns, tall, width, pieces, cores)
        one = tile_cycles(r, leaf(tall), leaf(min(width, columns)), leaf(depth / pieces))
        assert float(work.array_cycles) == oracle.waves * float(one)
        byte = float(r.element_bytes)
        present = sum(rows > 0 for rows in members)
        assert float(work.memory_bytes[1]) == present * columns * depth * byte
        delivered = float(work.l2_bytes[1] - work.memory_bytes[1])
        assert delivered == oracle.row_tiles * columns * depth * byte
        assert float(work.vector_operations) == (pieces > 1) * pieces * oracle.rows * columns


def test_equal_groups_need_no_list():
    r = machine()
    listed, _ = grouped_work(ragged([24] * 6, 512, 1024), r)
    stated, _ = grouped_work(GroupedShape(leaf(6), leaf(24), leaf(512), leaf(1024)), r)
    for name in ("busy", "array_cycles", "port_time", "memory_time"):
        assert torch.equal(getattr(listed, name), getattr(stated, name))


def test_the_tile_is_the_best_of_all():
    shape = ragged([3, 40, 0, 129, 8], 1024, 2048)
    for r in (machine(), machine(cores=100, rows=16, columns=16), machine(l1=2.0**14)):
        work, _ = grouped_work(shape, r)
        times = [
            float(candidate.busy)
            for sizes in every(TILE_ROWS, TILE_COLUMNS, PIECES)
            for candidate in [tiled_work(shape, r, GroupedTile(*map(leaf, sizes)))]
            if float(candidate.l1_need) <= float(r.l1)
        ]
        assert float(work.busy) == min(times)


@pytest.mark.parametrize("field", ["cores", "l1", "l2", "clock", "memory_bandwidth", "port_width"])
def test_more_hardware_is_never_slower(field):
    shape = ragged([3, 40, 0, 129, 8], 1024, 2048)
    for factor in (1.25, 2.0, 3.0):
        r = machine(l1=2.0**15)
        value = torch.ceil(getattr(r, field) * factor)
        more = replace(r, **{field: value})
        if field == "cores":
            more = replace(more, lanes=r.lanes * value / r.cores)
        before, after = (float(grouped_work(shape, x)[0].busy) for x in (r, more))
        assert after <= before * (1 + 1e-12)


def test_a_layer_of_experts_streams_the_experts_it_touches():
    """One token of Mixtral reads two experts of eight; a large batch reads all of them once."""
    r = machine(cores=108, memory_bandwidth=2e12)
    hidden, width = 4096, 2 * 14336
    for tokens, touched in ((1.0, 2.0), (256.0, 8.0)):
        load = expert_load(leaf(tokens), 8, 2, leaf(1))
        work, _ = grouped_work(GroupedShape(load.active, load.rows, leaf(width), leaf(hidden)), r)
        read = float(work.memory_bytes[1])
        assert read == pytest.approx(touched * hidden * width * float(r.element_bytes), rel=1e-9)


def test_expected_experts_equal_a_count():
    """Uniform routing, drawn many times."""
    generator = torch.Generator().manual_seed(1)
    experts, chosen, tokens, trials = 16, 2, 5, 4000
    picks = torch.rand(trials, tokens, experts, generator=generator).topk(chosen, -1).indices
    hit = torch.zeros(trials, experts).scatter_(1, picks.flatten(1), 1.0)
    load = expert_load(leaf(tokens), experts, chosen, leaf(4))
    assert float(load.active) == pytest.approx(float(hit.sum(-1).mean()) / 4, rel=0.02)
    assert float(load.active * load.rows) == pytest.approx(tokens * chosen / 4, rel=1e-12)
    assert float(load.busiest) > 1.0
    assert float(expert_load(leaf(tokens), experts, chosen, leaf(1)).busiest) == 1.0


def with_experts(operators: Operators, groups: float) -> Operators:
    """The same operators with a layer of experts in place of nothing: `gate_up` `groups` times."""
    place = operators.kinds.index("attention")
    source = operators.names.index("gate_up")

    def widened(value: torch.Tensor) -> torch.Tensor:
        if value.shape[-1] == 1:
            return value
        row = value[..., source : source + 1]
        return torch.cat([value[..., :place], row, value[..., place:]], -1)

    stated = ("names", "kinds", "points", "phases", "weight")
    leaves = {
        field.name: widened(getattr(operators, field.name))
        for field in fields(operators)
        if field.name not in stated
    }
    leaves["groups"][..., place] = groups
    return replace(
        operators,
        names=(*operators.names[:place], "experts", *operators.names[place:]),
        kinds=(*operators.kinds[:place], "grouped_gemm", *operators.kinds[place:]),
        **leaves,
    )


def test_experts_are_reached_from_the_table_of_operators():
    """A row of kind `grouped_gemm` gets time, bytes and operations; the others keep theirs."""
    technology = load_technology()
    pool = load_chip("h100", technology).designs.pools[0]
    width = technology.at("format", "bytes", pool.deployment.format)
    dense = load_workload("llama-3.1-8b", "interactive").operators(pool.deployment, width, "both")
    clock = clock_frequency(technology, compute_die(pool))
    resources = package_resources(technology, pool, clock, torch.zeros_like(clock))
    tables = build_tables()
    plain, mixed = (
        map_operators(operators, pool, resources, technology, tables)
        for operators in (dense, with_experts(dense, 8.0))
    )
    at = mixed.operators.index("experts")
    others = [number for number in range(len(mixed.operators)) if number != at]
    assert torch.equal(mixed.latency[..., others], plain.latency)
    assert torch.equal(mixed.bytes[..., others, :, :], plain.bytes)
    source = mixed.operators.index("gate_up")
    assert torch.equal(mixed.macs[..., at], 8.0 * mixed.macs[..., source])
    weight = mixed.operands.index("weight")
    memory = mixed.bytes[..., mixed.levels.index("memory"), weight]
    assert (memory[..., at] >= 8.0 * dense.columns[..., source] * dense.depth[..., source]).all()
    assert (mixed.latency[..., at] > mixed.latency[..., source]).all()
