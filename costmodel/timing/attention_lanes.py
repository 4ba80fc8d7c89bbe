"""What a tile, a unit and a partial result of fused attention cost on each lane of a core."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from costmodel.timing.arrays import tile_cycles
from costmodel.timing.resources import TILE_SHARE, Resources, spill
from costmodel.workload.operations import COSTS, WIDE_BYTES

SOFTMAX_OPERATIONS = COSTS["softmax"].operations
"""Of a score, beside its exponential [op]."""

RESCALE_OPERATIONS = COSTS["rescale"].operations
"""Of an element of the running output, each tile [op]."""

COMBINE_OPERATIONS = COSTS["combine"].operations
"""Of an element of a partial output [op]."""


@dataclass(frozen=True)
class AttentionShape:
    """Fused attention operators, leaves ``[*batch,P,A]``; see `Operators` for the words."""

    groups: Tensor
    rows: Tensor
    columns: Tensor
    depth: Tensor
    value_depth: Tensor
    queries: Tensor
    window: Tensor
    latent: Tensor
    pairs: Tensor

    @property
    def shared(self) -> Tensor:
        """Query heads that share a key head [count]."""
        return torch.ceil(self.rows / self.queries.clamp_min(1.0) - 1e-9).clamp_min(1.0)

    @property
    def token_words(self) -> Tensor:
        """Words of keys and values of a token; latent values are a part of the key [count]."""
        return self.depth + (1.0 - self.latent) * self.value_depth


@dataclass(frozen=True)
class Lanes:
    """Seconds of array, vector, exponential and port lane, each ``[*batch,P,A(,X)]``."""

    tile: tuple[Tensor, ...]  # for a score tile on its core
    unit: tuple[Tensor, ...]  # for a unit on its core
    part: tuple[Tensor, ...]  # for a partial result, dealt evenly to all cores
    tile_cycles: Tensor
    unit_cycles: Tensor
    block_rows: Tensor
    footprint: Tensor  # in L1 and registers [byte]


def lanes_of(
    shape: AttentionShape, r: Resources, rows: Tensor, tokens: Tensor, relax: float
) -> Lanes:
    """What a tile, a unit and a partial result cost on each lane."""
    depth, values = shape.depth, shape.value_depth
    shared = shape.shared
    block = torch.minimum(torch.floor(rows / shared).clamp_min(1.0), shape.queries) * shared
    block = torch.minimum(block, rows)
    nothing = torch.zeros_like(block)
    # Fill and drain are hidden between the tiles of a unit, not between units.
    exposed = tile_cycles(r, nothing, nothing, nothing, relax)
    score = tile_cycles(r, block, tokens, depth, relax) - exposed
    output = tile_cycles(r, block, values, tokens, relax) - exposed
    scores = block * tokens
    separate = r.exponential_unit
    exponentials = scores * r.exponential_cost
    operations = scores * SOFTMAX_OPERATIONS + block * values * RESCALE_OPERATIONS
    second = 1.0 / (r.lanes / r.cores * r.clock * r.vector_efficiency)
    array = 1.0 / (r.clock * r.attention_efficiency)
    port = 1.0 / (r.port_width * r.clock)
    width, accumulate = r.element_bytes, r.accumulator_bytes
    combined = block * r.exponential_cost
    return Lanes(
        tile=(
            (score + output) * array,
            (operations + (1.0 - separate) * exponentials) * second,
            separate * exponentials * second,
            tokens * shape.token_words * width * port,
        ),
        unit=(
            2.0 * exposed * array,
            block * values * quantise_operations(r) * second,
            nothing,
            block * (depth + values) * width * port,
        ),
        part=(
            nothing,
            (block * values * COMBINE_OPERATIONS + (1.0 - separate) * combined) * second / r.cores,
            separate * combined * second / r.cores,
            2.0 * block * values * accumulate * port / r.cores,
        ),
        tile_cycles=score + output,
        unit_cycles=2.0 * exposed,
        block_rows=block,
        footprint=block * depth * width
        + 2.0 * tokens * shape.token_words * width
        + block * (tokens + values) * accumulate,
    )


def quantise_operations(r: Resources) -> Tensor:
    """Of an element of the output, where formats are narrow [op]."""
    return COSTS["quantise"].operations * (r.element_bytes < WIDE_BYTES).double()


def held_tokens(shape: AttentionShape, r: Resources) -> Tensor:
    """Tokens of keys and values that the shared SRAM holds [token]."""
    return TILE_SHARE * r.l2 / (shape.token_words * r.element_bytes).clamp_min(1e-30)


def missing(size: Tensor, r: Resources, on_chip: bool) -> Tensor:
    """Share of queries or outputs that does not stay in the shared SRAM [1]."""
    return spill(size, TILE_SHARE * r.l2) if on_chip else torch.ones_like(size)
