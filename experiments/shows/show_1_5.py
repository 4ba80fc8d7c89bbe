"""Designs a second with every metric, eager, on at most two cores, and where the time goes."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from experiments.shows.harness import Line, Show
from search.executors.local import LocalExecutor, single_threaded
from search.reading import load
from search.resolve import resolve

ROOT = Path(__file__).resolve().parents[2]
DESIGNS = 8192
CORES = 2
MUST, GOAL = 500.0, 2000.0
ROWS = 8


def measure() -> Iterator[Line]:
    """Distinct random designs of the quickstart's space through its own problem."""
    resolved = resolve(load(ROOT / "experiments" / "quickstart.yaml"))
    space, model = resolved.problem.space, resolved.model
    low, high = space.bounds()
    generator = torch.Generator().manual_seed(6)
    share = torch.rand(DESIGNS, len(low), generator=generator, dtype=torch.float64)
    x = space.canonical((low + share * (high - low)).round())
    problem = resolved.problem
    problem.executor = LocalExecutor(workers=CORES)
    with single_threaded():
        model(space.values(x[:256]), 0.0)
        start = time.perf_counter()
        evaluation = problem.evaluate(x)
        seconds = time.perf_counter() - start
        distinct = int(evaluation.fresh.sum())
        rate = distinct / seconds
        metrics, limits = len(problem.metric_names), len(problem.violation_names)
        yield Line("distinct designs", "", f"{distinct:,} of {DESIGNS:,} drawn")
        yield Line(
            f"designs a second, {metrics} metrics, {limits} limits, {CORES} threads, eager",
            "Must 500",
            f"{rate:,.0f}",
            rate >= MUST,
        )
        yield Line("the goal", "2,000", "met" if rate >= GOAL else f"not met ({rate:,.0f})")
        with profile(activities=[ProfilerActivity.CPU]) as record:
            model(space.values(x[:512]), 0.0)
        averages = record.key_averages()
        total = sum(item.self_cpu_time_total for item in averages)
        largest = sorted(averages, key=lambda item: -item.self_cpu_time_total)[:ROWS]
        for item in largest:
            yield Line(
                f"profile: {item.key}",
                "",
                f"{item.self_cpu_time_total / total:.1%} in {item.count:,} calls",
            )


SHOW = Show("rate of evaluation", measure)
