"""Least value of a table over a box of its axes: sound for any table, exact where it is asked.

A table holds a term of the model for every combination of a few ordered variables, smallest
value first. Nothing is assumed about its shape. `envelope` keeps, at every entry, the least of all
entries at or below it along the chosen axes: one look-up at the upper corner of a box is then a
bound for the whole box, and the best one when the box starts at the first entry or the table only
falls. `RangeMinimum` gives the least entry of any box exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor


def envelope(table: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    """Cumulative minimum of a table along ordered axes.

    Parameters
    ----------
    table : Tensor [n_1, ..., n_d]
        A term, any unit.
    axes : sequence of int, optional
        Axes along which a box may extend downwards; all of them when left out.

    Returns
    -------
    Tensor [n_1, ..., n_d]
        ``out[u] = min {table[i]: i <= u along axes, i = u along the others}``.

    Notes
    -----
    Proof of soundness. A box with upper corner u holds only entries i <= u, so the minimum over
    all i <= u is at most the minimum over the box. Cumulative minima commute (each is a minimum
    over a set of entries, and the sets along two axes form the same rectangle in either order), so
    taking one axis after another gives the minimum over the whole orthant below u.

    Examples
    --------
    The best entry may lie in the middle; the envelope never rises:

    >>> envelope(torch.tensor([3.0, 1.0, 2.0]))
    tensor([3., 1., 1.])
    """
    result = table
    for axis in range(table.dim()) if axes is None else axes:
        result = torch.cummin(result, axis).values
    return result


@dataclass(frozen=True)
class RangeMinimum:
    """Exact minima over boxes of a table, each by one look-up for every corner.

    Level j of an axis holds minima over runs of 2^j entries; a box of length n is covered by two
    runs of 2^floor(log2 n), which may overlap because the minimum does not count twice.

    Parameters
    ----------
    levels : Tensor [L_1, ..., L_d, n_1, ..., n_d]
        Minima over runs.

    Notes
    -----
    Memory grows by the product of the L_i = floor(log2 n_i) + 1: meant for tables of a few
    axes with tens of entries.

    Examples
    --------
    >>> minimum = RangeMinimum.build(torch.tensor([5.0, 2.0, 4.0, 3.0]))
    >>> minimum(torch.tensor([[0], [2], [3]]), torch.tensor([[3], [3], [3]]))
    tensor([2., 3., 3.])
    """

    levels: Tensor

    @classmethod
    def build(cls, table: Tensor) -> RangeMinimum:
        """Tabulate the minima over all runs of lengths that are powers of two."""
        axes = table.dim()
        levels = table
        for axis in range(axes):
            # The axes of entries stay last; those of levels collect in front of them.
            at = axis - axes
            size = table.shape[axis]
            runs = [levels]
            length = 1
            while 2 * length <= size:
                last = runs[-1]
                whole = size - length
                shifted = last.narrow(at, length, whole)
                joined = torch.minimum(last.narrow(at, 0, whole), shifted)
                # Runs that would pass the end are never asked for; they repeat what is there.
                runs.append(torch.cat([joined, last.narrow(at, whole, length)], at))
                length *= 2
            levels = torch.stack(runs, axis)
        return cls(levels)

    def __call__(self, low: Tensor, high: Tensor) -> Tensor:
        """Least entry of every box.

        Parameters
        ----------
        low, high : Tensor [*boxes, d], int64
            First and last entry of each box, both inside it.

        Returns
        -------
        Tensor [*boxes]
        """
        axes = low.shape[-1]
        length = high - low + 1
        # Exact: lengths are far below 2^53 and log2 of a power of two is a whole number.
        level = torch.floor(torch.log2(length.double())).long()
        run = torch.ones_like(level) << level
        ends = (low, high - run + 1)
        chosen = tuple(level[..., axis] for axis in range(axes))
        best: Tensor | None = None
        for corner in product((0, 1), repeat=axes):
            entry = tuple(ends[side][..., axis] for axis, side in enumerate(corner))
            found = self.levels[chosen + entry]
            best = found if best is None else torch.minimum(best, found)
        assert best is not None
        return best
