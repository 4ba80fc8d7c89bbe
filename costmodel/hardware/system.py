"""The hardware record: a batch of designs, each one a system and not just a chip.

A design is ``pools -> package -> dies``, with memory and network as ordered lists of tiers.
Every leaf is a tensor whose shape is the batch shape ``[*batch]`` (or broadcasts to it): float64
for quantities, int64 for rows of technology tables. A known chip is a `Designs` of batch ``()``.
List lengths and roles are structure, the same for the whole batch; an absent part is a zero
count, never another class.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor

Record = TypeVar("Record")

ONE = torch.ones((), dtype=torch.float64)
ZERO = torch.zeros((), dtype=torch.float64)
ROW = torch.zeros((), dtype=torch.int64)
"""Defaults of a factor, of a count and of a row; never written to."""


class Readable:
    """A record that shows its fields with names and units."""

    def __repr__(self) -> str:
        from costmodel.presentation.hardware import hardware_page

        return hardware_page(self).text()

    def _repr_html_(self) -> str:
        from costmodel.presentation.hardware import hardware_page

        return hardware_page(self).html()


@dataclass(frozen=True, repr=False)
class Die(Readable):
    """One kind of die of a package; `count` identical copies.

    Quantities are per die unless said otherwise. ``role`` is ``"compute"`` (cores, L2) or
    ``"io"`` (PHYs and fabric only).
    """

    role: str
    node: Tensor  # row of table `node`
    machine: Tensor  # row of table `machine` (systolic, simt, in_memory ...)
    count: Tensor  # dies of this kind in the package [count]
    array_rows: Tensor  # processing elements along the reduction side [count]
    array_columns: Tensor  # processing elements along the output side [count]
    arrays_per_core: Tensor  # [count]
    cores_built: Tensor  # on one die [count]
    cores_enabled: Tensor  # on one die, at most cores_built [count]
    vector_lanes: Tensor  # per core [fp32 operations per cycle]
    rate_bf16: Tensor  # multiply-accumulates per processing element and cycle, 0 = no support
    rate_int8: Tensor
    rate_fp8: Tensor
    rate_fp4: Tensor
    l1_bytes: Tensor  # scratchpad of a core [byte]
    l2_bytes: Tensor  # shared SRAM of a die [byte]
    voltage_logic: Tensor  # [V]
    voltage_sram: Tensor  # SRAM rail [V]
    clock_scale: Tensor = ONE  # clock over its machine class's at equal node and voltage [1]


@dataclass(frozen=True, repr=False)
class MemoryTier(Readable):
    """One tier of memory outside the compute dies (HBM, LPDDR ...), nearest first."""

    kind: Tensor  # row of table `memory`
    stacks: Tensor  # devices per package, 0 = absent [count]
    rate_fraction: Tensor  # pin rate used / pin rate of the row [1]


@dataclass(frozen=True, repr=False)
class NetworkTier(Readable):
    """One tier of network, nearest first; a group larger than the domain spills to the next."""

    kind: Tensor  # row of table `link`
    topology: Tensor  # row of table `topology`
    links: Tensor  # links of a package [count]
    link_bandwidth: Tensor  # per link and direction [byte/s]
    domain: Tensor  # packages that reach each other in this tier [count]


@dataclass(frozen=True, repr=False)
class Package(Readable):
    """Dies on an interposer or bridge, with memory tiers, network tiers and a way to cool them."""

    kind: Tensor  # row of table `package`
    cooling: Tensor  # row of table `cooling`
    dies: tuple[Die, ...]
    memory: tuple[MemoryTier, ...]
    network: tuple[NetworkTier, ...]


@dataclass(frozen=True, repr=False)
class Deployment(Readable):
    """How a pool of packages serves the model."""

    format: Tensor  # row of table `format`: weights, activations and KV cache
    tensor_parallel: Tensor  # packages [count]
    pipeline_parallel: Tensor  # stages [count]
    expert_parallel: Tensor  # [count]
    data_parallel: Tensor  # replicas [count]
    batch: Tensor  # sequences in flight in decode, over all pipeline stages [count]
    # A stated mapping of every matrix product; with `tile_rows` 0 the best one is looked for.
    tile_rows: Tensor = ZERO  # of a core [count]
    tile_columns: Tensor = ZERO  # [count]
    depth_pieces: Tensor = ONE  # cores that share the depth of a tile [count]
    block_rows: Tensor = ZERO  # of the shared SRAM [count]
    block_columns: Tensor = ZERO  # [count]
    block_depth: Tensor = ZERO  # [count]
    loop_order: Tensor = ROW  # row of table `loop_order`
    hold: Tensor = ROW  # row of table `hold`


@dataclass(frozen=True, repr=False)
class Pool(Readable):
    """Identical packages with one role: ``"both"``, ``"prefill"`` or ``"decode"``."""

    role: str
    package: Package
    deployment: Deployment
    software: Tensor  # row of table `software`
    price: Tensor  # price paid for a package; 0 = our own manufacturing cost [USD]


@dataclass(frozen=True, repr=False)
class Designs(Readable):
    """A batch of systems.

    >>> from costmodel import load_chip
    >>> h100 = load_chip("h100").designs
    >>> h100.batch_shape
    torch.Size([])
    >>> swept = replace_at(h100, "pools.0.deployment.batch", torch.arange(1, 101))
    >>> swept.batch_shape
    torch.Size([100])
    """

    pools: tuple[Pool, ...]

    @property
    def batch_shape(self) -> torch.Size:
        """Broadcast shape of all leaves."""
        shape: torch.Size = torch.broadcast_shapes(*(leaf.shape for leaf in leaves(self)))
        return shape


def leaves(record: Any) -> Iterator[Tensor]:
    """Every tensor of a record, in field order."""
    if isinstance(record, Tensor):
        yield record
    elif isinstance(record, tuple):
        for item in record:
            yield from leaves(item)
    elif dataclasses.is_dataclass(record) and not isinstance(record, type):
        for field in dataclasses.fields(record):
            yield from leaves(getattr(record, field.name))


def map_leaves(record: Record, function: Callable[[Tensor], Tensor]) -> Record:
    """The same record with `function` applied to every tensor; structure is kept."""
    if isinstance(record, Tensor):
        return function(record)  # type: ignore[return-value]
    if isinstance(record, tuple):
        return tuple(map_leaves(item, function) for item in record)  # type: ignore[return-value]
    if dataclasses.is_dataclass(record) and not isinstance(record, type):
        changes = {
            field.name: map_leaves(getattr(record, field.name), function)
            for field in dataclasses.fields(record)
        }
        return dataclasses.replace(record, **changes)
    return record


def replace_at(record: Record, path: str, value: Tensor) -> Record:
    """The same record with one leaf replaced, e.g. ``"pools.0.package.dies.0.l2_bytes"``.

    Raises
    ------
    AttributeError, IndexError
        When `path` names no leaf.

    Examples
    --------
    >>> from costmodel import load_chip
    >>> h100 = load_chip("h100").designs
    >>> larger = replace_at(h100, "pools.0.package.dies.0.l2_bytes", torch.tensor(2.0**27))
    >>> larger.pools[0].package.dies[0].l2_bytes
    tensor(1.3422e+08)
    """
    head, _, rest = path.partition(".")
    if isinstance(record, tuple):
        index = int(head)
        item = replace_at(record[index], rest, value) if rest else value
        return (*record[:index], item, *record[index + 1 :])  # type: ignore[return-value]
    current = getattr(record, head)
    new = replace_at(current, rest, value) if rest else value
    return dataclasses.replace(record, **{head: new})  # type: ignore[type-var]
