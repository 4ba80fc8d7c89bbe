r"""Time of a double-buffered sequence of blocks, in closed form.

While one block is computed the next one is read. Blocks follow one another in three nested loops;
a step reads what changed and writes what is done. Steps that look alike are counted instead of
walked: which loop advances, whether the outer loops stand at their first, an inner or their last
block, and whether the advancing loop arrives at its last one. That is 2 + 6 + 18 kinds of step,
and the last block alone, for any trip counts:

.. math:: t = read_1 + \sum_{c} count_c \; step(read_c, compute_c, write_c)

Exact for edge blocks, partial sums and operands that are held; a walk in the tests agrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product as every

import torch
from torch import Tensor

from costmodel.errors import ConfigError
from costmodel.numerics.relax import SMALLEST
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.traffic import LOOPS, Blocks, aligned, blocks, held, traffic

STEPS = ("streamed", "serial", "duplex", "single")
"""How a step's reading, computing and writing combine; see `combine`."""

LARGEST_EXPONENT = 1e18
"""An overlap exponent beyond this is a maximum to the last bit, infinity included."""


@dataclass(frozen=True)
class ClassSum:
    """Seconds of a GEMM, ``[*batch,P,G]``."""

    total: Tensor  # head and tail included
    head: Tensor  # the first read, before anything is computed
    tail: Tensor  # the last block: nothing left to read
    memory: Tensor  # all reads and writes, as if nothing overlapped
    compute: Tensor  # all blocks, as if memory were free


def combine(read: Tensor, compute: Tensor, write: Tensor, exponent: Tensor, step: str) -> Tensor:
    """Seconds of one step.

    Parameters
    ----------
    read, compute, write : Tensor, broadcastable
        Of the next block, of this block, and of the sums this block finished [s].
    exponent : Tensor
        Of imperfect overlap: 1 adds, infinity takes the longest [1].
    step : str
        ``"streamed"``: one memory channel reads and writes while the cores compute, outputs drain
        as they are made. ``"serial"``: reading overlaps, writing waits (LLMCompass).
        ``"duplex"``: reading and writing have channels of their own. ``"single"``: nothing
        overlaps, there is one buffer.
    """
    if step == "streamed":
        return overlap_pair(read + write, compute, exponent)
    if step == "serial":
        return overlap_pair(read, compute, exponent) + write
    if step == "duplex":
        return overlap_pair(overlap_pair(read, write, exponent), compute, exponent)
    if step == "single":
        return read + compute + write
    raise ConfigError(f"no such step: {step}", expected=f"one of {', '.join(STEPS)}")


def overlap_pair(first: Tensor, second: Tensor, exponent: Tensor) -> Tensor:
    r"""Time of two activities that overlap imperfectly.

    .. math:: SM_p(x, y) = \left(x^p + y^p\right)^{1/p}

    The two-operand twin of `relax.overlap`, with infinity allowed as the exponent; for three
    activities it may be nested.

    >>> three, four = torch.tensor([3.0, 4.0], dtype=torch.float64)
    >>> [round(float(overlap_pair(three, four, torch.tensor(p))), 6) for p in (1.0, 2.0, torch.inf)]
    [7.0, 5.0, 4.0]
    """
    power = exponent.clamp_max(LARGEST_EXPONENT)
    largest = torch.maximum(first, second).clamp_min(SMALLEST)
    share = (torch.minimum(first, second) / largest).clamp_min(1e-30)
    raised = torch.exp(power * torch.log(share))
    return largest * torch.exp(torch.log(1.0 + raised) / power)


def class_sum(
    product: Product,
    mapping: Mapping,
    read_a: Tensor,
    read_b: Tensor,
    read_partial: Tensor,
    write: Tensor,
    write_partial: Tensor,
    compute: Tensor,
    exponent: Tensor,
    step: str = "streamed",
    relax: float = 0.0,
) -> ClassSum:
    """Time of a GEMM whose blocks are double-buffered.

    Parameters
    ----------
    product : Product
        Leaves ``[*batch,P,G]`` [count].
    mapping : Mapping
        Leaves ``[*batch,P,G]``; no gradient is asked of them.
    read_a, read_b, read_partial, write, write_partial : Tensor
        Seconds for each element of an activation, a weight, a partial sum that comes back, a
        finished output and a partial sum that leaves; broadcastable to ``[*batch,P,G]`` [s].
    compute : Tensor [*batch,P,G,8]
        Of a block, by which of its dimensions are edges: index ``4 m + 2 n + k`` [s].
    exponent : Tensor
        Of imperfect overlap, broadcastable to ``[*batch,P,G]`` [1].
    step : str
        One of STEPS.
    relax : float
        0 for exact trip counts.

    Notes
    -----
    A block of A is read when it is not the one before; held, only on the first pass of n. B alike
    with m. Sums are written when the next block has others: as partial sums before the last pass
    of k (they come back), as outputs in the last. Held sums are written once.

    Monotone for a given mapping: grows with every cost and with every compute time, falls with
    the exponent; each step is an overlap of sums of them with counts that are not negative.

    References
    ----------
    The order of events with ``step="serial"`` is LLMCompass's (Zhang et al., ISCA 2024).
    """
    costs = (read_a, read_b, read_partial, write, write_partial)
    product, mapping = aligned(product, mapping, exponent, compute[..., 0], *costs)
    shape = mapping.order.shape
    words = traffic(product, mapping, relax)
    memory = (
        read_a * words.a
        + read_b * words.b
        + read_partial * words.partial_read
        + write_partial * words.partial_write
        + write * words.output
    )
    sizes = blocks(product, mapping, relax)
    loops = _nest(sizes, held(mapping), mapping.order, [cost.expand(shape) for cost in costs])
    last = compute[..., 7]
    full_m, full_n, full_k = sizes.full.unbind(0)
    head = read_a * (full_m * full_k) + read_b * (full_k * full_n)
    drain = write * (sizes.edge[0] * sizes.edge[1])
    tail = combine(torch.zeros_like(drain), last, drain, exponent, step)
    total = head + tail
    by_class = _by_position(compute, mapping.order)
    for count, read, compute_class, write_class in _levels(loops, by_class):
        seconds = count * combine(read, compute_class, write_class, exponent, step)
        for part in seconds.reshape(-1, *shape).unbind(0):
            total = total + part
    return ClassSum(
        total=total,
        head=head,
        tail=tail,
        memory=memory,
        compute=_all_blocks(sizes, compute),
    )


@dataclass(frozen=True)
class _Loop:
    """One loop of the nest and the operand for which it is the irrelevant one, ``[*batch,P,G]``.

    `read_first` is paid for an element of that operand on the first pass, `read_again` on later
    ones, `write_early` on passes before the last, `write_last` on the last.
    """

    trips: Tensor
    full: Tensor
    edge: Tensor
    active: Tensor
    read_first: Tensor
    read_again: Tensor
    write_early: Tensor
    write_last: Tensor

    def states(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Count, size, read and write of the first, the inner and the last pass ``[3,...]``."""
        final = self.active * self.read_again + (1.0 - self.active) * self.read_first
        return (
            torch.stack([self.active, self.between(), torch.ones_like(self.active)]),
            torch.stack([self.full, self.full, self.edge]),
            torch.stack([self.read_first, self.read_again, final]),
            torch.stack([self.write_early, self.write_early, self.write_last]),
        )

    def arrivals(self) -> tuple[Tensor, Tensor]:
        """Count and size of the blocks an advance leads to: inner ones, the last ``[2,...]``."""
        return (
            torch.stack([self.between(), self.active]),
            torch.stack([self.full, self.edge]),
        )

    def between(self) -> Tensor:
        """Blocks that are neither first nor last."""
        return (self.trips - 2.0).clamp_min(0.0)


@lru_cache(maxsize=8)
def _tables(device: torch.device) -> tuple[Tensor, Tensor]:
    """Dimension of each position ``[3,6]`` and class index of each position's edges ``[8,6]``."""
    weights = (4, 2, 1)
    classes = [
        [sum(weights[d] * e for d, e in zip(loop, edges, strict=True)) for loop in LOOPS]
        for edges in every((0, 1), repeat=3)
    ]
    return (
        torch.tensor(LOOPS, device=device).T.contiguous(),
        torch.tensor(classes, device=device),
    )


def _nest(sizes: Blocks, hold: Tensor, order: Tensor, costs: list[Tensor]) -> list[_Loop]:
    """The loops, outermost first."""
    read_a, read_b, read_partial, write, write_partial = costs
    nothing = torch.zeros_like(read_a)
    stay = 1.0 - hold
    again = torch.stack([read_b, read_a, read_partial]) * stay
    early = torch.stack([nothing, nothing, write_partial * stay[2]])
    rows = [
        sizes.trips, sizes.full, sizes.edge, sizes.active,
        torch.stack([read_b, read_a, nothing]), again, early,
        torch.stack([nothing, nothing, write]),
    ]  # fmt: skip
    index = _tables(order.device)[0][:, order.long()]
    turned = [row.gather(0, index).unbind(0) for row in rows]
    return [_Loop(*fields) for fields in zip(*turned, strict=True)]


def _by_position(compute: Tensor, order: Tensor) -> Tensor:
    """Compute time by edges in loop order ``[2,2,2,*batch,P,G]``."""
    index = _tables(order.device)[1][:, order.long()]
    first = compute.expand(*order.shape, 8).movedim(-1, 0)
    return first.gather(0, index).reshape(2, 2, 2, *order.shape)


def _levels(loops: list[_Loop], compute: Tensor) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Count, read, compute and write of all kinds of step, by the loop that advances.

    Loops outside stand still, the one that advances goes from a full block to an inner or the last
    one, and loops inside go from their last block back to their first.
    """
    a, b, c = loops
    count_a, size_a, read_a, write_a = a.states()
    count_b, size_b, read_b, write_b = b.states()
    to_a, arrive_a = a.arrivals()
    to_b, arrive_b = b.arrivals()
    to_c, arrive_c = c.arrivals()
    still_b = torch.stack([compute[:, 0], compute[:, 0], compute[:, 1]], 1)  # [2,3,2,...]
    still = torch.stack([still_b[0], still_b[0], still_b[1]])

    sum_read = read_a[:, None] * size_b + size_a[:, None] * read_b
    sum_write = write_a[:, None] * size_b + size_a[:, None] * write_b
    yield (
        (count_a[:, None] * count_b)[:, :, None] * to_c,
        sum_read[:, :, None] * arrive_c,
        still[:, :, :1],
        (sum_write * c.full)[:, :, None],
    )

    moved = c.active  # the operand that b does not index changes only if c wraps
    yield (
        count_a[:, None] * to_b,
        read_a[:, None] * (arrive_b * c.full)
        + (size_a * (b.read_again * moved * c.full))[:, None]
        + size_a[:, None] * (arrive_b * c.read_first),
        still[:, 0, 1:],
        (
            write_a * (b.full * c.edge)
            + size_a * (b.write_early * moved * c.edge + c.write_last * b.full)
        )[:, None],
    )

    moved = torch.maximum(b.active, c.active)
    yield (
        to_a,
        a.read_again * moved * b.full * c.full
        + arrive_a * (b.read_first * c.full + c.read_first * b.full),
        compute[0, 1, 1][None],
        (
            a.write_early * moved * b.edge * c.edge
            + a.full * (b.write_last * c.edge + c.write_last * b.edge)
        )[None],
    )


def _all_blocks(sizes: Blocks, compute: Tensor) -> Tensor:
    """Compute time of all blocks, each counted by its edges."""
    inner = (sizes.trips - 1.0).unbind(0)
    total = compute[..., 7]
    for index in range(7):
        count = torch.ones_like(inner[0])
        for dimension, weight in enumerate((4, 2, 1)):
            if not index & weight:
                count = count * inner[dimension]
        total = total + count * compute[..., index]
    return total
