"""More hardware never makes the best mapping slower: operators, collectives, whole steps."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import replace_at
from costmodel.timing.attention import AttentionShape, attention_work
from costmodel.timing.collectives import collective_time, fabric
from costmodel.timing.gemm import gemm_time, l1_need, l2_need
from costmodel.timing.mapper import best_mappings
from costmodel.timing.mapping import Product
from costmodel.timing.resources import TILE_SHARE, Resources
from costmodel.timing.tables import build_tables
from tests.costmodel.timing.machines import machine

TABLES = build_tables()
MORE = ("cores", "l1", "l2", "memory_bandwidth", "clock")


def scalar(value: float) -> torch.Tensor:
    return torch.tensor([[float(value)]], dtype=torch.float64)


def grown(r: Resources, leaf: str, factor: float) -> Resources:
    """More of one part; vector lanes belong to cores and come with them."""
    more = {leaf: getattr(r, leaf) * factor}
    if leaf == "cores":
        more["cores"] = torch.ceil(more["cores"])
        more["lanes"] = r.lanes / r.cores * more["cores"]
    return dataclasses.replace(r, **more)


MACHINES = st.builds(
    lambda cores, edge, l1, l2, bandwidth, stationary, overlap: machine(
        cores=float(cores),
        lanes=64.0 * cores,
        rows=float(edge),
        columns=float(edge),
        l1=float(l1),
        l2=float(l2),
        memory_bandwidth=bandwidth,
        weight_stationary=float(stationary),
        overlap=overlap,
        hidden_fill=0.9,
    ),
    st.integers(1, 96),
    st.sampled_from([16, 64, 128]),
    st.sampled_from([2**18, 2**19, 2**20]),
    st.sampled_from([2**22, 2**23, 2**25, 2**27]),
    st.floats(2e11, 8e12),
    st.booleans(),
    st.sampled_from([2.0, 8.0, 30.0]),
)
GROWTH = st.floats(1.01, 4.0)


@given(
    MACHINES,
    st.sampled_from(MORE),
    GROWTH,
    st.sampled_from([16, 96, 512, 2048]),
    st.sampled_from([640, 1024, 4096]),
    st.sampled_from([512, 1500, 4096]),
)
@settings(max_examples=100, deadline=None)
def test_a_larger_machine_runs_every_mapping_no_slower(r, leaf, factor, rows, columns, depth):
    """Hence the best one; what the mapper's look-up loses against it is another matter."""
    product = Product(scalar(rows), scalar(columns), scalar(depth))
    after = grown(r, leaf, factor)
    mapping = best_mappings(product, r, TABLES)
    slow, fast = gemm_time(product, r, mapping), gemm_time(product, after, mapping)
    assert fast <= slow * (1 + 1e-9)
    for need, room in (
        (l1_need(product, after, mapping.rows, mapping.columns), after.l1),
        (l2_need(product, after, mapping), TILE_SHARE * after.l2),
    ):
        assert need <= room


@given(
    MACHINES,
    st.sampled_from(MORE),
    GROWTH,
    st.sampled_from([1, 4, 24, 64]),
    st.sampled_from([1, 200, 600]),
    st.sampled_from([0, 1000, 6000]),
    st.sampled_from([0, 512]),
    st.sampled_from([1, 8]),
)
@settings(max_examples=120, deadline=None)
def test_attention_is_never_slower(r, leaf, factor, groups, queries, cached, window, shared):
    shape = AttentionShape(
        groups=scalar(groups),
        rows=scalar(queries * shared),
        columns=scalar(cached + queries),
        depth=scalar(128),
        value_depth=scalar(128),
        queries=scalar(queries),
        window=scalar(window),
        latent=scalar(0),
        pairs=scalar(queries * shared * (cached + queries)),
    )

    def time(x: Resources) -> float:
        work = attention_work(shape, x)
        parts = (work.array_time, work.vector_time, work.port_time, work.memory_time)
        largest = max(part.item() for part in parts)
        exponent = x.overlap.item()
        return largest * sum((part.item() / largest) ** exponent for part in parts) ** (
            1 / exponent
        )

    assert time(grown(r, leaf, factor)) <= time(r) * (1 + 1e-9)


@pytest.mark.parametrize("leaf", ["links", "link_bandwidth"])
@pytest.mark.parametrize("topology", ["switch", "torus_2d", "torus_3d"])
@given(st.sampled_from([2, 4, 8, 16]), st.floats(1.0, 1e9), st.floats(1.05, 4.0))
@settings(max_examples=25, deadline=None)
def test_more_links_never_slow_a_collective(leaf, topology, group, wire, factor):
    technology = load_technology()
    pool = load_chip("h100").designs.pools[0]
    row = torch.tensor(technology.row("topology", topology))
    pool = replace_at(pool, "package.network.0.topology", row)
    path = f"package.network.0.{leaf}"
    old = getattr(pool.package.network[0], leaf).double()
    size, start = torch.tensor(float(group)), torch.tensor(1e-6, dtype=torch.float64)
    message = torch.tensor([[wire]], dtype=torch.float64)
    for kind in ("all_reduce", "all_gather", "point_to_point"):
        slow, fast = (
            collective_time(
                kind, message, fabric(technology, replace_at(pool, path, value), size), start
            )[0]
            for value in (old, old * factor)
        )
        assert fast <= slow * (1 + 1e-12)
