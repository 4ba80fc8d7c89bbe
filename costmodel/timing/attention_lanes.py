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
class Costs:
    """What a lane spends on each thing a core does, ``[*batch,P,A]``.

    A tile has ``block`` rows times its tokens of scores. A unit is a block, or a piece of one; a
    part is the partial result of a piece, and parts are dealt evenly to all cores.
    """

    cycle: Tensor  # array: an array cycle [s]
    fill: Tensor  # array: cycles of fill and drain of a unit's two products [cycle]
    score_vector: Tensor  # vector: a score [s]
    row_vector: Tensor  # vector: a block row, each tile [s]
    score_exponential: Tensor  # exponential: a score [s]
    token_port: Tensor  # port: a token of keys and values [s]
    unit_vector: Tensor  # vector: a block row, each unit [s]
    unit_port: Tensor  # port: a block row, each unit [s]
    part_vector: Tensor  # vector: a block row, each part [s]
    part_exponential: Tensor  # exponential: a block row, each part [s]
    part_port: Tensor  # port: a block row, each part [s]


def costs_of(shape: AttentionShape, r: Resources, relax: float = 0.0) -> Costs:
    """Costs that no choice of tile changes."""
    values = shape.value_depth
    apart = r.exponential_unit
    within = 1.0 - apart
    second = 1.0 / (r.lanes / r.cores * r.clock * r.vector_efficiency)
    port = 1.0 / (r.port_width * r.clock)
    width = r.element_bytes
    nothing = torch.zeros_like(values)
    return Costs(
        cycle=1.0 / (r.clock * r.attention_efficiency),
        # Fill and drain are hidden between the tiles of a unit, not between units.
        fill=2.0 * tile_cycles(r, nothing, nothing, nothing, relax),
        score_vector=(SOFTMAX_OPERATIONS + within * r.exponential_cost) * second,
        row_vector=values * RESCALE_OPERATIONS * second,
        score_exponential=apart * r.exponential_cost * second,
        token_port=shape.token_words * width * port,
        unit_vector=values * quantise_operations(r) * second,
        unit_port=(shape.depth + values) * width * port,
        part_vector=(values * COMBINE_OPERATIONS + within * r.exponential_cost) * second / r.cores,
        part_exponential=apart * r.exponential_cost * second / r.cores,
        part_port=2.0 * values * r.accumulator_bytes * port / r.cores,
    )


def block_rows(shape: AttentionShape, rows: Tensor) -> Tensor:
    """Query rows that a block holds: whole tokens of all heads that share a key head [count]."""
    shared = shape.shared
    whole = torch.minimum(torch.floor(rows / shared).clamp_min(1.0), shape.queries) * shared
    return torch.minimum(whole, rows)


def score_cycles(
    shape: AttentionShape, r: Resources, block: Tensor, tokens: Tensor, fill: Tensor, relax: float
) -> Tensor:
    """Cycles of both products of a tile, without the fill and drain of its unit [cycle]."""
    scores = tile_cycles(r, block, tokens, shape.depth, relax)
    return scores + tile_cycles(r, block, shape.value_depth, tokens, relax) - fill


def footprint(shape: AttentionShape, r: Resources, block: Tensor, tokens: Tensor) -> Tensor:
    """Queries, two tiles of keys and values, scores and running outputs of a core [byte]."""
    of_row = shape.depth * r.element_bytes + shape.value_depth * r.accumulator_bytes
    of_token = 2.0 * shape.token_words * r.element_bytes
    return block * of_row + tokens * of_token + block * tokens * r.accumulator_bytes


def quantise_operations(r: Resources) -> Tensor:
    """Of an element of the output, where formats are narrow [op]."""
    return COSTS["quantise"].operations * (r.element_bytes < WIDE_BYTES).double()


def held_tokens(shape: AttentionShape, r: Resources) -> Tensor:
    """Tokens of keys and values that the shared SRAM holds [token]."""
    return TILE_SHARE * r.l2 / (shape.token_words * r.element_bytes).clamp_min(1e-30)


def missing(size: Tensor, r: Resources, on_chip: bool) -> Tensor:
    """Share of queries or outputs that does not stay in the shared SRAM [1]."""
    return spill(size, TILE_SHARE * r.l2) if on_chip else torch.ones_like(size)
