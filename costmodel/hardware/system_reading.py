"""Turn a parsed system file into records: names to rows, units to SI, clocks to voltages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from scipy.optimize import brentq
from torch import Tensor

from costmodel.errors import ScovilleError, nearest
from costmodel.hardware.documents import Document, KeyPath
from costmodel.hardware.system import Deployment, Die, MemoryTier, NetworkTier, Package, Pool
from costmodel.hardware.system_file import (
    DieFile,
    FactFile,
    MappingFile,
    MemoryFile,
    NetworkFile,
    PoolFile,
    Stated,
    SystemFile,
)
from costmodel.hardware.technology import Technology
from costmodel.hardware.voltage import relative_speed
from costmodel.numerics.units import split_suffix, to_si


@dataclass(frozen=True)
class Fact:
    """Something published: `value` in SI, as found, as a bound or as an estimate."""

    value: float
    unit: str
    certainty: str
    kind: str
    source: tuple[str, ...]
    note: str = ""


@dataclass(frozen=True)
class Number:
    """A number of a system file, how it is known, and where it stands."""

    path: str
    value: float
    kind: str
    source: tuple[str, ...]
    note: str = ""


class SystemReader:
    """Resolves names to rows, units to SI and clocks to voltages."""

    def __init__(self, document: Document, content: SystemFile, technology: Technology) -> None:
        self.document = document
        self.content = content
        self.technology = technology
        self.notes: list[str] = []

    def row(self, table: str, name: str, at: KeyPath) -> Tensor:
        """Row number of a name; an unknown one is an error at its line."""
        try:
            return torch.tensor(self.technology.row(table, name))
        except ScovilleError as problem:
            self.document.fail(
                at, problem.found, expected=problem.expected, suggestions=problem.suggestions
            )

    def quantity(self, stated: Stated, key: str, at: KeyPath) -> Tensor:
        """A number with its key's unit, in SI, float64."""
        if stated.value < 0:
            self.document.fail((*at, key), f"found {stated.value:g}", expected="0 or more")
        return torch.tensor(to_si(stated.value, split_suffix(key)[1]), dtype=torch.float64)

    def count(self, stated: Stated, key: str, at: KeyPath, least: int = 0) -> Tensor:
        """An integer, int64."""
        if stated.value != int(stated.value) or stated.value < least:
            self.document.fail(
                (*at, key), f"found {stated.value:g}", expected=f"an integer from {least}"
            )
        return torch.tensor(int(stated.value))

    def pool(self, pool: PoolFile, at: KeyPath) -> Pool:
        """One pool, without price when none is stated."""
        inside: KeyPath = (*at, "package")
        package = Package(
            kind=self.row("package", pool.package.kind, (*inside, "kind")),
            cooling=self.row("cooling", pool.package.cooling, (*inside, "cooling")),
            dies=tuple(
                self.die(die, (*inside, "dies", i)) for i, die in enumerate(pool.package.dies)
            ),
            memory=tuple(
                self.memory(tier, (*inside, "memory", i))
                for i, tier in enumerate(pool.package.memory)
            ),
            network=tuple(
                self.network(tier, (*inside, "network", i))
                for i, tier in enumerate(pool.package.network)
            ),
        )
        plan, where = pool.deployment, (*at, "deployment")
        if pool.price_USD is None:
            price = torch.zeros((), dtype=torch.float64)
        else:
            price = self.quantity(pool.price_USD, "price_USD", at)
        return Pool(
            role=pool.role,
            package=package,
            deployment=Deployment(
                format=self.row("format", plan.format, (*where, "format")),
                tensor_parallel=self.count(plan.tensor_parallel, "tensor_parallel", where, 1),
                pipeline_parallel=self.count(plan.pipeline_parallel, "pipeline_parallel", where, 1),
                expert_parallel=self.count(plan.expert_parallel, "expert_parallel", where, 1),
                data_parallel=self.count(plan.data_parallel, "data_parallel", where, 1),
                batch=self.count(plan.batch, "batch", where, 1),
                **self.mapping(plan.mapping, (*where, "mapping")),
            ),
            software=self.row("software", pool.software, (*at, "software")),
            price=price,
        )

    def mapping(self, stated: MappingFile | None, at: KeyPath) -> dict[str, Tensor]:
        """Leaves of a stated mapping; none where the best one is looked for."""
        if stated is None:
            return {}
        counts = ("tile_rows", "tile_columns", "depth_pieces",
                  "block_rows", "block_columns", "block_depth")  # fmt: skip
        return {
            **{key: self.count(getattr(stated, key), key, at, 1).double() for key in counts},
            "loop_order": self.row("loop_order", stated.loop_order, (*at, "loop_order")),
            "hold": self.row("hold", stated.hold, (*at, "hold")),
        }

    def die(self, die: DieFile, at: KeyPath) -> Die:
        """One kind of die; the SRAM rail follows the logic rail unless stated."""
        node = self.row("node", die.node, (*at, "node"))
        machine = self.row("machine", die.machine, (*at, "machine"))
        logic, scale = self.voltage(die, node, machine, at)
        if die.voltage_sram_V is None:
            sram = torch.maximum(logic, self.technology.constant("sram_voltage_min"))
        else:
            sram = self.quantity(die.voltage_sram_V, "voltage_sram_V", at)
        counts = {
            key: self.count(getattr(die, key), key, at)
            for key in (
                "count", "array_rows", "array_columns", "arrays_per_core",
                "cores_built", "cores_enabled", "vector_lanes",
            )
        }  # fmt: skip
        if counts["cores_enabled"] > counts["cores_built"]:
            self.document.fail(
                (*at, "cores_enabled"),
                f"found {counts['cores_enabled']}",
                expected=f"at most cores_built = {counts['cores_built']}",
            )
        rates = {
            key: self.quantity(getattr(die, key), key, at)
            for key in ("rate_bf16", "rate_int8", "rate_fp8", "rate_fp4")
        }
        return Die(
            role=die.role,
            node=node,
            machine=machine,
            **counts,
            **rates,
            l1_bytes=self.quantity(die.l1_KiB, "l1_KiB", at),
            l2_bytes=self.quantity(die.l2_MiB, "l2_MiB", at),
            voltage_logic=logic,
            voltage_sram=sram,
            clock_scale=scale,
        )

    def voltage(
        self, die: DieFile, node: Tensor, machine: Tensor, at: KeyPath
    ) -> tuple[Tensor, Tensor]:
        """Logic voltage and clock scale: as stated, or so that the stated clock comes out."""
        scale = torch.ones((), dtype=torch.float64)
        if die.clock_scale is not None:
            scale = self.quantity(die.clock_scale, "clock_scale", at)
        if die.voltage_logic_V is not None:
            if die.clock_GHz is not None:
                self.document.fail(
                    (*at, "clock_GHz"), "a clock and a voltage", expected="one of the two"
                )
            return self.quantity(die.voltage_logic_V, "voltage_logic_V", at), scale
        if die.clock_GHz is None:
            if die.role == "compute":
                self.document.fail(
                    at, "neither a clock nor a voltage", expected="clock_GHz or voltage_logic_V"
                )
            return self.technology.at("node", "voltage_nominal", node), scale
        clock = self.quantity(die.clock_GHz, "clock_GHz", at)
        voltage, needed = solve_voltage(self.technology, node, machine, clock / scale)
        self.explain(die, voltage, needed, at)
        return voltage, scale * needed

    def explain(self, die: DieFile, voltage: Tensor, scale: Tensor, at: KeyPath) -> None:
        """Say so when the node and the class alone do not give the clock."""
        factor = float(scale)
        if factor == 1.0:
            return
        anchor = self.technology.entry("machine", die.machine, "clock_anchor")
        low, high = anchor.range or (anchor.value, anchor.value)
        inside = "within" if low <= anchor.value * factor <= high else "beyond"
        self.notes.append(
            f"{'.'.join(map(str, at))}: {die.node} at its limit of {float(voltage):.2f} V and "
            f"the {die.machine} anchor give {float(1 / scale):.2f} of the published clock; "
            f"clock_scale {factor:.3f} (assumed, {inside} the anchor's range) makes up for it"
        )

    def memory(self, tier: MemoryFile, at: KeyPath) -> MemoryTier:
        """One memory tier, its pins at full rate unless a rate or a bandwidth is stated."""
        kind = self.row("memory", tier.kind, (*at, "kind"))
        stacks = self.count(tier.stacks, "stacks", at)
        fraction = torch.ones((), dtype=torch.float64)
        if tier.rate_fraction is not None and tier.bandwidth_TBps is not None:
            self.document.fail(
                (*at, "rate_fraction"), "a rate and a bandwidth", expected="one of the two"
            )
        if tier.rate_fraction is not None:
            fraction = self.quantity(tier.rate_fraction, "rate_fraction", at)
        elif tier.bandwidth_TBps is not None and stacks > 0:
            total = self.quantity(tier.bandwidth_TBps, "bandwidth_TBps", at)
            fraction = total / (stacks * self.technology.at("memory", "bandwidth", kind))
        return MemoryTier(kind=kind, stacks=stacks, rate_fraction=fraction)

    def network(self, tier: NetworkFile, at: KeyPath) -> NetworkTier:
        """One network tier."""
        return NetworkTier(
            kind=self.row("link", tier.kind, (*at, "kind")),
            topology=self.row("topology", tier.topology, (*at, "topology")),
            links=self.count(tier.links, "links", at),
            link_bandwidth=self.quantity(tier.link_bandwidth_GBps, "link_bandwidth_GBps", at),
            domain=self.count(tier.domain, "domain", at, 1),
        )

    def known(self, stated: Stated) -> tuple[str, tuple[str, ...]]:
        """Kind and sources of a number, or the file's default."""
        default = self.content.default
        kind = stated.kind or (default.kind if default else "assumed")
        source = stated.source or (default.source if default else ())
        return kind, (source,) if isinstance(source, str) else tuple(source)

    def fact(self, fact: FactFile, unit: str, at: KeyPath) -> Fact:
        """One published fact in SI."""
        kind, source = self.known(fact)
        for key in source:
            if key not in self.technology.sources:
                self.document.fail(
                    (*at, "source"),
                    f"unknown source {key!r}",
                    suggestions=nearest(key, self.technology.sources),
                )
        return Fact(to_si(fact.value, unit), unit, fact.certainty, kind, source, fact.note)

    def numbers(self) -> Iterator[Number]:
        """Every number that the file states, with how it is known."""
        for path, stated in _stated(self.content.pools, "pools"):
            kind, source = self.known(stated)
            yield Number(path, stated.value, kind, source, stated.note)


def solve_voltage(
    technology: Technology, node: Tensor, machine: Tensor, clock: Tensor
) -> tuple[Tensor, Tensor]:
    """Logic voltage at which a machine class on a node runs at a clock.

    Parameters
    ----------
    technology : Technology
        Not sampled.
    node, machine : Tensor []
        Rows.
    clock : Tensor []
        Clock asked for [Hz].

    Returns
    -------
    voltage : Tensor []
        Within the node's range [V].
    scale : Tensor []
        Clock asked for over the clock at that voltage; 1 when the range holds the solution [1].
    """
    threshold = technology.at("node", "threshold_voltage", node)
    nominal = technology.at("node", "voltage_nominal", node)
    exponent = technology.constant("velocity_saturation_exponent")
    anchor = technology.at("machine", "clock_anchor", machine)
    at_nominal = anchor * technology.at("node", "speed_iso_power", node)
    reference = relative_speed(nominal, threshold, exponent)

    def missing(voltage: Tensor | float) -> float:
        point = torch.as_tensor(voltage, dtype=torch.float64)
        speed = relative_speed(point, threshold, exponent) / reference
        return float(at_nominal * speed / clock - 1)

    low = technology.at("node", "voltage_min", node)
    high = technology.at("node", "voltage_max", node)
    one = torch.ones((), dtype=torch.float64)
    for end, beyond in ((low, missing(low) > 0), (high, missing(high) < 0)):
        if beyond:
            return end, one / (1 + missing(end))
    root = brentq(missing, float(low), float(high), xtol=1e-15, rtol=1e-14)
    return torch.tensor(root, dtype=torch.float64), one


def _stated(item: Any, path: str) -> Iterator[tuple[str, Stated]]:
    """Numbers below a part of the file that the file itself states (not defaults)."""
    if isinstance(item, Stated):
        yield path, item
    elif isinstance(item, list):
        for index, inner in enumerate(item):
            yield from _stated(inner, f"{path}.{index}")
    elif hasattr(item, "model_fields_set"):
        for name in type(item).model_fields:
            if name in item.model_fields_set:
                yield from _stated(getattr(item, name), f"{path}.{name}")
