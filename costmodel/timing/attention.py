"""Fused attention: scores never leave the core.

A unit of work is a block of query rows of one (sequence, KV head) pair, or one of the pieces that
its context is cut into. Units are dealt to the cores in turn, longest first, so the first core is
the busiest and its tiles are counted exactly. Matrix products, vector operations, exponentials,
the way from the shared SRAM and memory are lanes that overlap. Tile, cut and the groups that run
together are chosen for least time (`attention_choice`), then scored here, relaxed or not.

Monotone: for a given choice every lane's time falls with cores, clock, lanes, port and bandwidth;
a larger L1 or shared SRAM only adds choices or saves reads. So does the best choice.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from costmodel.numerics import relax as relaxed
from costmodel.timing.attention_choice import (
    ALL,
    OWN,
    PIECES,
    TILES,
    TOTAL,
    choose,
    count,
    distinct_rows,
)
from costmodel.timing.attention_lanes import (
    COMBINE_OPERATIONS,
    RESCALE_OPERATIONS,
    SOFTMAX_OPERATIONS,
    AttentionShape,
    block_rows,
    costs_of,
    footprint,
    held_tokens,
    missing,
    quantise_operations,
    score_cycles,
)
from costmodel.timing.attention_units import Units, gather_steps, join
from costmodel.timing.resources import Resources

__all__ = ["AttentionShape", "AttentionWork", "Schedule", "attention_work", "scheduled_work"]


@dataclass(frozen=True)
class AttentionWork:
    """Times and bytes of fused attention, ``[*batch,P,A]``."""

    array_time: Tensor  # [s]
    array_cycles: Tensor  # of the busiest core [cycle]
    vector_operations: Tensor  # [op]
    vector_time: Tensor  # vector lanes and exponentials, overlapped [s]
    exponential_time: Tensor  # the exponentials alone [s]
    port_time: Tensor  # [s]
    memory_time: Tensor  # [s]
    memory_bytes: tuple[Tensor, Tensor, Tensor]  # queries, keys and values, outputs [byte]
    l2_bytes: tuple[Tensor, Tensor, Tensor]
    l1_bytes: tuple[Tensor, Tensor, Tensor]
    macs: Tensor  # of visible scores [MAC]
    schedule: Schedule


@dataclass(frozen=True)
class Schedule:
    """How each operator is cut and dealt, ``[*batch,P,A]``."""

    tile: Tensor  # index into `attention_units.TILES`
    cut: Tensor  # index into `attention_units.PIECES`
    together: Tensor  # groups that run together, 0 = all of them [count]

    @property
    def rows(self) -> Tensor:
        """Query rows of a block [count]."""
        return _tile_table()[self.tile.long()][..., 0]

    @property
    def tokens(self) -> Tensor:
        """Context tokens of a tile [count]."""
        return _tile_table()[self.tile.long()][..., 1]

    @property
    def pieces(self) -> Tensor:
        """Pieces of each block [count]."""
        return torch.tensor(PIECES, dtype=torch.float64)[self.cut.long()]


def attention_work(
    shape: AttentionShape, resources: Resources, relax: float = 0.0, on_chip: bool = True
) -> AttentionWork:
    """Choose a schedule of least time for fused attention and count it.

    Parameters
    ----------
    shape : AttentionShape
        Leaves ``[*batch,P,A]``.
    resources : Resources
        Leaves ``[*batch,1,1]``.
    relax : float
        0 for exact counts.
    on_chip : bool
        Queries and outputs stay in the shared SRAM where they fit.

    References
    ----------
    Dao, FlashAttention-2, arXiv:2307.08691: tiles, causal skipping. Dao et al., Flash-Decoding,
    2023: pieces of the context. Shah et al., FlashAttention-3, arXiv:2407.08608: exponentials as
    a bound of their own. DeepSeek-V2, arXiv:2405.04434: latent keys and values.
    """
    units, index = _units(shape)
    schedule = best_schedule(shape, resources, units, index, on_chip)
    return _count(shape, resources, schedule, units, index, relax, on_chip)


def scheduled_work(
    shape: AttentionShape,
    resources: Resources,
    schedule: Schedule,
    relax: float = 0.0,
    on_chip: bool = True,
) -> AttentionWork:
    """Count fused attention under a given schedule; leaves ``[*batch,P,A]``."""
    return _count(shape, resources, schedule, *_units(shape), relax, on_chip)


def _count(
    shape: AttentionShape, r: Resources, schedule: Schedule, units: Units, index: np.ndarray,
    relax: float, on_chip: bool,
) -> AttentionWork:  # fmt: skip
    r"""Times, bytes and operations.

    With :math:`U_l` units of at least l tiles in a group and g groups together on P cores the
    busiest core computes :math:`\sum_l \lceil g U_l / P \rceil` tiles. Keys and values of the
    groups that run together move once when the shared SRAM holds them, else once in each wave of
    blocks that walk over the same tiles, else once for each unit.
    """
    full = shape.groups.shape
    tile, cut = (item.long().reshape(-1).numpy() for item in (schedule.tile, schedule.cut))
    numbers = count(
        units.facts, units.start, units.steps, units.counts, units.runs, index, tile, cut,
        _flat(schedule.together, full), _flat(shape.groups, full), _flat(r.cores, full),
        _flat(held_tokens(shape, r), full),
    )  # fmt: skip
    tiles, waves, number, read = torch.from_numpy(numbers).reshape(*full, 4).unbind(-1)
    facts = torch.from_numpy(units.facts[index, tile]).reshape(*full, -1)
    if relax > 0.0:
        steps = gather_steps(units, index, tile, cut)
        tiles, waves = _relaxed(shape.groups, schedule.together, r.cores, steps, relax)
    rows, tokens, pieces = schedule.rows, schedule.tokens, schedule.pieces
    partials = torch.where(pieces > 1.0, shape.groups * number, torch.zeros_like(number))
    costs = costs_of(shape, r, relax)
    block = block_rows(shape, rows)
    cycles = score_cycles(shape, r, block, tokens, costs.fill, relax) * tiles + costs.fill * waves
    scored = block * tokens * tiles  # by the busiest core
    vector = (
        scored * costs.score_vector
        + block * costs.row_vector * tiles
        + block * costs.unit_vector * waves
        + block * costs.part_vector * partials
    )
    exponential = scored * costs.score_exponential + block * costs.part_exponential * partials
    port = (
        tokens * costs.token_port * tiles
        + block * costs.unit_port * waves
        + block * costs.part_port * partials
    )
    slow = torch.stack(torch.broadcast_tensors(vector, exponential), -1)

    words = shape.token_words
    width, accumulate = r.element_bytes, r.accumulator_bytes
    # Tokens read grow with the groups; how often they are read has no slope.
    cache = shape.groups * (read / shape.groups.detach().clamp_min(1e-30)) * words * width
    delivered = shape.groups * facts[..., OWN] * words * width
    queries = shape.groups * shape.rows * shape.depth * width
    outputs = shape.groups * shape.rows * shape.value_depth * width
    gate = r.has_memory
    keep = missing(queries, r, on_chip), missing(outputs, r, on_chip)
    reads = (keep[0] * queries * gate, cache * gate, keep[1] * outputs * gate)
    total = reads[0] + reads[1] + reads[2] * (1.0 + r.write_turnaround)
    score_tiles = shape.groups * facts[..., TOTAL] * block
    scores = score_tiles * tokens
    partial = partials * block * shape.value_depth
    operations = (
        scores * (SOFTMAX_OPERATIONS + r.exponential_cost)
        + score_tiles * shape.value_depth * RESCALE_OPERATIONS
        + partial * COMBINE_OPERATIONS
        + shape.groups * shape.rows * shape.value_depth * quantise_operations(r)
    )
    return AttentionWork(
        array_time=cycles * costs.cycle,
        array_cycles=cycles,
        vector_operations=operations,
        vector_time=relaxed.overlap(slow, r.overlap),
        exponential_time=exponential,
        port_time=port,
        memory_time=total / r.memory_bandwidth,
        memory_bytes=reads,
        l2_bytes=(
            queries + reads[0],
            delivered + reads[1],
            outputs + reads[2] + 2.0 * partial * accumulate,
        ),
        l1_bytes=(
            2.0 * queries + 2.0 * scores * width,
            2.0 * delivered,
            2.0 * scores * accumulate + 2.0 * partial * accumulate + outputs,
        ),
        macs=shape.groups * shape.pairs * (shape.depth + shape.value_depth),
        schedule=schedule,
    )


def _tile_table() -> Tensor:
    return torch.tensor(TILES, dtype=torch.float64)


def _units(shape: AttentionShape) -> tuple[Units, np.ndarray]:
    """Units of all shapes in the batch, and which of them each operator has ``[n]``."""
    full = shape.groups.shape
    sizes = (shape.queries, shape.columns, shape.window, shape.shared)
    table = np.ceil(np.stack([_flat(size, full) for size in sizes], -1)).clip(0.0)
    table[:, :2] = table[:, :2].clip(1.0)
    index, first = distinct_rows(table)
    return join(tuple(tuple(int(item) for item in table[row]) for row in first)), index


def best_schedule(
    shape: AttentionShape, resources: Resources, units: Units, index: np.ndarray, on_chip: bool
) -> Schedule:
    """The schedule of least time, on exact values and without gradient ``[*batch,P,A]``."""
    r, full = resources, shape.groups.shape
    with torch.no_grad():
        costs = costs_of(shape, r)
        wide = AttentionShape(*(leaf.unsqueeze(-1) for leaf in vars(shape).values()))
        widened = Resources(**{key: leaf.unsqueeze(-1) for key, leaf in vars(r).items()})
        rows, tokens = _tile_table().unbind(-1)
        block = block_rows(wide, rows)
        cycles = score_cycles(wide, widened, block, tokens, costs.fill.unsqueeze(-1), 0.0)
        # Scores and running outputs live in the registers of the vector lanes.
        room = widened.l1 + widened.registers
        fits = (footprint(wide, widened, block, tokens) <= room).double()
        byte = r.has_memory / r.memory_bandwidth
        width = r.element_bytes
        queries = shape.groups * shape.rows * shape.depth * width
        outputs = shape.groups * shape.rows * shape.value_depth * width
        fixed = missing(queries, r, on_chip) * queries
        fixed = fixed + missing(outputs, r, on_chip) * outputs * (1.0 + r.write_turnaround)
        # One row for each operator, in the order of `attention_choice.FIELDS`.
        fields = (
            shape.groups, r.cores, held_tokens(shape, r), r.overlap,
            byte * width * shape.token_words, byte * fixed, *vars(costs).values(),
        )  # fmt: skip
        table = torch.stack([field.expand(full) for field in fields], -1)
        tiled = torch.Size([*full, len(TILES)])
        chosen = choose(
            units.facts, units.start, units.steps, units.counts, units.runs, index,
            table.reshape(-1, len(fields)).numpy(),
            *(item.expand(tiled).reshape(-1, len(TILES)).contiguous().numpy()
              for item in (block, cycles, fits)),
        )  # fmt: skip
    return Schedule(*torch.from_numpy(chosen).reshape(*full, 3).unbind(-1))


def _flat(value: Tensor, full: torch.Size) -> np.ndarray:
    return value.detach().expand(full).reshape(-1).contiguous().numpy()


def _relaxed(
    groups: Tensor, together: Tensor, cores: Tensor, steps: tuple[np.ndarray, np.ndarray],
    relax: float,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """Tiles and units of the busiest core with slopes in groups and cores [count]."""
    counts, runs = (torch.from_numpy(item).reshape(*groups.shape, -1) for item in steps)
    together = torch.where(together == ALL, groups, together)
    rounds = torch.floor(groups.detach() / together.detach())
    rest = (groups - rounds * together).clamp_min(0.0)
    of_one = counts / cores.unsqueeze(-1)
    times = rounds.unsqueeze(-1) * relaxed.ceil(together.unsqueeze(-1) * of_one, relax)
    times = times + relaxed.ceil(rest.unsqueeze(-1) * of_one, relax)
    return (runs * times).sum(-1), times[..., 0]
