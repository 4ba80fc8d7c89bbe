"""Values of a batch in a few columns: one for each design of a small batch, else a summary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor

from costmodel.presentation.quantities import quantity

SHOWN = 6
"""Designs that get a column each; larger batches are summarised."""
CHOICES = 4
"""Different names of a choice that a summary lists, commonest first."""
SUMMARY = ("least", "median", "most")
SAME = ("", "")
"""Behind the first cell of a summary: nothing else to say."""


def columns(shape: Sequence[int]) -> tuple[str, ...]:
    """Headings for the values of a batch.

    >>> columns(()), columns((2,)), columns((2, 500))
    (('value',), ('[0]', '[1]'), ('least', 'median', 'most'))
    """
    if not shape:
        return ("value",)
    if torch.Size(shape).numel() > SHOWN:
        return SUMMARY
    return tuple(str(list(index)) for index in product(*map(range, shape)))


def numbers(value: Tensor, shape: Sequence[int], show: Callable[[float], str]) -> tuple[str, ...]:
    """Cells of a quantity that broadcasts to the batch, as many as `columns`."""
    flat = value.detach().cpu().double().expand(tuple(shape)).reshape(-1)
    if flat.numel() <= SHOWN:
        return tuple(show(number) for number in flat.tolist())
    least, median, most = flat.sort().values[[0, (flat.numel() - 1) // 2, -1]].tolist()
    if show(least) == show(most):
        return (show(median), *SAME)
    return (show(least), show(median), show(most))


def quantities(value: Tensor, shape: Sequence[int], unit: str) -> tuple[str, ...]:
    """Cells of a quantity in SI, each with the prefix that fits."""
    return numbers(value, shape, lambda number: quantity(number, unit))


def choices(rows: Tensor, shape: Sequence[int], names: Callable[[int], str]) -> tuple[str, ...]:
    """Cells of a choice; a summary counts the names in its first cell."""
    flat = [names(int(row)) for row in rows.detach().cpu().expand(tuple(shape)).reshape(-1)]
    if len(flat) <= SHOWN:
        return tuple(flat)
    counted = Counter(flat).most_common()
    if len(counted) == 1:
        return (flat[0], *SAME)
    listed = ", ".join(f"{name} ({count:,})" for name, count in counted[:CHOICES])
    more = f" and {len(counted) - CHOICES} more" if len(counted) > CHOICES else ""
    return (listed + more, *SAME)


def batch(shape: Sequence[int]) -> str:
    """A batch shape in words.

    >>> batch(()), batch((64,)), batch((3, 5))
    ('one design', '64 designs', '15 designs [3, 5]')
    """
    if not shape:
        return "one design"
    count = torch.Size(shape).numel()
    plain = f"{count:,} design" + ("" if count == 1 else "s")
    return plain if len(shape) == 1 else f"{plain} {list(shape)}"
