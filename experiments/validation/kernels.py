"""Predict kernels measured alone: matrix products, attention, collectives of known GPUs."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.system import Pool
from costmodel.hardware.technology import Technology
from costmodel.numerics.relax import overlap
from costmodel.physics.clock import clock_frequency
from costmodel.timing.attention import AttentionShape, attention_work
from costmodel.timing.collectives import collective_time, fabric
from costmodel.timing.mapper import Product, best_tiles, gemm_work
from costmodel.timing.resources import Resources, compute_die, package_resources
from costmodel.timing.tables import build_tables
from costmodel.workload.operators import SOFTMAX_OPERATIONS, scored_context
from experiments.validation.rows import Row

CHIPS = {"A100-SXM4-80GB": "a100", "H100-SXM5-80GB": "h100", "H200-SXM5-141GB": "h200"}
FORMATS = {"bf16": "bf16", "fp16": "fp16", "fp8": "fp8", "int8": "int8"}
TABLES = build_tables()


def pool_of(chip: str, precision: str, technology: Technology) -> Pool:
    """A known chip set to a precision."""
    pool = load_chip(CHIPS[chip], technology).designs.pools[0]
    row = torch.tensor(technology.row("format", FORMATS[precision]))
    return dataclasses.replace(pool, deployment=dataclasses.replace(pool.deployment, format=row))


def resources_of(pool: Pool, technology: Technology) -> Resources:
    """Its resources at its clock, memory cool."""
    clock = clock_frequency(technology, compute_die(pool))
    return package_resources(technology, pool, clock, torch.zeros_like(clock))


def columns(*values: list[float]) -> tuple[Tensor, ...]:
    """Lists of numbers, one a row, as ``[N,1]``."""
    return tuple(torch.tensor(item, dtype=torch.float64).unsqueeze(-1) for item in values)


def gemm_latency(rows: tuple[Row, ...], resources: Resources) -> Tensor:
    """Predicted latency ``[N]`` of matrix products with cold operands [s]."""
    m, n, k = columns(*([float(row.shape[key]) for row in rows] for key in "MNK"))
    product = Product(m, n, k)
    work = gemm_work(
        product, resources, best_tiles(product, resources, TABLES, on_chip=False), on_chip=False
    )
    parts = torch.stack(
        torch.broadcast_tensors(
            work.array_time, work.vector_time, work.port_time, work.memory_time
        ),
        -1,
    )
    return (overlap(parts, resources.overlap) + resources.launch).squeeze(-1)


def attention_latency(rows: tuple[Row, ...], resources: Resources) -> Tensor:
    """Predicted latency ``[N]`` of fused attention kernels with cold operands [s]."""
    fields: list[list[float]] = [[] for _ in range(7)]
    for row in rows:
        heads, kv_heads = int(row.shape["heads"]), int(row.shape["kv_heads"])
        width, context = int(row.shape["head_dim"]), int(row.shape["kv_len"])
        new = context if row.phase.startswith("prefill") else 1
        batch = int(row.batch)
        shared = heads // kv_heads
        cached = context - new
        pairs = new * cached + new * (new + 1) // 2
        scored = scored_context(new, cached, shared)
        scores = float(batch * heads * pairs)
        values = (
            batch * kv_heads,
            new * shared,
            context,
            width,
            scored,
            SOFTMAX_OPERATIONS * scores,
            scores,
        )
        for store, value in zip(fields, values, strict=True):
            store.append(float(value))
    work = attention_work(AttentionShape(*columns(*fields)), resources, on_chip=False)
    parts = torch.stack(
        torch.broadcast_tensors(
            work.array_time, work.vector_time, work.port_time, work.memory_time
        ),
        -1,
    )
    return (overlap(parts, resources.overlap) + resources.launch).squeeze(-1)


def all_reduce_latency(rows: tuple[Row, ...], pool: Pool, technology: Technology) -> Tensor:
    """Predicted latency ``[N]`` of all-reduces inside one scale-up domain [s]."""
    (wire,) = columns([message_bytes(row) for row in rows])
    group = torch.tensor([float(row.chips) for row in rows], dtype=torch.float64)
    start = technology.at("software", "collective_latency", pool.software)
    net = fabric(technology, pool, group)
    net = dataclasses.replace(
        net,
        **{
            field.name: getattr(net, field.name).expand(group.shape)
            for field in dataclasses.fields(net)
        },
    )
    time, _ = collective_time("all_reduce", wire.unsqueeze(-1), net, start.expand(group.shape))
    return time.squeeze(-1).squeeze(-1)


def message_bytes(row: Row) -> float:
    """Size of the vector that is reduced; TensorRT-LLM states elements of two bytes."""
    if "bytes" in row.shape:
        return float(row.shape["bytes"])
    return 2.0 * float(row.shape["elements"])
