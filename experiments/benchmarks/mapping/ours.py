"""Our model of the matched machine, as a study would score it, and what its time is made of."""

from __future__ import annotations

import dataclasses
import time
from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.loading import load_technology
from costmodel.physics.clock import clock_frequency
from costmodel.timing.class_sum import ClassSum, class_sum
from costmodel.timing.gemm import Pipeline, gemm_work
from costmodel.timing.mapper import best_mappings
from costmodel.timing.mapping import ORDERS, Mapping, Product
from costmodel.timing.resources import TILE_SHARE, Resources, compute_die, package_resources
from costmodel.timing.tables import Tables, build_tables
from costmodel.timing.work import Work
from experiments.benchmarks.mapping.machine import Gemm, Machine
from experiments.benchmarks.mapping.points import POINTS, WARM_SEED, Points, one, scattered

CHIP = "tpu-v4"
"""Where all comes from that the matched machine leaves open: overlap, hidden fill, turnaround."""
AMPLE = 1e12
"""Of what never binds."""
PERFECT = {
    "overlap": 1e18,
    "hidden_fill": 1.0,
    "write_turnaround": 0.0,
    "burst": 1.0,
    "accumulator_bytes": 2.0,
}
"""Our own model with what AccelForge assumes, as far as it can: two copies of a block, the first
load and one fill stay."""
FEW = 64
"""Other points that the cold mapper answers: they make it build all that it will need."""


@dataclass(frozen=True)
class Score:
    """Our latency of one machine."""

    cycles: float
    terms: dict[str, float]  # [cycle]
    moved: float  # between memory and SRAM [byte]
    need: float  # of the SRAM and of a core's, the larger share [1]
    mapping: str
    exponent: float  # of imperfect overlap


def resources(machine: Machine, points: Points, **changes: float) -> Resources:
    """The matched machine at hardware points; leaves ``[B,1,1]`` or ``[1,1]``.

    All of the SRAM is the GEMM's: our mapper takes a share of the shared SRAM, so it is told of
    more. Software efficiencies and launches are left out, as the peers have none. `changes`
    replace single values.
    """
    technology = load_technology()
    pool = load_chip(CHIP, technology).designs.pools[0]
    clock = clock_frequency(technology, compute_die(pool))
    base = package_resources(technology, pool, clock, torch.zeros_like(clock))
    given = {
        "cores": 1.0,
        "arrays": 1.0,
        "rows": float(machine.rows),
        "columns": float(machine.columns),
        "rate": 1.0,
        "weight_stationary": 1.0,
        "input_stationary": 0.0,
        "instruction_depth": 0.0,
        "hardware_scheduled": 0.0,
        "has_memory": 1.0,
        "element_bytes": float(machine.element),
        "accumulator_bytes": float(machine.accumulator),
        "port_width": AMPLE,
        "lanes": AMPLE,
        "array_efficiency": 1.0,
        "vector_efficiency": 1.0,
        "launch": 0.0,
        "prefetch": 0.0,
    } | changes
    fixed = {key: torch.full((1, 1), value, dtype=torch.float64) for key, value in given.items()}
    varied = {
        "clock": points.clock,
        "l1": points.sram,
        "l2": points.sram / TILE_SHARE,
        "memory_bandwidth": points.bandwidth,
    }
    moving = {key: value.reshape(-1, 1, 1) for key, value in varied.items()}
    return dataclasses.replace(base, **fixed, **moving)


def product_of(gemm: Gemm) -> Product:
    """A GEMM; leaves ``[1,1]``."""
    sizes = (gemm.rows, gemm.columns, gemm.depth)
    return Product(*(torch.full((1, 1), float(size), dtype=torch.float64) for size in sizes))


def score(machine: Machine, gemm: Gemm, tables: Tables, **changes: float) -> Score:
    """Our best latency, and the cycles it is made of; `changes` replace values of `resources`."""
    r, product = resources(machine, one(machine), **changes), product_of(gemm)
    mapping = best_mappings(product, r, tables, on_chip=False)
    work, pipeline = gemm_work(product, r, mapping, on_chip=False)
    real = _sum(pipeline, pipeline.overlap)
    sharp = _sum(pipeline, torch.full_like(pipeline.overlap, torch.inf))
    ideal = gemm.macs / (machine.rows * machine.columns)
    total, perfect, head, compute = (
        machine.clock * float(value)
        for value in (real.total, sharp.total, sharp.head, sharp.compute)
    )
    return Score(
        cycles=total,
        terms={
            "multiply-accumulates": ideal,
            "array not full": compute - ideal,
            "first load": head,
            "waiting for memory": perfect - head - compute,
            "last store": 0.0,
            "imperfect overlap": total - perfect,
        },
        moved=float(sum(work.memory_bytes)),
        need=float(_need(work, r).max()),
        mapping=words(mapping),
        exponent=float(pipeline.overlap),
    )


def words(mapping: Mapping) -> str:
    """A mapping of one GEMM on one line."""
    sizes = [int(getattr(mapping, f"block_{side}")) for side in ("rows", "columns", "depth")]
    hold = int(mapping.hold)
    kept = "".join(name for bit, name in enumerate("ABC") if hold >> bit & 1)
    text = f"blocks {' x '.join(map(str, sizes))} (m, n, k), loops {ORDERS[int(mapping.order)]}"
    return text + (f", {kept} stays" if kept else "")


def _need(work: Work, r: Resources) -> Tensor:
    """What a mapping needs over what there is ``[*batch,P,G]`` [1]."""
    return torch.maximum(work.l1_need / r.l1, work.l2_need / (TILE_SHARE * r.l2))


def _sum(pipeline: Pipeline, exponent: Tensor) -> ClassSum:
    t = pipeline.transfers
    return class_sum(
        pipeline.product,
        pipeline.mapping,
        t.activation * t.read,
        t.weight * t.read,
        t.partial * t.read,
        t.output * t.written,
        t.partial * t.written,
        pipeline.compute,
        exponent,
    )


@dataclass(frozen=True)
class Speed:
    """Processor time on one thread."""

    cold: float  # build what the machine's geometry and the GEMM decide [s]
    warm: float  # one more hardware point [s]
    need: float  # the largest of all points, of the SRAM or of a core's [1]


def speed(machine: Machine, gemm: Gemm) -> Speed:
    """Of our mapper: everything from nothing, then hardware points that were never seen."""
    product, few = product_of(gemm), resources(machine, scattered(FEW, WARM_SEED))
    r = resources(machine, scattered())
    begin = time.process_time()
    tables = build_tables()
    best_mappings(product, few, tables, on_chip=False)
    cold = time.process_time() - begin
    begin = time.process_time()
    mapping = best_mappings(product, r, tables, on_chip=False)
    warm = (time.process_time() - begin) / POINTS
    work, _ = gemm_work(product, r, mapping, on_chip=False)
    return Speed(cold, warm, float(_need(work, r).max()))
