"""Boxes of records, and the corner of a box at which a monotone function is least.

A bound is the model's own function at one corner of a box. Which corner is a claim, so it is
written down: a `Monotone` names every leaf in which a function only falls or only rises, with the
reason in a line. A leaf that nothing is claimed about must be a single value, or be enumerated;
a box that is wide in such a leaf is refused, never guessed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from costmodel.errors import ScovilleError, nearest

Record = TypeVar("Record")

SLACK = 1e-9
"""Relative margin under a bound for rounding: sums and powers of the model err by about 1e-14."""


class BoundError(ScovilleError):
    """A box that a bound says nothing about."""


@dataclass(frozen=True)
class Interval:
    """Values from `low` to `high`, element by element.

    >>> wide = Interval(torch.tensor(1.0), torch.tensor(4.0))
    >>> wide.contains(torch.tensor([0.5, 1.0, 4.0]))
    tensor([False,  True,  True])
    """

    low: Tensor
    high: Tensor

    def contains(self, value: Tensor) -> Tensor:
        """Whether values lie between the ends."""
        return (self.low <= value) & (value <= self.high)

    def hull(self, other: Interval) -> Interval:
        """The least interval that holds both."""
        return Interval(torch.minimum(self.low, other.low), torch.maximum(self.high, other.high))


@dataclass(frozen=True)
class Box(Generic[Record]):
    """Every record whose leaves lie between those of `low` and `high`.

    Parameters
    ----------
    low, high : Record
        Frozen dataclasses of one structure (nested records and tuples too); leaves ``[*boxes]``.
    """

    low: Record
    high: Record

    @classmethod
    def point(cls, record: Record) -> Box[Record]:
        """The box that holds one record."""
        return cls(record, record)

    def leaves(self) -> Iterator[tuple[str, Interval]]:
        """Path and ends of every leaf, e.g. ``package.dies.0.l2_bytes``."""
        yield from _pairs("", self.low, self.high)

    def wide(self) -> tuple[str, ...]:
        """Paths of the leaves that are not a single value in every box."""
        return tuple(
            path for path, ends in self.leaves() if not bool((ends.low == ends.high).all())
        )


def _pairs(path: str, low: Any, high: Any) -> Iterator[tuple[str, Interval]]:
    if isinstance(low, Tensor):
        yield path, Interval(low, high)
        return
    items: Iterator[tuple[str, Any, Any]] | None = None
    if isinstance(low, tuple):
        if len(low) != len(high):
            raise BoundError(f"{path or 'a box'} has lists of {len(low)} and {len(high)} parts")
        items = ((str(n), *pair) for n, pair in enumerate(zip(low, high, strict=True)))
    elif dataclasses.is_dataclass(low):
        items = (
            (field.name, getattr(low, field.name), getattr(high, field.name))
            for field in dataclasses.fields(low)
        )
    elif low != high:
        raise BoundError(f"{path} differs between the ends of a box: {low!r} and {high!r}")
    for name, first, second in items or ():
        yield from _pairs(f"{path}.{name}" if path else name, first, second)


@dataclass(frozen=True)
class Monotone:
    """In which leaves of its argument a function only falls or only rises, and why.

    Parameters
    ----------
    function : str
        What is declared, in words.
    falls, rises, unread : mapping of str to str
        End of a leaf's path, e.g. ``l2_bytes`` or ``memory.0.kind`` -> the argument in one line.
        *Falls*: more of the leaf never gives more of the function; *rises*: never less; *unread*:
        the function does not depend on it.

    Examples
    --------
    >>> travel = Monotone("time", falls={"speed": "a divisor"}, rises={"way": "a factor"})
    >>> travel.direction("stage.way"), travel.direction("stage.speed"), travel.direction("colour")
    (1, -1, None)
    """

    function: str
    falls: Mapping[str, str] = dataclasses.field(default_factory=dict)
    rises: Mapping[str, str] = dataclasses.field(default_factory=dict)
    unread: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [*self.falls, *self.rises, *self.unread]
        twice = sorted(name for name in names if names.count(name) > 1)
        if twice:
            raise BoundError(f"{self.function} has two declarations about {twice[0]}")

    def direction(self, path: str) -> int | None:
        """-1: the function falls in a leaf, 1: rises, 0: does not read it, None: no claim."""
        for sign, names in ((-1, self.falls), (1, self.rises), (0, self.unread)):
            if any(path == name or path.endswith(f".{name}") for name in names):
                return sign
        return None

    def least(self, box: Box[Record]) -> Record:
        """The corner of a box at which the function is least.

        Raises
        ------
        BoundError
            When the box is wide in a leaf that nothing is declared about.
        """
        undeclared = [path for path in box.wide() if self.direction(path) is None]
        if undeclared:
            declared = [*self.falls, *self.rises, *self.unread]
            raise BoundError(
                f"{self.function} is not declared monotone in {undeclared[0]}",
                suggestions=nearest(undeclared[0].rpartition(".")[2], declared, count=1),
                next_step="enumerate its values, one box each, and take the least bound",
            )
        return self._pick("", box.low, box.high)  # type: ignore[no-any-return]

    def greatest(self, box: Box[Record]) -> Record:
        """The corner of a box at which the function is greatest; raises as `least` does."""
        return dataclasses.replace(self, falls=self.rises, rises=self.falls).least(box)

    def _pick(self, path: str, low: Any, high: Any) -> Any:
        if isinstance(low, Tensor):
            return high if self.direction(path) == -1 else low
        if isinstance(low, tuple):
            return tuple(
                self._pick(f"{path}.{n}", *pair)
                for n, pair in enumerate(zip(low, high, strict=True))
            )
        if dataclasses.is_dataclass(low) and not isinstance(low, type):
            changes = {
                field.name: self._pick(
                    f"{path}.{field.name}", getattr(low, field.name), getattr(high, field.name)
                )
                for field in dataclasses.fields(low)
            }
            return dataclasses.replace(low, **changes)
        return low


def under(value: Tensor) -> Tensor:
    """A bound with its margin for rounding: never above the exact bound, 0 stays 0."""
    return value - SLACK * value.abs()


def least_of_choices(bounds: Tensor, owner: Tensor, boxes: int) -> Tensor:
    """Bounds of boxes whose choices were enumerated: the least over the members of each.

    Parameters
    ----------
    bounds : Tensor [rows, *tail]
        Bound of every member.
    owner : Tensor [rows], int64
        The box that a member belongs to.
    boxes : int
        Number of boxes; each owns at least one member.

    Returns
    -------
    Tensor [boxes, *tail]

    Examples
    --------
    >>> least_of_choices(torch.tensor([3.0, 1.0, 2.0]), torch.tensor([0, 0, 1]), 2)
    tensor([1., 2.])
    """
    index = owner.reshape(-1, *(1,) * (bounds.dim() - 1)).expand(bounds.shape)
    start = torch.full((boxes, *bounds.shape[1:]), torch.inf, dtype=bounds.dtype)
    return start.scatter_reduce(0, index, bounds, "amin", include_self=True)
