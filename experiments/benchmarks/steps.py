"""Time of a step before heat is asked about, and designs with one part of the hardware changed."""

from __future__ import annotations

import torch
from torch import Tensor

from costmodel.hardware.system import Designs, Pool, map_leaves, replace_at
from costmodel.physics.clock import package_clocks
from costmodel.timing.mapped import Mapped
from costmodel.timing.pipeline import map_operators
from costmodel.timing.resources import Resources, compute_die, package_resources
from costmodel.workload.operators import Operators
from search.pricing import CostModel

PARTS = {
    "bandwidth": "package.memory.0.rate_fraction",
    "clock": "package.dies.0.clock_scale",
    "cores": "package.dies.0.cores_enabled",
    "vector lanes": "package.dies.0.vector_lanes",
    "scratchpad": "package.dies.0.l1_bytes",
    "shared SRAM": "package.dies.0.l2_bytes",
    "links": "package.network.0.link_bandwidth",
}
"""Hardware that slopes and comparisons move, and its leaf in a pool."""


def operators_of(model: CostModel, pool: Pool, relax: float = 0.0) -> Operators:
    """Operators that a pool runs."""
    width = model.technology.at("format", "bytes", pool.deployment.format)
    return model.workload.operators(pool.deployment, width, pool.role, relax)


def resources_of(model: CostModel, pool: Pool) -> Resources:
    """What a pool's packages offer while memory is cool."""
    clocks = package_clocks(model.technology, pool.package)
    clock = clocks[pool.package.dies.index(compute_die(pool))]
    return package_resources(model.technology, pool, clock, torch.zeros_like(clock))


def map_pool(model: CostModel, pool: Pool, relax: float = 0.0) -> Mapped:
    """Operators of a pool, mapped as `evaluate` maps them before memory gets hot."""
    operators, resources = operators_of(model, pool, relax), resources_of(model, pool)
    return map_operators(operators, pool, resources, model.technology, model.tables, relax)


def step_times(model: CostModel, pool: Pool, relax: float = 0.0) -> Tensor:
    """Time of a step of each point of the workload ``[B,P]`` [s]."""
    return map_pool(model, pool, relax).step


def spread(designs: Designs, rows: int) -> Pool:
    """The one pool of designs with every leaf of shape ``[rows]``."""
    (pool,) = designs.pools
    return map_leaves(pool, lambda leaf: leaf.expand(rows))


def leaf(pool: Pool, part: str) -> Tensor:
    """A part of the hardware of every design ``[B]``, in SI."""
    record: object = pool
    for name in PARTS[part].split("."):
        record = record[int(name)] if isinstance(record, tuple) else getattr(record, name)
    assert isinstance(record, Tensor)
    return record.double()


def changed(pool: Pool, part: str, value: Tensor) -> Pool:
    """The same pool with one part of the hardware replaced."""
    return replace_at(pool, PARTS[part], value)


def random_pool(model: CostModel, rows: int, seed: int) -> Pool:
    """Random designs of the model's space."""
    space = model.decoder.space
    low, high = space.bounds()
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(rows, len(low), generator=generator, dtype=torch.float64)
    x = space.canonical((low + share * (high - low)).round())
    return spread(model.decoder.decode(x), rows)


def select(pool: Pool, rows: Tensor) -> Pool:
    """Some of the designs of a batch."""
    return map_leaves(pool, lambda item: item.index_select(0, rows))
