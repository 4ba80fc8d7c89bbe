"""Matrix products of every design: each machine by the way it is scheduled.

Where hardware deals tiles to cores (`hardware_scheduled`), or no SRAM is shared, the tile set of a
kernel library is weighed; where a compiler lays out a pipeline of blocks, the mapper looks for the
best one. A design may also state its tiles (`Mapping` given): then nothing is searched.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeVar

import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.gemm import Pipeline, gemm_work
from costmodel.timing.library import Tile, best_tiles, wave_mapping, wave_work
from costmodel.timing.mapper import best_mappings
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import TILE_SHARE, Resources
from costmodel.timing.tables import Tables
from costmodel.timing.work import Work

Record = TypeVar("Record", Work, Mapping)


@dataclass(frozen=True)
class Products:
    """Matrix products of designs, mapped; leaves ``[*batch,P,G]``."""

    work: Work
    mapping: Mapping
    fits: Tensor  # largest need over what there is, of L1 and of the shared SRAM [1]
    pipeline: Pipeline | None  # of the compiled machines among the designs
    by_hardware: Tensor  # [*batch,1,1]

    def busy(self, slower: Tensor, resources: Resources) -> Tensor:
        """Time when memory takes `slower` times as long, the mapping unchanged [s]."""
        work = self.work
        parts = (work.array_time, work.vector_time, work.port_time, work.memory_time * slower)
        waves = relaxed.overlap(torch.stack(torch.broadcast_tensors(*parts), -1), resources.overlap)
        if self.pipeline is None:
            return waves
        return torch.where(self.by_hardware > 0, waves, self.pipeline.busy(slower))


def map_products(
    product: Product,
    resources: Resources,
    tables: Tables,
    relax: float = 0.0,
    on_chip: bool = True,
    stated: Mapping | None = None,
) -> Products:
    """Map products and count what they cost.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    tables : Tables
        Candidate mappings.
    relax : float
        0 for exact counts.
    on_chip : bool
        Activations stay in the shared SRAM between operators where they fit.
    stated : Mapping, optional
        Mappings to use, leaves that broadcast to ``[*batch,P,G]``, where `rows` is above 0;
        clipped to the product. Elsewhere the best one is looked for.
    """
    r = resources
    # Without a shared SRAM there is no block to hold: every core fetches its own tiles.
    by_hardware = torch.maximum(r.hardware_scheduled, (r.l2 <= 0).double())
    ours = stated is None or bool((stated.rows <= 0).any())
    work: Work | None = None
    mapping: Mapping | None = None
    pipeline: Pipeline | None = None
    if bool((by_hardware > 0).any()):
        tile = best_tiles(product, r, tables.library, on_chip)
        if stated is not None:
            tile = _stated_tile(stated, tile)
        work = wave_work(product, r, tile, relax, on_chip)
        mapping = wave_mapping(product, r, tile)
    if bool((by_hardware == 0).any()):
        chosen = best_mappings(product, r, tables, on_chip) if ours else None
        if stated is not None:
            chosen = _stated_mapping(product, stated, chosen)
        assert chosen is not None
        compiled, pipeline = gemm_work(product, r, chosen, relax, on_chip)
        work = compiled if work is None else _choose(by_hardware, work, compiled)
        mapping = chosen if mapping is None else _choose(by_hardware, mapping, chosen)
    assert work is not None
    assert mapping is not None
    need = torch.maximum(
        work.l1_need / r.l1.clamp_min(1.0), work.l2_need / (TILE_SHARE * r.l2).clamp_min(1.0)
    )
    return Products(work, mapping, need, pipeline, by_hardware)


def _choose(condition: Tensor, first: Record, second: Record) -> Record:
    """Leaf by leaf, the first record where the condition holds."""

    def pick(a: Any, b: Any) -> Any:
        if isinstance(a, tuple):
            return tuple(torch.where(condition > 0, x, y) for x, y in zip(a, b, strict=True))
        return torch.where(condition > 0, a, b)

    values = {item.name: pick(getattr(first, item.name), getattr(second, item.name))
              for item in fields(first)}  # fmt: skip
    return type(first)(**values)


def _stated_tile(stated: Mapping, best: Tile) -> Tile:
    given = stated.rows > 0
    group = torch.ceil(stated.block_rows / stated.rows.clamp_min(1.0)).clamp_min(1.0)
    return Tile(
        rows=torch.where(given, stated.rows, best.rows),
        columns=torch.where(given, stated.columns, best.columns),
        fill_cores=torch.where(given, (stated.pieces > 1.0).double(), best.fill_cores),
        group_rows=torch.where(given, group, best.group_rows),
        hold=torch.where(given, stated.hold.clamp_max(2.0), best.hold),
    )


def _stated_mapping(product: Product, stated: Mapping, best: Mapping | None) -> Mapping:
    """What is stated, no larger than the product and no tile larger than its block."""
    rows = torch.minimum(stated.block_rows, product.rows)
    columns = torch.minimum(stated.block_columns, product.columns)
    depth = torch.minimum(stated.block_depth, product.depth)
    clipped = Mapping(
        rows=torch.minimum(stated.rows, rows),
        columns=torch.minimum(stated.columns, columns),
        pieces=torch.minimum(stated.pieces, depth),
        block_rows=rows,
        block_columns=columns,
        block_depth=depth,
        order=stated.order.expand_as(rows),
        hold=stated.hold.expand_as(rows),
    )
    if best is None:
        return clipped
    return _choose((stated.rows > 0).double(), clipped, best)
