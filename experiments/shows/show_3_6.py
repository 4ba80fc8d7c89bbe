"""Relaxed against exact times: equal at whole numbers, same slopes, same order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from costmodel.hardware.system import Pool
from costmodel.timing.gemm import gemm_work
from costmodel.timing.mapping import Mapping, Product
from costmodel.timing.resources import package_resources
from experiments.benchmarks.steps import (
    PARTS,
    changed,
    leaf,
    random_pool,
    select,
    step_times,
)
from experiments.shows.harness import Line, Show
from search.pricing import CostModel
from search.reading import load
from search.resolve import resolve
from search.samplers.gradient import RELAX

ROOT = Path(__file__).resolve().parents[2]
POINTS = 1000
"""Designs; each is a point of every variable and of both phases."""
BATCH = 250
STEP = 1e-3
"""Relative step of finite differences; counts move by one."""
COUNTS = ("cores", "vector lanes")
FLAT = 1e-6
"""Elasticities below this are none."""
AGREEMENT, CORRELATION = 0.99, 0.99


@dataclass(frozen=True)
class Signs:
    """How slopes and finite differences of one variable compare, as shares of the points."""

    points: int
    agree: float
    opposite: float
    flat_exact: float  # the exact time stands still, the slope does not
    flat_slope: float  # the exact time moves, the slope is zero
    moving: float  # the exact time moves


def measure() -> Iterator[Line]:
    """Equality, signs and order on designs of the quickstart's space."""
    torch.set_num_threads(1)
    model = resolve(load(ROOT / "experiments" / "quickstart.yaml")).model
    worst = whole_numbers(model)
    yield Line(
        f"relaxed minus exact, {POINTS:,} mappings whose tiles, folds and waves divide evenly, "
        f"widths {', '.join(map(str, RELAX))}",
        "0",
        f"{worst:.1e} s at most",
        worst == 0.0,
    )
    total: dict[float, list[Signs]] = {width: [] for width in RELAX}
    for number, part in enumerate(PARTS):
        for width, signs in compare(model, part, seed=600 + number).items():
            total[width].append(signs)
        last = total[RELAX[0]][-1]
        yield Line(
            f"slope in {part}, width {RELAX[0]}: sign agrees",
            "",
            f"{last.agree:.2%} of {last.points:,}; opposite {last.opposite:.2%}, only the exact "
            f"time stands still {last.flat_exact:.2%}, only the slope is zero {last.flat_slope:.2%}"
            f" (the exact time moves in {last.moving:.0%})",
        )
    for width, items in total.items():
        points = sum(item.points for item in items)
        agree = sum(item.agree * item.points for item in items) / points
        opposite = sum(item.opposite * item.points for item in items) / points
        yield Line(
            f"sign agrees with finite differences of the exact best-mapping time, width {width}",
            f"over {AGREEMENT:.0%} of 1,000 points",
            f"{agree:.2%} of {points:,} ({opposite:.2%} opposite)",
            agree > AGREEMENT,
        )
    for width, values in correlations(model).items():
        yield Line(
            f"rank correlation of relaxed and exact times, width {width}",
            f"{CORRELATION}",
            f"prefill {values[0]:.4f}, decode {values[1]:.4f}",
            min(values) >= CORRELATION,
        )


def whole_numbers(model: CostModel) -> float:
    """Largest difference of relaxed and exact GEMM times where every count is whole [s]."""
    generator = torch.Generator().manual_seed(36)

    def whole(low: int, high: int) -> Tensor:
        return torch.randint(low, high, (POINTS, 1, 1), generator=generator).double()

    pool = random_pool(model, POINTS, 36)
    clock = torch.full((POINTS,), 1e9, dtype=torch.float64)
    pool = changed(pool, "cores", torch.ones(POINTS, dtype=torch.float64))
    r = package_resources(model.technology, pool, clock, torch.zeros_like(clock))
    # Tiles of whole arrays, blocks of whole rounds over the cores, products of whole blocks.
    rows, columns = r.rows * whole(1, 3), r.columns * r.arrays * whole(1, 3)
    block = rows * r.cores * whole(1, 3), columns * whole(1, 3), r.rows / r.rate * whole(1, 4)
    product = Product(*(size * whole(1, 5) for size in block))
    mapping = Mapping(
        rows=rows,
        columns=columns,
        pieces=torch.ones_like(rows),
        block_rows=block[0],
        block_columns=block[1],
        block_depth=block[2],
        order=whole(0, 6),
        hold=torch.zeros_like(rows),
    )
    exact = gemm_work(product, r, mapping)[0].busy
    return max(
        float((gemm_work(product, r, mapping, width)[0].busy - exact).abs().max())
        for width in RELAX
    )


def compare(model: CostModel, part: str, seed: int) -> dict[float, Signs]:
    """Signs of relaxed slopes and of central differences of the exact time in one variable."""
    whole = random_pool(model, POINTS, seed)
    slopes: dict[float, list[Tensor]] = {width: [] for width in RELAX}
    found = []
    for start in range(0, POINTS, BATCH):
        pool = select(whole, torch.arange(start, min(start + BATCH, POINTS)))
        for width in RELAX:
            slopes[width].append(elasticity(model, pool, part, width))
        found.append(difference(model, pool, part))
    return {width: signs(torch.cat(items), torch.cat(found)) for width, items in slopes.items()}


def elasticity(model: CostModel, pool: Pool, part: str, width: float) -> Tensor:
    """Slope of the logarithm of the relaxed time in that of a variable ``[B,P]``."""
    value = leaf(pool, part).clone().requires_grad_(True)
    time = step_times(model, changed(pool, part, value), width)
    columns = []
    for point in range(time.shape[-1]):
        # A part that only says what fits leaves no trace in the graph: its slope is zero.
        slope = None
        if time.requires_grad:
            (slope,) = torch.autograd.grad(
                time[:, point].sum(), value, retain_graph=True, allow_unused=True
            )
        slope = torch.zeros_like(value) if slope is None else slope
        columns.append((slope * value / time[:, point]).detach())
    return torch.stack(columns, -1)


def difference(model: CostModel, pool: Pool, part: str) -> Tensor:
    """Central difference of the exact best-mapping time, as an elasticity ``[B,P]``."""
    value = leaf(pool, part)
    if part in COUNTS:
        up, down = value + 1.0, (value - 1.0).clamp_min(1.0)
    else:
        up, down = value * (1.0 + STEP), value * (1.0 - STEP)
    with torch.no_grad():
        high, low = (torch.log(step_times(model, changed(pool, part, x))) for x in (up, down))
    return (high - low) / torch.log(up / down).unsqueeze(-1)


def signs(slope: Tensor, exact: Tensor) -> Signs:
    """Compare signs; what is below `FLAT` has none."""
    first, second = (
        torch.where(item.abs() < FLAT, torch.zeros_like(item), item.sign()).flatten()
        for item in (slope, exact)
    )

    def share(condition: Tensor) -> float:
        return float(condition.double().mean())

    return Signs(
        points=first.numel(),
        agree=share(first == second),
        opposite=share(first * second < 0),
        flat_exact=share((first != 0) & (second == 0)),
        flat_slope=share((first == 0) & (second != 0)),
        moving=share(second != 0),
    )


def correlations(model: CostModel) -> dict[float, list[float]]:
    """Spearman's rank correlation of relaxed and exact times over random designs, by width."""
    exact: list[Tensor] = []
    relaxed: dict[float, list[Tensor]] = {width: [] for width in RELAX}
    with torch.no_grad():
        for start in range(0, POINTS, BATCH):
            pool = random_pool(model, BATCH, 3600 + start)
            exact.append(step_times(model, pool))
            for width in RELAX:
                relaxed[width].append(step_times(model, pool, width))
    whole = torch.cat(exact)
    return {
        width: [spearman(whole[:, p], torch.cat(items)[:, p]) for p in range(whole.shape[-1])]
        for width, items in relaxed.items()
    }


def spearman(first: Tensor, second: Tensor) -> float:
    """Rank correlation of two samples without ties."""
    ranks = torch.stack([item.argsort().argsort().double() for item in (first, second)])
    return float(torch.corrcoef(ranks)[0, 1])


SHOW = Show("relaxed against exact times", measure)
