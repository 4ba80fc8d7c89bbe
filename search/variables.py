"""What may be searched: every variable of an experiment, its unit and where it goes.

A target is a path inside a pool of `costmodel.hardware.system.Designs`; ``{compute}`` stands for
every die whose role is ``compute``. Adding a variable is adding a row here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from search.space import Rule, Space

DIE = "package.dies.{compute}."
MEMORY = "package.memory.0."
NETWORK = "package.network.0."


@dataclass(frozen=True)
class Knob:
    """One thing that may be fixed, ranged or listed under ``space`` in an experiment.

    ``kind`` is ``choice`` (a row of technology table `table`), ``count`` (whole numbers) or
    ``quantity``. `relaxable` says that the model has slopes between its values.
    """

    name: str
    title: str
    kind: Literal["choice", "count", "quantity"]
    targets: tuple[str, ...]
    table: str = ""
    relaxable: bool = False


KNOBS = (
    Knob("node", "foundry node of the compute dies", "choice", (DIE + "node",), "node"),
    Knob("machine", "class of the compute dies' engine", "choice", (DIE + "machine",), "machine"),
    Knob("compute_dies", "compute dies in a package", "count", (DIE + "count",)),
    Knob(
        "array",
        "rows and columns of a square array",
        "count",
        (DIE + "array_rows", DIE + "array_columns"),
    ),
    Knob("array_rows", "processing elements along the reduction", "count", (DIE + "array_rows",)),
    Knob(
        "array_columns", "processing elements along the output", "count", (DIE + "array_columns",)
    ),
    Knob("arrays_per_core", "arrays in a core", "count", (DIE + "arrays_per_core",)),
    Knob("cores_built", "cores on a die", "count", (DIE + "cores_built",), relaxable=True),
    Knob(
        "enabled_fraction",
        "share of the built cores that are enabled",
        "quantity",
        (DIE + "cores_enabled",),
        relaxable=True,
    ),
    Knob(
        "vector_lanes", "vector lanes of a core", "count", (DIE + "vector_lanes",), relaxable=True
    ),
    Knob("l1_MiB", "scratchpad of a core", "quantity", (DIE + "l1_bytes",), relaxable=True),
    Knob("l2_MiB", "shared SRAM of a die", "quantity", (DIE + "l2_bytes",), relaxable=True),
    Knob(
        "voltage_V",
        "logic supply; the SRAM rail follows, never below that of the template",
        "quantity",
        (DIE + "voltage_logic", DIE + "voltage_sram"),
        relaxable=True,
    ),
    Knob("memory", "kind of memory stack", "choice", (MEMORY + "kind",), "memory"),
    Knob("stacks", "memory stacks of a package", "count", (MEMORY + "stacks",), relaxable=True),
    Knob("link", "kind of scale-up link", "choice", (NETWORK + "kind",), "link"),
    Knob("links", "scale-up links of a package", "count", (NETWORK + "links",), relaxable=True),
    Knob(
        "link_bandwidth_GBps",
        "bandwidth of a link and direction",
        "quantity",
        (NETWORK + "link_bandwidth",),
        relaxable=True,
    ),
    Knob("topology", "scale-up topology", "choice", (NETWORK + "topology",), "topology"),
    Knob("domain", "packages of a scale-up domain", "count", (NETWORK + "domain",)),
    Knob("package", "kind of package", "choice", ("package.kind",), "package"),
    Knob("cooling", "how the package is cooled", "choice", ("package.cooling",), "cooling"),
    Knob("format", "number format", "choice", ("deployment.format",), "format"),
    Knob("software", "software record", "choice", ("software",), "software"),
    Knob(
        "tensor_parallel", "packages that share a layer", "count", ("deployment.tensor_parallel",)
    ),
    Knob(
        "pipeline_parallel",
        "stages of the pipeline",
        "count",
        ("deployment.pipeline_parallel",),
    ),
    Knob(
        "expert_parallel", "packages that share experts", "count", ("deployment.expert_parallel",)
    ),
    Knob("data_parallel", "replicas", "count", ("deployment.data_parallel",)),
    Knob("batch", "sequences in flight in decode", "count", ("deployment.batch",)),
    Knob("tile_rows", "output rows of a core's tile", "count", ("deployment.tile_rows",)),
    Knob("tile_columns", "output columns of a core's tile", "count", ("deployment.tile_columns",)),
    Knob(
        "depth_pieces",
        "cores that share the depth of a tile",
        "count",
        ("deployment.depth_pieces",),
    ),
    Knob("block_rows", "output rows of a block", "count", ("deployment.block_rows",)),
    Knob("block_columns", "output columns of a block", "count", ("deployment.block_columns",)),
    Knob("block_depth", "depth of a block", "count", ("deployment.block_depth",)),
    Knob(
        "loop_order",
        "loops over blocks, outermost first",
        "choice",
        ("deployment.loop_order",),
        "loop_order",
    ),
    Knob(
        "hold",
        "operands that stay while their loop repeats",
        "choice",
        ("deployment.hold",),
        "hold",
    ),
)
MAPPING_NEEDS = ("tile_rows", "tile_columns", "block_rows", "block_columns", "block_depth")
MAPPING_MAY = ("depth_pieces", "loop_order", "hold")
"""Variables of a stated mapping (`mapping_mode: fixed`): the first ones must be there."""
BY_NAME = {knob.name: knob for knob in KNOBS}
ROLES = ("prefill", "decode")
"""A pool's own variables are written below its role and named ``decode.batch``."""


def split_name(name: str) -> tuple[str, Knob]:
    """Role (empty for every pool) and knob of a variable's name."""
    role, _, stem = name.rpartition(".")
    return role, BY_NAME[stem]


def canonical_rules(names: tuple[str, ...]) -> tuple[Rule, ...]:
    """The rules of a space with these variables."""
    rules: list[Rule] = []
    for role in ("", *(f"{role}." for role in ROLES)):
        if role + "stacks" in names and role + "memory" in names:
            rules.append(_switched_off(role + "stacks", (role + "memory",)))
        if role + "links" in names:
            rules.append(_switched_off(role + "links", (role + "topology", role + "domain")))
        if role + "cores_built" in names and role + "enabled_fraction" in names:
            rules.append(_same_cores(role + "cores_built", role + "enabled_fraction"))
    return tuple(rules)


def enabled_cores(built: Tensor, fraction: Tensor) -> Tensor:
    """Whole cores enabled of those built [count]."""
    return torch.floor(built * fraction + 1e-9)


def _switched_off(switch: str, followers: tuple[str, ...]) -> Rule:
    """With no `switch` (0 stacks, 0 links) the followers have nothing to choose."""

    def rule(space: Space, x: Tensor) -> Tensor:
        absent = space.values(x)[..., space.names.index(switch)] == 0
        for name in followers:
            column = space.index(name)
            if column is not None:
                canonical = space.variables[column].lower
                moved = torch.where(
                    absent, torch.full_like(x[..., column], canonical), x[..., column]
                )
                x = torch.cat([x[..., :column], moved[..., None], x[..., column + 1 :]], -1)
        return x

    return rule


def _same_cores(built_name: str, fraction_name: str) -> Rule:
    """Fractions that enable the same number of cores are one design: the smallest of them."""

    def rule(space: Space, x: Tensor) -> Tensor:
        column = space.names.index(fraction_name)
        variable = space.variables[column]
        values = space.values(x)
        built = values[..., space.names.index(built_name)]
        enabled = enabled_cores(built, values[..., column])
        if variable.size:
            levels = torch.tensor(variable.numbers, dtype=torch.float64)
            order = torch.argsort(levels)
            same = enabled_cores(built[..., None], levels[order]) == enabled[..., None]
            canonical = order[same.to(torch.int8).argmax(-1)].to(x.dtype)
        else:
            canonical = (enabled / built).clamp(variable.low, variable.high)
        return torch.cat([x[..., :column], canonical[..., None], x[..., column + 1 :]], -1)

    return rule
