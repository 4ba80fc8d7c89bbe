"""Write one design of a batch as a system YAML that `load_system` reads back."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import torch
from ruamel.yaml import YAML
from torch import Tensor

from costmodel.hardware.system import (
    Designs,
    Die,
    MemoryTier,
    NetworkTier,
    Pool,
    map_leaves,
)
from costmodel.hardware.technology import Technology
from costmodel.numerics.units import from_si, split_suffix

_COUNTS = (
    "count", "array_rows", "array_columns", "arrays_per_core",
    "cores_built", "cores_enabled", "vector_lanes",
)  # fmt: skip
_MAPPING = (
    "tile_rows", "tile_columns", "depth_pieces", "block_rows", "block_columns", "block_depth",
)  # fmt: skip
_RATES = ("rate_bf16", "rate_int8", "rate_fp8", "rate_fp4")


def dump_system(
    designs: Designs,
    technology: Technology,
    *,
    index: int | tuple[int, ...] = (),
    name: str = "design",
    title: str = "",
    notes: Sequence[str] = (),
) -> str:
    """One design as YAML text.

    Parameters
    ----------
    designs : Designs
        Leaves ``[*batch]``.
    technology : Technology
        Names the rows.
    index : int or tuple
        Which design of the batch; ``()`` for a batch of shape ``()``.
    name, title, notes
        Written into the file.

    Examples
    --------
    >>> from costmodel import load_chip, load_technology
    >>> text = dump_system(load_chip("h100").designs, load_technology(), name="mine")
    >>> text.splitlines()[:2]
    ['schema_version: 1', 'name: mine']
    """
    content = {
        "schema_version": 1,
        "name": name,
        "title": title or name,
        "pools": [_pool(pool, technology) for pool in at_index(designs, index).pools],
    }
    if notes:
        content["notes"] = list(notes)
    yaml = YAML(typ="rt")
    yaml.default_flow_style = False
    yaml.width = 100
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(content, text)
    return text.getvalue()


def at_index(designs: Designs, index: int | tuple[int, ...]) -> Designs:
    """One design of a batch, as a batch of shape ``()``.

    >>> from costmodel import load_chip, replace_at
    >>> swept = replace_at(
    ...     load_chip("h100").designs, "pools.0.deployment.batch", torch.tensor([16, 32])
    ... )
    >>> at_index(swept, 1).pools[0].deployment.batch
    tensor(32)
    """
    shape = designs.batch_shape
    return map_leaves(designs, lambda leaf: torch.broadcast_to(leaf, shape)[index])


def _plain(value: Tensor, key: str = "") -> float | int:
    """A leaf as a number in its key's unit; whole numbers without a decimal point."""
    number = value.detach().cpu()
    if not number.is_floating_point():
        return int(number)
    converted = from_si(float(number), split_suffix(key)[1])
    return int(converted) if converted == int(converted) and abs(converted) < 1e15 else converted


def _name(technology: Technology, table: str, row: Tensor) -> str:
    return technology.names(table)[int(row)]


def _pool(pool: Pool, technology: Technology) -> dict[str, Any]:
    package = pool.package
    result: dict[str, Any] = {
        "role": pool.role,
        "software": _name(technology, "software", pool.software),
    }
    if pool.price > 0:
        result["price_USD"] = _plain(pool.price, "price_USD")
    result["package"] = {
        "kind": _name(technology, "package", package.kind),
        "cooling": _name(technology, "cooling", package.cooling),
        "dies": [_die(die, technology) for die in package.dies],
        "memory": [_memory(tier, technology) for tier in package.memory],
        "network": [_network(tier, technology) for tier in package.network],
    }
    plan = pool.deployment
    result["deployment"] = {
        "format": _name(technology, "format", plan.format),
        **{
            key: _plain(getattr(plan, key))
            for key in (
                "tensor_parallel", "pipeline_parallel", "expert_parallel", "data_parallel", "batch",
            )
        },
    }  # fmt: skip
    if plan.tile_rows > 0:
        result["deployment"]["mapping"] = {
            **{key: _plain(getattr(plan, key)) for key in _MAPPING},
            "loop_order": _name(technology, "loop_order", plan.loop_order),
            "hold": _name(technology, "hold", plan.hold),
        }
    return result


def _die(die: Die, technology: Technology) -> dict[str, Any]:
    return {
        "role": die.role,
        "node": _name(technology, "node", die.node),
        "machine": _name(technology, "machine", die.machine),
        **{key: _plain(getattr(die, key)) for key in (*_COUNTS, *_RATES)},
        "l1_KiB": _plain(die.l1_bytes, "l1_KiB"),
        "l2_MiB": _plain(die.l2_bytes, "l2_MiB"),
        "voltage_logic_V": _plain(die.voltage_logic, "voltage_logic_V"),
        "voltage_sram_V": _plain(die.voltage_sram, "voltage_sram_V"),
        "clock_scale": _plain(die.clock_scale),
    }


def _memory(tier: MemoryTier, technology: Technology) -> dict[str, Any]:
    return {
        "kind": _name(technology, "memory", tier.kind),
        "stacks": _plain(tier.stacks),
        "rate_fraction": _plain(tier.rate_fraction),
    }


def _network(tier: NetworkTier, technology: Technology) -> dict[str, Any]:
    return {
        "kind": _name(technology, "link", tier.kind),
        "topology": _name(technology, "topology", tier.topology),
        "links": _plain(tier.links),
        "link_bandwidth_GBps": _plain(tier.link_bandwidth, "link_bandwidth_GBps"),
        "domain": _plain(tier.domain),
    }
