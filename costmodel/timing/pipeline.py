"""Map all operators of a pool: the one entry point of this package."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

from costmodel.hardware.system import Pool
from costmodel.hardware.technology import Technology
from costmodel.numerics import relax as relaxed
from costmodel.timing.attention import AttentionShape, attention_work
from costmodel.timing.collectives import collective_time, fabric
from costmodel.timing.grouped import GroupedShape, grouped_work
from costmodel.timing.mapped import Mapped
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.products import map_products
from costmodel.timing.resources import Resources
from costmodel.timing.tables import Tables
from costmodel.timing.vector import vector_work
from costmodel.workload.operators import Operators

COLLECTIVES = ("all_reduce", "all_gather", "point_to_point")


def map_operators(
    operators: Operators,
    pool: Pool,
    resources: Resources,
    technology: Technology,
    tables: Tables,
    relax: float = 0.0,
    on_chip: bool = True,
) -> Mapped:
    """Time, bytes and operations of every operator of a pool.

    Parameters
    ----------
    operators : Operators
        Leaves ``[*batch,P,O]``.
    pool : Pool
        Leaves ``[*batch]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    technology : Technology
    tables : Tables
        Candidate mappings.
    relax : float
        0 for exact values, up to 1 for smooth slopes.
    on_chip : bool
        Activations stay on the chip between operators where they fit; False reproduces kernels
        measured alone.
    """
    o, r = operators, resources
    leaves = (*vars(r).values(), o.count, o.rows, o.read, o.wire)
    shape = torch.broadcast_shapes(*(leaf.shape for leaf in leaves))
    zero = torch.zeros(shape, dtype=torch.float64)
    start = technology.at("software", "collective_latency", pool.software)
    fused = technology.at("software", "vector_fusion", pool.software).unsqueeze(-1).unsqueeze(-1)

    g = o.index("gemm")
    product = Product(*(_take(item, g, shape) for item in (o.rows, o.columns, o.depth)))
    products = map_products(product, r, tables, relax, on_chip, stated_mapping(pool))
    gemm = products.work

    e = o.index("grouped_gemm")
    experts = GroupedShape(*(_take(x, e, shape) for x in (o.groups, o.rows, o.columns, o.depth)))
    grouped, _ = grouped_work(experts, r, relax, on_chip)

    a = o.index("attention")
    fields = [getattr(o, field.name) for field in dataclasses.fields(AttentionShape)]
    attention = attention_work(
        AttentionShape(*(_take(item, a, shape) for item in fields)), r, relax, on_chip
    )

    v = slice(o.index("vector").start, o.index("gather").stop)
    operations, exponentials, read, written, cached = (
        _take(item, v, shape)
        for item in (o.operations, o.exponentials, o.read, o.written, o.cached)
    )
    vector = vector_work(operations, exponentials, read, written, cached, r, on_chip)

    net = fabric(technology, pool, pool.deployment.tensor_parallel)
    network, sent = [], []
    for kind in COLLECTIVES:
        time, out = collective_time(kind, _take(o.wire, o.index(kind), shape), net, start, relax)
        network.append(time)
        sent.append(out)

    count_gemm, count_grouped, count_attention = zero[..., g], zero[..., e], zero[..., a]
    count_vector, count_network = zero[..., v], torch.cat(network, -1)
    launch_vector = (r.launch * (1.0 - fused)).expand(count_vector.shape)
    time = torch.cat(
        [
            _parts(gemm.array_time, gemm.vector_time, gemm.port_time, gemm.memory_time,
                   count_gemm, r.launch.expand(count_gemm.shape)),
            _parts(grouped.array_time, grouped.vector_time, grouped.port_time, grouped.memory_time,
                   count_grouped, r.launch.expand(count_grouped.shape)),
            _parts(attention.array_time, attention.vector_time, attention.port_time,
                   attention.memory_time, count_attention,
                   r.launch.expand(count_attention.shape)),
            _parts(count_vector, vector.vector_time, vector.port_time, vector.memory_time,
                   count_vector, launch_vector),
            _parts(*(torch.zeros_like(count_network) for _ in range(4)), count_network,
                   torch.zeros_like(count_network)),
        ],
        -2,
    )  # fmt: skip
    others = relaxed.overlap(time[..., g.stop :, :4].contiguous(), r.overlap)
    busy = torch.cat([gemm.busy.expand(count_gemm.shape), others], -1)
    latency = busy + time[..., 4] + time[..., 5]

    none_v, none_n = count_vector, torch.zeros_like(count_network)
    moved = [
        _levels(gemm.l1_bytes, gemm.l2_bytes, gemm.memory_bytes, cache=False),
        _levels(grouped.l1_bytes, grouped.l2_bytes, grouped.memory_bytes, cache=False),
        _levels(attention.l1_bytes, attention.l2_bytes, attention.memory_bytes, cache=True),
        _levels(
            (vector.l1_bytes, none_v, none_v), (vector.l2_bytes, none_v, none_v),
            vector.memory_bytes, cache=True,
        ),
        _levels((none_n,) * 3, (none_n,) * 3, (none_n,) * 3, cache=False),
    ]  # fmt: skip
    macs = torch.cat(
        [
            product.rows * product.columns * product.depth,
            experts.all_rows * experts.columns * experts.depth,
            attention.macs,
            none_v,
            none_n,
        ],
        -1,
    )
    return Mapped(
        operators=o.names,
        kinds=o.kinds,
        points=o.points,
        phases=o.phases,
        count=o.count.expand(shape),
        latency=latency,
        time=time,
        bytes=torch.cat(moved, -3),
        macs=macs,
        array_cycles=torch.cat(
            [gemm.array_cycles, grouped.array_cycles, attention.array_cycles, none_v, none_n], -1
        ),
        vector_operations=torch.cat(
            [
                gemm.vector_operations,
                grouped.vector_operations,
                attention.vector_operations,
                vector.vector_operations,
                none_n,
            ],
            -1,
        ),
        network_bytes=torch.cat(
            [count_gemm, count_grouped, count_attention, none_v, torch.cat(sent, -1)], -1
        ),
        tile=dict(vars(products.mapping)),
        tile_fits=products.fits.flatten(-2).amax(-1),
        products=products,
        mappings=tables.mappings * product.rows.shape[-1] * product.rows.shape[-2],
    )


def slow_memory(mapped: Mapped, loss: Tensor, resources: Resources) -> Mapped:
    """The same mapping when a share of the memory bandwidth is lost to extra refresh.

    Parameters
    ----------
    mapped : Mapped
    loss : Tensor [*batch]
        Share of the bandwidth lost [1].
    resources : Resources
        Leaves ``[*batch,1,1]``, with the bandwidth that nothing was lost of.
    """
    slower = (1.0 / (1.0 - loss)).unsqueeze(-1).unsqueeze(-1)
    parts = list(mapped.time.unbind(-1))
    parts[3] = parts[3] * slower
    time = _parts(*parts)
    busy = relaxed.overlap(time[..., :4].contiguous(), resources.overlap)
    if mapped.products is not None:
        gemm = mapped.products.busy(slower, resources)
        busy = torch.cat([gemm, busy[..., gemm.shape[-1] :]], -1)
    return dataclasses.replace(mapped, time=time, latency=busy + time[..., 4] + time[..., 5])


def stated_mapping(pool: Pool) -> Mapping | None:
    """The mapping that designs state, or None when none of them does."""
    d = pool.deployment
    if not bool((d.tile_rows > 0).any()):
        return None
    leaves = (
        d.tile_rows, d.tile_columns, d.depth_pieces,
        d.block_rows, d.block_columns, d.block_depth, d.loop_order, d.hold,
    )  # fmt: skip
    return Mapping(*(leaf.double().unsqueeze(-1).unsqueeze(-1) for leaf in leaves))


def _take(value: Tensor, where: slice, shape: torch.Size) -> Tensor:
    """Operators of one kind, with the full batch shape and contiguous."""
    return value[..., where].expand(*shape[:-1], where.stop - where.start).contiguous()


def _parts(*parts: Tensor) -> Tensor:
    return torch.stack(torch.broadcast_tensors(*parts), -1)


def _levels(
    l1: tuple[Tensor, ...], l2: tuple[Tensor, ...], memory: tuple[Tensor, ...], cache: bool
) -> Tensor:
    """Bytes ``[*batch,P,o,L,T]``: the second operand is the KV cache or the weights."""
    rows = []
    for level in (l1, l2, memory):
        first, second, third = torch.broadcast_tensors(*level)
        nothing = torch.zeros_like(first)
        middle = (nothing, second) if cache else (second, nothing)
        rows.append(torch.stack([first, *middle, third], -1))
    return torch.stack(rows, -2)
