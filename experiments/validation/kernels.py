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
from costmodel.timing.attention import AttentionShape, AttentionWork, attention_work
from costmodel.timing.collectives import collective_time, fabric
from costmodel.timing.mapping import Product
from costmodel.timing.products import map_products
from costmodel.timing.resources import Resources, compute_die, package_resources
from costmodel.timing.tables import build_tables
from costmodel.timing.vector import VectorWork, vector_work
from costmodel.timing.work import Work
from costmodel.workload.operations import COSTS, WIDE_BYTES
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
    """Predicted latency ``[N]`` of matrix products with cold operands, of one precision [s].

    What is measured in fp8 is a linear layer with 16-bit activations in and out: one kernel looks
    for the largest value, one scales and rounds, then the product runs and writes 16 bits.
    """
    r = resources
    m, n, k = columns(*([float(row.shape[key]) for row in rows] for key in "MNK"))
    work = map_products(Product(m, n, k), r, TABLES, on_chip=False).work
    if rows[0].precision != "fp8":
        return (work.busy + r.launch).squeeze(-1)
    wider = m * n * (WIDE_BYTES - r.element_bytes)
    work = dataclasses.replace(work, memory_time=work.memory_time + wider / r.memory_bandwidth)
    none = torch.zeros_like(m)
    quantise = vector_work(
        COSTS["quantise"].operations * m * k, none, 2.0 * WIDE_BYTES * m * k,
        r.element_bytes * m * k, none, r, on_chip=False,
    )  # fmt: skip
    busy = _busy(work, work.array_time, r) + _busy(quantise, none, r)
    return (busy + 3.0 * r.launch).squeeze(-1)


def attention_latency(rows: tuple[Row, ...], resources: Resources) -> Tensor:
    """Predicted latency ``[N]`` of attention operators with cold operands [s].

    The measured operator takes packed queries, keys and values: it turns them by their position
    and appends to the cache before it attends, so two kernels are predicted and added.
    """
    fields: list[list[float]] = [[] for _ in range(10)]
    for row in rows:
        heads, kv_heads = int(row.shape["heads"]), int(row.shape["kv_heads"])
        width, context = int(row.shape["head_dim"]), int(row.shape["kv_len"])
        new = context if row.phase.startswith("prefill") else 1
        batch, shared = int(row.batch), heads // kv_heads
        pairs = new * (context - new) + new * (new + 1) // 2
        shape = (batch * kv_heads, new * shared, context, width, width, new, 0, 0, shared * pairs)
        for store, value in zip(fields, (*shape, batch * new * kv_heads * width), strict=True):
            store.append(float(value))
    *leaves, keys = columns(*fields)
    shape_of = AttentionShape(*leaves)
    work = attention_work(shape_of, resources, on_chip=False)
    queries = shape_of.groups * shape_of.rows * shape_of.depth
    none = torch.zeros_like(keys)
    every = queries + 2.0 * keys
    byte = resources.element_bytes
    rotary = vector_work(
        COSTS["rotary"].operations * every, none, every * byte, queries * byte, 2.0 * keys * byte,
        resources, on_chip=False,
    )  # fmt: skip
    launches = 2.0 * resources.launch
    attend = _busy(work, work.array_time, resources)
    return (attend + _busy(rotary, none, resources) + launches).squeeze(-1)


def _busy(work: AttentionWork | VectorWork | Work, array: Tensor, resources: Resources) -> Tensor:
    parts = torch.broadcast_tensors(array, work.vector_time, work.port_time, work.memory_time)
    return overlap(torch.stack(parts, -1), resources.overlap)


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
