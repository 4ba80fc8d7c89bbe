"""Lower bounds: exact on every box of enumerated tables, and attacked by coordinate ascent."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from costmodel.bounds import PRICE, TIME
from costmodel.hardware.loading import load_technology
from costmodel.numerics.interval import SLACK
from costmodel.timing.bounds import gemm_least
from costmodel.timing.envelope import RangeMinimum, envelope
from costmodel.timing.gemm import gemm_time
from costmodel.timing.mapper import best_mappings
from costmodel.timing.mapping import Product
from costmodel.timing.resources import Resources, package_resources
from costmodel.timing.tables import build_tables
from experiments.benchmarks.adversary import Arena, Attack, attack
from experiments.benchmarks.boxes import FIGURES, SpaceBoxes
from experiments.shows.harness import Line, Show
from search.reading import load
from search.resolve import Resolved, resolve

ROOT = Path(__file__).resolve().parents[2]
TABLES, PARTITIONS, MOST_PARTS = 100, 1000, 32
ARRAYS = (64.0, 128.0, 256.0)
CORES = (8.0, 16.0, 24.0, 48.0, 96.0)
SHARED = (8.0, 16.0, 32.0, 64.0, 128.0)  # MiB
BANDWIDTH = (1e12, 2e12, 4e12, 8e12)  # byte/s
STARTS, SECONDS, MOST_MEMBERS = 1000, 600.0, 24
PLANTED_SECONDS = 60.0


def measure() -> Iterator[Line]:
    """Tables first, then the attack on the quickstart's space, then on a planted error."""
    torch.set_num_threads(1)
    resolved = resolve(load(ROOT / "experiments" / "quickstart.yaml"))
    yield from tables_and_partitions()
    yield from attacked(resolved)


def tables_and_partitions() -> Iterator[Line]:
    """Every box of random partitions against plain minima over the enumerated entries."""
    shape = (len(ARRAYS), len(CORES), len(SHARED), len(BANDWIDTH))
    generator = np.random.default_rng(33)
    low, high = (torch.from_numpy(ends) for ends in partitions(shape, generator))
    slices = [
        tuple(slice(a, b + 1) for a, b in zip(first, last, strict=True))
        for first, last in zip(low.tolist(), high.tolist(), strict=True)
    ]
    sizes = torch.arange(len(ARRAYS)).unsqueeze(-1)
    inside = (sizes >= low[:, 0]) & (sizes <= high[:, 0])
    wrong = unsound = loose = above = 0
    shares = []
    for times, corners in enumerated_tables(shape, generator):
        plain = times.numpy()
        exact = np.array([plain[part].min() for part in slices])
        wrong += int((RangeMinimum.build(times)(low, high).numpy() != exact).sum())
        lower = envelope(times)[tuple(high.T)].numpy()
        unsound += int((lower > exact).sum())
        loose += int((lower < exact).sum())
        # The corner with most of everything, for each array in the box.
        corner = corners[:, high[:, 1], high[:, 2], high[:, 3]]
        bound = torch.where(inside, corner, torch.inf).amin(0).numpy()
        above += int((bound > exact * (1.0 + SLACK)).sum())
        shares.append(float(np.median(bound / exact)))
    boxes = TABLES * len(slices)
    yield Line(
        "boxes",
        "",
        f"{boxes:,} of {PARTITIONS:,} random partitions of {TABLES} tables (time of a GEMM as "
        f"mapped, over {' x '.join(map(str, shape))} arrays, cores, shared SRAM, bandwidth)",
    )
    yield Line("boxes where the range minimum is not the minimum", "0", f"{wrong:,}", wrong == 0)
    yield Line(
        "boxes where the envelope is above the minimum",
        "0",
        f"{unsound:,} (below it in {loose / boxes:.0%}: it also covers what lies under the box)",
        unsound == 0,
    )
    yield Line(
        "boxes where the bound at the declared corner, no table needed, is above the minimum",
        "0",
        f"{above:,} (median bound over minimum {float(np.median(shares)):.3f})",
        above == 0,
    )


def enumerated_tables(
    shape: tuple[int, ...], generator: np.random.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Time of random GEMMs on every machine of a grid, and its lower bound ``[*shape]`` [s]."""
    grid = torch.tensor(list(itertools.product(ARRAYS, CORES, SHARED, BANDWIDTH)))
    array, cores, shared, bandwidth = (item.double().reshape(-1, 1, 1) for item in grid.unbind(-1))
    base, tables = template_resources(), build_tables()
    machines = dataclasses.replace(
        base,
        rows=array,
        columns=array,
        cores=cores,
        lanes=base.lanes / base.cores * cores,
        l2=shared * 2.0**20,
        memory_bandwidth=bandwidth,
    )
    machines = Resources(**{key: item.expand(array.shape) for key, item in vars(machines).items()})
    for _ in range(TABLES):
        sizes = [float(2 ** generator.integers(4, 13) + generator.integers(2) * 17)
                 for _ in range(3)]  # fmt: skip
        product = Product(*(torch.full_like(array, size) for size in sizes))
        mapping = best_mappings(product, machines, tables)
        times = gemm_time(product, machines, mapping)
        yield times.reshape(shape), gemm_least(product, machines).reshape(shape)


def template_resources() -> Resources:
    """Resources of the template system of the quickstart, leaves ``[1,1,1]``."""
    resolved = resolve(load(ROOT / "experiments" / "quickstart.yaml"))
    pool = resolved.model.decoder.template.pools[0]
    clock = torch.tensor(1.2e9, dtype=torch.float64)
    resources = package_resources(load_technology(), pool, clock, torch.zeros_like(clock))
    return Resources(**{key: leaf.unsqueeze(0) for key, leaf in vars(resources).items()})


def partitions(
    shape: tuple[int, ...], generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """First and last entries of the boxes of random guillotine partitions ``[boxes,d]``."""
    lows, highs = [], []
    for _ in range(PARTITIONS):
        boxes = [(np.zeros(len(shape), dtype=np.int64), np.array(shape) - 1)]
        for _ in range(int(generator.integers(1, MOST_PARTS))):
            chosen = int(generator.integers(len(boxes)))
            low, high = boxes[chosen]
            axes = np.flatnonzero(high > low)
            if not len(axes):
                continue
            axis = generator.choice(axes)
            cut = int(generator.integers(low[axis], high[axis]))
            left, right = high.copy(), low.copy()
            left[axis], right[axis] = cut, cut + 1
            boxes[chosen] = (low, left)
            boxes.append((right, high))
        lows += [low for low, _ in boxes]
        highs += [high for _, high in boxes]
    return np.stack(lows), np.stack(highs)


def attacked(resolved: Resolved) -> Iterator[Line]:
    """Coordinate ascent on (bound - value) over boxes and designs of the quickstart's space."""
    space, model = resolved.problem.space, resolved.model
    honest = SpaceBoxes.of(model, space)
    result = run(honest, seed=7, seconds=SECONDS)
    yield Line(
        "adversary",
        f"{STARTS:,} starts, {SECONDS / 60:.0f} minutes",
        f"{STARTS:,} starts, {result.steps:,} moves each, {result.bounds:,} bounds and "
        f"{result.values:,} designs in {result.seconds / 60:.1f} minutes",
        result.seconds >= SECONDS,
    )
    found = result.violations(SLACK)
    yield Line("violations of bounds on " + ", ".join(FIGURES), "0", f"{found}", found == 0)
    closest = result.margin.double().sort(descending=True).values
    yield Line(
        "how close the bounds come, boxes at least two levels wide",
        "",
        f"nearest {float(closest[0]):+.1e} of the value, median {float(closest[STARTS // 2]):+.2%}",
    )
    yield from tightness(honest)

    name = "an array twice as large is never slower"
    claims = {leaf: name for leaf in ("array_rows", "array_columns")}
    wrong = SpaceBoxes.of(
        model,
        space,
        time=dataclasses.replace(TIME, falls={**TIME.falls, **claims}),
        price=dataclasses.replace(PRICE, rises={**PRICE.rises, **claims}),
    )
    result = run(wrong, seed=7, seconds=PLANTED_SECONDS)
    found = result.violations(SLACK)
    yield Line(
        f'the same adversary, planted claim "{name}"',
        "at least 1 violation",
        f"{found} of {STARTS:,} starts in {result.seconds:.0f} s, worst bound "
        f"{float(result.margin.max()):+.1%} above the value",
        found > 0,
    )


def run(boxes: SpaceBoxes, seed: int, seconds: float) -> Attack:
    """The adversary on the space of an experiment."""
    sizes = tuple(variable.size for variable in boxes.space.variables)
    arena = Arena(sizes, boxes.value, boxes.bound, boxes.members, MOST_MEMBERS)
    return attack(arena, STARTS, seed, seconds)


def tightness(boxes: SpaceBoxes, designs: int = 512) -> Iterator[Line]:
    """Bound over value where the box is the design."""
    generator = torch.Generator().manual_seed(3)
    sizes = torch.tensor([variable.size for variable in boxes.space.variables])
    x = (torch.rand(designs, len(sizes), generator=generator) * sizes).long()
    ratio = boxes.bound(x, x) / boxes.value(x)
    least = ", ".join(
        f"{name} {float(column.median()):.3f}"
        for name, column in zip(FIGURES, ratio.unbind(-1), strict=True)
    )
    yield Line(f"bound over value for boxes of one design, median of {designs}", "", least)


SHOW = Show("lower bounds over boxes of designs", measure)
