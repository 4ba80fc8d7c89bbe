"""Slopes of the relaxed model against finite differences; batches bit for bit; other systems."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from costmodel.hardware.catalog import load_chip
from costmodel.hardware.system import Designs, Pool, map_leaves, replace_at
from costmodel.metrics import Metrics
from experiments.shows.harness import Line, Show
from search.pricing import CostModel
from search.reading import load
from search.resolve import resolve

ROOT = Path(__file__).resolve().parents[2]
DESIGNS = 200
WIDTHS = (1.0, 0.3)
DIE = "pools.0.package.dies.0."
VARIABLES = {
    "voltage_logic": DIE + "voltage_logic",
    "voltage_sram": DIE + "voltage_sram",
    "cores_enabled": DIE + "cores_enabled",
    "l1_bytes": DIE + "l1_bytes",
    "l2_bytes": DIE + "l2_bytes",
    "vector_lanes": DIE + "vector_lanes",
    "stacks": "pools.0.package.memory.0.stacks",
    "links": "pools.0.package.network.0.links",
}
METRICS = (
    "cost_per_mtoken",
    "tokens_per_joule",
    "ttft",
    "tpot",
    "unit_cost",
    "package_power_peak",
    "junction_temperature",
    "memory_temperature",
)
STEP = 1e-4 / 3.0
"""Relative step; the sixth-order stencil reaches 1e-4 on either side."""
STENCIL = ((1, 45.0 / 60.0), (2, -9.0 / 60.0), (3, 1.0 / 60.0))
FLOOR = 1e-9
TOLERANCE = 1e-6
KINKS = 0.02
BATCHES = (1, 7, 300)


def quickstart() -> CostModel:
    """The product's own space and workload."""
    return resolve(load(ROOT / "experiments" / "quickstart.yaml")).model


def random_designs(model: CostModel, count: int, seed: int) -> Designs:
    """Distinct random designs of a space."""
    space = model.decoder.space
    low, high = space.bounds()
    generator = torch.Generator().manual_seed(seed)
    share = torch.rand(count, len(space.variables), generator=generator, dtype=torch.float64)
    return model.decoder.decode(space.canonical((low + share * (high - low)).round()))


def measure() -> Iterator[Line]:
    """Gradients, bits, structure."""
    model = quickstart()
    designs = random_designs(model, DESIGNS, seed=4)
    designs = map_leaves(designs, lambda leaf: leaf.expand(DESIGNS))
    designs = inside(designs)
    for width in WIDTHS:
        found = compare(model, designs, width)
        yield Line(
            f"w = {width}: max |AD-FD| / (|FD| + 1e-9) of a design's gradient",
            "at most 1e-6",
            f"{found.by_design:.1e}",
            found.by_design <= TOLERANCE,
        )
        yield Line(
            f"w = {width}: the same for each of {found.slopes:,} slopes, beyond the rounding of FD",
            "at most 1e-6",
            f"{found.by_slope:.1e}",
            found.by_slope <= TOLERANCE,
        )
        share = found.kinks / found.slopes
        yield Line(
            f"w = {width}: slopes within 1e-4 of a kink",
            "at most 2 %",
            f"{share:.2%}",
            share <= KINKS,
        )
    yield from _batches(model)
    yield from _structures(model)


def inside(designs: Designs) -> Designs:
    """Move whole numbers off the lattice, where a ceiling has no slope, as a search would."""
    generator = torch.Generator().manual_seed(11)
    for path in VARIABLES.values():
        value = leaf_of(designs, path).double()
        nudge = 1.0 + 0.05 * torch.rand(value.shape, generator=generator, dtype=torch.float64)
        designs = replace_at(designs, path, value * nudge)
    return designs


@dataclass(frozen=True)
class Comparison:
    """Automatic slopes against finite differences, all elasticities d ln metric / d ln x."""

    by_design: float  # largest error of a gradient over the size of that gradient
    by_slope: float  # largest error of one slope beyond the rounding of the difference itself
    kinks: int
    slopes: int


def compare(model: CostModel, designs: Designs, width: float) -> Comparison:
    """Compare all slopes of all designs."""
    points = {name: leaf_of(designs, path).double() for name, path in VARIABLES.items()}
    logs = {name: torch.zeros_like(value).requires_grad_() for name, value in points.items()}
    live = designs
    for name, path in VARIABLES.items():
        live = replace_at(live, path, points[name] * torch.exp(logs[name]))
    metrics = model.evaluate(live, width)
    automatic = torch.stack(
        [
            torch.stack(
                torch.autograd.grad(
                    torch.log(metrics[metric]).sum(),
                    list(logs.values()),
                    retain_graph=True,
                    allow_unused=True,
                    materialize_grads=True,
                )
            )
            for metric in METRICS
        ]
    )  # [metric, variable, design]
    differences, kinks, noise = [], [], []
    for name, path in VARIABLES.items():
        with torch.no_grad():
            samples = {
                step: model.evaluate(
                    replace_at(designs, path, points[name] * math.exp(step * STEP)), width
                )
                for step in (-3, -2, -1, 1, 2, 3)
            }
        values = {
            step: torch.stack([torch.log(item[metric]) for metric in METRICS])
            for step, item in samples.items()
        }
        wings = [weight * (values[step] - values[-step]) for step, weight in STENCIL]
        difference = torch.stack(wings).sum(0) / STEP
        central = {step: (values[step] - values[-step]) / (2 * step * STEP) for step in (1, 2, 3)}
        # Curvature makes central differences grow as h squared: 8 to 3. A kink does not.
        bend = (central[3] - central[1]) - (central[2] - central[1]) * 8.0 / 3.0
        rounding = torch.finfo(torch.float64).eps * (1.0 + values[1].abs()) * 2.0 / STEP
        differences.append(difference)
        noise.append(rounding)
        kinks.append(bend.abs() > 0.1 * TOLERANCE * difference.abs() + 4.0 * rounding)
    found, near, rough = (torch.stack(item, 1) for item in (differences, kinks, noise))
    error = torch.where(near, torch.zeros_like(found), (automatic - found).abs())
    size = found.abs().amax(1, keepdim=True)
    beyond = (error - rough).clamp_min(0.0)
    return Comparison(
        by_design=float((error / (size + FLOOR)).max()),
        by_slope=float((beyond / (found.abs() + FLOOR)).max()),
        kinks=int(near.sum()),
        slopes=near.numel(),
    )


def _batches(model: CostModel) -> Iterator[Line]:
    designs = random_designs(model, 300, seed=5)
    whole = model.evaluate(designs)
    for size in BATCHES:
        part = model.evaluate(map_leaves(designs, partial(cut, size=size)))
        yield Line(f"batch of {size}", "equal bit for bit", *_same(whole, part, size))
    folded = model.evaluate(
        map_leaves(designs, lambda leaf: cut(leaf, 20).reshape(4, 5) if leaf.dim() else leaf)
    )
    flat = dataclasses.replace(
        folded,
        values={name: value.reshape(20) for name, value in folded.values.items()},
        violations=folded.violations.reshape(20, -1),
    )
    yield Line("batch of (4, 5)", "equal bit for bit", *_same(whole, flat, 20))


def _structures(model: CostModel) -> Iterator[Line]:
    technology = model.technology
    alone = model.evaluate(load_chip("groq-lpu", technology).designs)
    finite = all(torch.isfinite(value).all() for value in alone.values.values())
    yield Line(
        "a machine without HBM (Groq LPU, weights in SRAM)",
        "evaluates",
        f"TPOT {1e3 * alone['tpot'].item():.1f} ms, {alone['cost_per_mtoken'].item():.0f} $/Mtoken",
        bool(finite),
    )
    pool = load_chip("h100", technology).designs.pools[0]
    other = load_chip("h200", technology).designs.pools[0]
    pools: tuple[Pool, ...] = (
        dataclasses.replace(pool, role="prefill"),
        dataclasses.replace(other, role="decode"),
    )
    both = model.evaluate(Designs(pools))
    finite = all(torch.isfinite(value).all() for value in both.values.values())
    yield Line(
        "two pools (prefill on H100, decode on H200)",
        "evaluates",
        f"TTFT {1e3 * both['ttft'].item():.1f} ms, TPOT {1e3 * both['tpot'].item():.1f} ms, "
        f"{both['cost_per_mtoken'].item():.2f} $/Mtoken",
        bool(finite),
    )


def _same(whole: Metrics, part: Metrics, size: int) -> tuple[str, bool]:
    different = [
        name
        for name, value in part.values.items()
        if not torch.equal(value, whole.values[name][:size])
    ]
    if not torch.equal(part.violations, whole.violations[:size]):
        different.append("violations")
    return (f"{', '.join(different)} differ" if different else "equal"), not different


def cut(leaf: Tensor, size: int) -> Tensor:
    """The first `size` designs of a leaf; a leaf that all designs share stays."""
    return leaf[:size] if leaf.dim() else leaf


def leaf_of(designs: Designs, path: str) -> Tensor:
    """One leaf by its path."""
    record: object = designs
    for part in path.split("."):
        record = record[int(part)] if isinstance(record, tuple) else getattr(record, part)
    assert isinstance(record, Tensor)
    return record


SHOW = Show("gradients, bits and structures", measure)
