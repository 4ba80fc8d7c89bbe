"""The whole flow on one page: designs and a workload in, metrics and violations out.

    workload -> operators --+                       +-> latency --+
                            +-> mapping -> traffic -+-> energy ---+-> power -> temperature
    hardware -> resources --+                       +-> area -----+-> yield -> cost -> TCO

Pure: opens no file, keeps no state. Batches run in pieces of fixed widths, padded with the last
design, so that a design's values do not depend on the batch that it came in.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from costmodel.economics.cost import package_cost, unit_price
from costmodel.economics.tco import total_cost
from costmodel.hardware.system import Designs, Pool, leaves, map_leaves
from costmodel.hardware.technology import Technology
from costmodel.limits import Limits
from costmodel.metrics import Metrics, Work
from costmodel.numerics.batches import pieces
from costmodel.physics.area import package_areas
from costmodel.physics.clock import package_clocks
from costmodel.physics.energy import operator_energy
from costmodel.physics.floorplan import plan
from costmodel.physics.power import package_power
from costmodel.physics.thermal import refresh_loss, solve
from costmodel.pool import PoolResult
from costmodel.summary import join_chunks, summarise
from costmodel.timing.pipeline import map_operators, slow_memory
from costmodel.timing.resources import (
    compute_die,
    memory_bandwidth,
    memory_capacity,
    package_resources,
)
from costmodel.timing.tables import Tables
from costmodel.workload.operators import Workload


def evaluate(
    designs: Designs,
    workload: Workload,
    technology: Technology,
    tables: Tables,
    *,
    limits: Limits | None = None,
    relax: float = 0.0,
) -> Metrics:
    """Evaluate a batch of designs on a workload.

    Parameters
    ----------
    designs : Designs
        Leaves of any common batch shape ``[*batch]``.
    workload : Workload
        Model and traffic mix.
    technology : Technology
        Columns ``[rows]``, or sampled ``[S,1,rows]``: results are then ``[S,*batch]`` for a
        batch of one dimension.
    tables : Tables
        Candidate mappings, from `build_tables`.
    limits : Limits, optional
        What a design may not exceed; validity is always checked.
    relax : float
        0.0 for exact values; ``0 < relax <= 1`` for smooth slopes (never to report or rank).

    Returns
    -------
    Metrics
        Named values ``[*batch]``, violations ``[*batch,G]``, breakdowns.

    Examples
    --------
    The H100 serves more users at once for less money each, until they wait too long:

    >>> import costmodel
    >>> h100 = costmodel.load_chip("h100").designs
    >>> swept = costmodel.replace_at(h100, "pools.0.deployment.batch", torch.tensor([8, 64]))
    >>> workload = costmodel.load_workload("llama-3.1-70b", "interactive")
    >>> technology, tables = costmodel.load_technology(), costmodel.build_tables()
    >>> metrics = costmodel.evaluate(swept, workload, technology, tables)
    >>> few, many = metrics["cost_per_mtoken"]
    >>> bool(many < few)
    True
    >>> quick, slow = metrics["tpot"]
    >>> bool(quick < slow)
    True
    """
    limits = limits or Limits()
    shape = designs.batch_shape
    count = shape.numel()
    flat = map_leaves(designs, lambda leaf: leaf.expand(shape).reshape(count))
    chunks = []
    parts = pieces(count)
    for part in parts:
        index = torch.arange(part.start, part.start + part.width).clamp_max(count - 1)
        chunk = map_leaves(flat, partial(torch.index_select, dim=0, index=index))
        chunks.append(_evaluate(chunk, workload, technology, tables, limits, relax))
    return join_chunks(chunks, count, sum(part.width for part in parts), shape)


def _evaluate(
    designs: Designs,
    workload: Workload,
    technology: Technology,
    tables: Tables,
    limits: Limits,
    relax: float,
) -> Metrics:
    """One piece of a batch ``[width]``."""
    pools = [
        evaluate_pool(pool, workload, technology, tables, relax=relax) for pool in designs.pools
    ]
    width = next(leaves(designs)).shape[0]
    work = Work(designs=width, mappings=width * sum(pool.mapped.mappings for pool in pools))
    return summarise(pools, workload, technology, limits, work)


def evaluate_pool(
    pool: Pool, workload: Workload, technology: Technology, tables: Tables, *, relax: float = 0.0
) -> PoolResult:
    """The chain of models for one pool of identical packages ``[*batch]``."""
    package, deployment = pool.package, pool.deployment
    width = technology.at("format", "bytes", deployment.format)
    clocks = package_clocks(technology, package)
    clock = clocks[package.dies.index(compute_die(pool))]
    operators = workload.operators(deployment, width, pool.role, relax)
    resources = package_resources(technology, pool, clock, torch.zeros_like(clock))
    mapped = map_operators(operators, pool, resources, technology, tables, relax)

    areas = package_areas(technology, package)
    floorplan = plan(technology, package, areas, relax)
    energy = operator_energy(technology, pool, mapped, areas)
    seconds = busy_seconds(workload, pool, mapped.step, mapped.points)
    shares = seconds / seconds.sum(-1, keepdim=True)
    power = package_power(technology, pool, mapped, energy, areas, clocks, mapped.step)
    thermal = solve(technology, pool, power, areas, shares)

    # Hot memory refreshes more often. Power is kept at the faster, hence hotter, step.
    loss = refresh_loss(technology, pool, thermal.memory_peak)
    mapped = slow_memory(mapped, loss, resources)
    seconds = busy_seconds(workload, pool, mapped.step, mapped.points)

    cost = package_cost(technology, pool, areas, floorplan)
    volume = workload.scenario.volume or technology.constant("volume_default")
    price = unit_price(pool, cost, volume)
    tco = total_cost(technology, pool, price, thermal.power_average, thermal.power_peak)
    held = workload.weight_bytes(deployment, width) + workload.cache_bytes(deployment, width)
    return PoolResult(
        pool=pool,
        clock=clock,
        resources=resources,
        mapped=mapped,
        areas=areas,
        floorplan=floorplan,
        energy=energy,
        power=power,
        thermal=thermal,
        refresh_loss=loss,
        cost=cost,
        price=price,
        tco=tco,
        seconds=seconds,
        weight=operators.weight,
        memory_bandwidth=memory_bandwidth(technology, pool, torch.zeros_like(loss)),
        memory_used=held / memory_capacity(technology, pool).clamp_min(1.0),
    )


def busy_seconds(workload: Workload, pool: Pool, step: Tensor, points: tuple[str, ...]) -> Tensor:
    """Time that one request keeps a package of the pool busy, by point ``[*batch,P]`` [s].

    Notes
    -----
    A stage is busy for one step in a prefill. In decode a step of ``pipeline_parallel`` stages
    advances the whole batch by a token, so a request takes generated x stages x step / batch.
    """
    stages = pool.deployment.pipeline_parallel.double()
    batch = pool.deployment.batch.double()
    requests = {request.name: request for request in workload.scenario.requests}
    factors = []
    for point in points:
        name, _, phase = point.rpartition("/")
        request = requests[name]
        share = torch.ones_like(batch)
        if phase == "decode":
            share = request.generated_tokens * stages / batch
        factors.append(request.weight * share)
    return step * torch.stack(factors, -1)
