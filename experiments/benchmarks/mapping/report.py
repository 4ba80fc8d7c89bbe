"""The results as JSON, for other commands, and as a page to read."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from experiments.benchmarks.mapping.agreement import Agreement
from experiments.benchmarks.mapping.compare import TERMS, Row
from experiments.benchmarks.mapping.machine import BALANCED, GEMM, MATCHED, MIB, Machine
from experiments.benchmarks.mapping.measure import Missing, Timing, Walk
from experiments.benchmarks.mapping.ours import Score, Speed
from experiments.benchmarks.mapping.points import POINTS

REASONS = {
    "AccelForge": {
        "array not full": "it fills and drains nothing; ours hides a share of each fold's fill",
        "first load": "all of its reading overlaps with computing, the first block's too",
        "waiting for memory": "it needs one copy of a block, ours two; its partial sums are 2 "
        "bytes wide, ours 4; its writes cost as much as reads, ours turn the channel around",
        "imperfect overlap": "its parts overlap perfectly",
    },
    "ZigZag": {
        "array not full": "it drains once and hides every fill",
        "first load": "both operands' first blocks come at once through one port",
        "waiting for memory": "no operand's first block is waited for, the last store is apart; "
        "blocks divide dimensions, ours need not",
        "last store": "paid apart; our output drains while it is computed",
        "imperfect overlap": "its stalls are differences of sums",
    },
    "LLMCompass": {
        "array not full": "long tiles use 99 % of the array, tiles lower than the array more "
        "than all of it",
        "first load": "counted as ours is; its mapping has another first block",
        "waiting for memory": "a step takes the longer of its read and its array time; sums are "
        "2 bytes wide",
        "last store": "all stores wait for the array; ours stream",
        "imperfect overlap": "reads and computing overlap perfectly",
    },
}
"""Why a term differs from ours, by peer."""


def record(
    machine: str,
    rows: list[Row | Missing],
    agreements: list[Agreement | Missing],
    walks: list[Walk | Missing],
    timings: list[Timing],
    speed: Speed,
    scores: list[tuple[Machine, Score]],
) -> dict[str, Any]:
    """All results as plain values."""
    found = [row for row in rows if isinstance(row, Row)]
    return {
        "measured_on": machine,
        "threads": 1,
        "gemm": asdict(GEMM),
        "points": POINTS,
        "mapper_seconds": {row.peer: row.seconds for row in found if row.machine == MATCHED},
        "our_mapper": asdict(speed),
        "our_look_ups": [asdict(timing) for timing in timings],
        "rows": [asdict(row) for row in found],
        "agreements": [asdict(item) for item in agreements if isinstance(item, Agreement)],
        "walks": [asdict(walk) for walk in walks if isinstance(walk, Walk)],
        "scores": [{"machine": asdict(one), **asdict(score)} for one, score in scores],
        "missing": [
            asdict(item) for item in [*rows, *agreements, *walks] if isinstance(item, Missing)
        ],
    }


def page(
    machine: str,
    rows: list[Row | Missing],
    agreements: list[Agreement | Missing],
    walks: list[Walk | Missing],
    timings: list[Timing],
    speed: Speed,
    scores: list[tuple[Machine, Score]],
) -> str:
    """All results as Markdown."""
    found = [row for row in rows if isinstance(row, Row)]
    by_machine = dict(scores)
    text = [
        "# One GEMM on one array: results",
        "",
        "Made by `python -m experiments.benchmarks.mapping`; what it compares is in README.md.",
        "",
        f"GEMM {GEMM} (m, k, n). Measured on {machine}; processor seconds on one thread.",
        "",
        "## Latencies in cycles",
        "",
        "| peer | machine | its optimum | our closed form of it | our best, its semantics | "
        "it says of ours | its search |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    text += [
        f"| {row.peer} {row.version} | {row.machine} | {row.theirs:,.0f} | {row.formula:,.0f} | "
        f"{row.ours:,.0f} | {row.confirmed:,.0f} | {row.seconds:.1f} s |"
        for row in found
    ]
    text += ["", "## Mappings", "", "| peer | machine | its own | ours |", "|---|---|---|---|"]
    text += [
        f"| {row.peer} | {row.machine} | {row.their_mapping} | {row.our_mapping} |" for row in found
    ]
    text += ["", "## Term by term, cycles", ""]
    for row in found:
        score = by_machine[row.machine]
        text += [
            f"**{row.peer}, {row.machine}**",
            "",
            f"| term | {row.peer} | our best, its semantics | our own score | why it differs |",
            "|---|---:|---:|---:|---|",
        ]
        for term in TERMS:
            values = (row.their_terms[term], row.our_terms[term], score.terms[term])
            cells = " | ".join(f"{value + 0.0:,.0f}" for value in values)
            text.append(f"| {term} | {cells} | {REASONS[row.peer].get(term, '')} |")
        sums = (row.theirs, row.ours, score.cycles)
        text.append(f"| sum | {' | '.join(f'{value:,.0f}' for value in sums)} | |")
        moved = " | ".join(f"{size / MIB:,.0f}" for size in (*row.moved, score.moved))
        text += [f"| MiB moved | {moved} | |", ""]
    text += [
        "Our own score holds every mapping to two copies of a block, partial sums of 4 bytes and "
        f"an overlap of exponent {scores[0][1].exponent:g}:",
        "",
        "| machine | cycles | mapping |",
        "|---|---:|---|",
    ]
    text += [f"| {one} | {score.cycles:,.0f} | {score.mapping} |" for one, score in scores]
    text += [
        "",
        f"## Mappings drawn at random, {BALANCED}",
        "",
        "| peer | the same in its evaluator and in our closed form of it | of |",
        "|---|---|---|",
    ]
    text += [
        f"| {item.peer} | {item.quantity} | {item.same} of {item.asked} |"
        for item in agreements
        if isinstance(item, Agreement)
    ]
    text += [
        "",
        "## SCALE-Sim: cycles of one tile",
        "",
        "| dataflow | SCALE-Sim | our closed form, nothing hidden | two sets of registers |",
        "|---|---:|---:|---:|",
    ]
    text += [
        f"| {walk.dataflow} | {walk.theirs:,.0f} | {walk.formula:,.0f} | {walk.ours:,.0f} |"
        for walk in walks
        if isinstance(walk, Walk)
    ]
    text += [
        "",
        f"## Processor time, {POINTS:,} hardware points",
        "",
        "| question | mappings weighed | cold | a point | the peer's search | times faster |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    searched = {row.peer: row.seconds for row in found if row.machine == MATCHED}
    for timing in timings:
        mine = f"{timing.mappings:,} | {timing.cold:.2f} s | {1e6 * timing.warm:.2f} us"
        text.append(
            f"| {timing.peer}'s | {mine} | {_against(searched.get(timing.peer), timing.warm)}"
        )
    for peer, seconds in searched.items():
        mine = f"own score | {speed.cold:.2f} s | {1e6 * speed.warm:.2f} us"
        text.append(f"| ours, beside {peer} | {mine} | {_against(seconds, speed.warm)}")
    for item in [*rows, *agreements, *walks]:
        if isinstance(item, Missing):
            text += ["", f"{item.peer} on {item.machine} did not run: {item.reason}"]
    return "\n".join(text) + "\n"


def _against(seconds: float | None, warm: float) -> str:
    if seconds is None:
        return "did not run | |"
    return f"{seconds:.2f} s | {seconds / warm:,.0f} |"
