"""One GEMM on one matched array: our best latency and time beside the mappers of the peers."""

from __future__ import annotations

from collections.abc import Iterator

from costmodel.timing.tables import build_tables
from experiments.benchmarks.mapping import measure, ours
from experiments.benchmarks.mapping.compare import SINGLE, TERMS, Row
from experiments.benchmarks.mapping.machine import BALANCED, CORNERS, GEMM, MATCHED, MIB
from experiments.benchmarks.mapping.measure import Missing
from experiments.benchmarks.mapping.ours import Score
from experiments.benchmarks.mapping.points import POINTS
from experiments.benchmarks.mapping.report import REASONS
from experiments.shows.harness import Line, Show

OPTIMAL = "AccelForge"
"""The peer whose mapper proves its optimum: ours equals it, the others' it must not exceed."""
CLOSE = 1e-3
FASTER = 1000.0
LEAST = 0.01
"""Share of a latency below which the difference of a term is not spelt out."""


def measure_all() -> Iterator[Line]:
    """Latencies under each peer's semantics, terms, and processor time a hardware point."""
    yield Line("GEMM", "", f"{GEMM} (m, k, n); the file of every peer describes the same machine")
    with measure.one_thread():
        tables = build_tables()
        scores = {machine: ours.score(machine, GEMM, tables) for machine in CORNERS}
        perfect = {
            machine: ours.score(machine, GEMM, tables, **ours.PERFECT) for machine in CORNERS
        }
    searched: dict[str, float] = {}
    absent: set[str] = set()
    told: set[tuple[str, str]] = set()
    for row in measure.rows(CORNERS):
        if isinstance(row, Missing):
            if row.peer not in absent:
                yield Line(f"{row.peer}: runs", "runs", row.reason, False)
            absent.add(row.peer)
            continue
        searched.setdefault(row.peer, row.seconds)
        yield from _latency(row)
        yield _difference(row, scores[row.machine], told)
        if row.peer == OPTIMAL:
            near = perfect[row.machine]
            yield Line(
                "  our own score with its overlap, fill and widths",
                "",
                f"{near.cycles:,.0f} cycles, {near.moved / MIB:,.0f} MiB ({near.mapping}); two "
                "copies of a block, the first load and one fill stay",
            )
    for agreement in measure.agreements():
        if not isinstance(agreement, Missing):
            yield Line(
                f"{agreement.peer}, {BALANCED}: mappings drawn at random",
                f"the same {agreement.quantity}",
                f"{agreement.same} of {agreement.asked}",
                agreement.same == agreement.asked > 0,
            )
    yield from _walks()
    yield from _times(searched, [score.need for score in scores.values()])


def _latency(row: Row) -> Iterator[Line]:
    where = f"{row.peer}, {row.machine}"
    if row.peer == OPTIMAL:
        asked = f"within {CLOSE:.1%} of its optimum"
        passed = abs(row.ours / row.theirs - 1.0) <= CLOSE
    else:
        asked, passed = "no worse than its best", row.ours <= row.theirs
    passed = passed and abs(row.confirmed - row.ours) <= row.our_slack + SINGLE * row.ours
    yield Line(
        f"{where}: our best, its semantics",
        asked,
        f"{row.ours:,.0f} cycles, its {row.theirs:,.0f}; it says {row.confirmed:,.0f} of ours",
        passed,
    )
    if row.even is not None:
        theirs, mine = row.even
        yield Line(
            f"{where}: our best where all loops divide evenly",
            asked,
            f"{mine:,.0f} cycles, its {theirs:,.0f}",
            abs(mine / theirs - 1.0) <= CLOSE,
        )
    left = row.theirs - row.formula
    same = -SINGLE * row.theirs <= left <= row.slack + SINGLE * row.theirs
    bound = f", up to {row.slack:,.0f} left out" if row.slack else ""
    yield Line(
        f"{where}: our closed form on its mapping",
        f"the same{bound}",
        f"{row.formula:,.0f} cycles ({row.their_mapping})",
        same,
    )


def _difference(row: Row, score: Score, told: set[tuple[str, str]]) -> Line:
    """Their optimum from our own score, by terms; a reason is `told` once."""
    parts = []
    for term in TERMS:
        step = row.their_terms[term] - score.terms[term]
        if abs(step) >= LEAST * score.cycles:
            reason = "" if (row.peer, term) in told else REASONS[row.peer].get(term, "")
            told.add((row.peer, term))
            parts.append(f"{term} {step:+,.0f}" + (f" ({reason})" if reason else ""))
    text = f"ours {score.cycles:,.0f} cycles, {score.moved / MIB:,.0f} MiB ({score.mapping}); "
    text += f"theirs {row.theirs:,.0f}, {row.moved[0] / MIB:,.0f} MiB: "
    return Line(
        f"  {row.peer} against our own score", "", text + ("; ".join(parts) or "every term alike")
    )


def _walks() -> Iterator[Line]:
    for walk in measure.walks():
        if isinstance(walk, Missing):
            yield Line("SCALE-Sim: runs", "runs", walk.reason, False)
            continue
        yield Line(
            f"SCALE-Sim, {walk.dataflow}, tile {measure.TILE}",
            "our closed form, to the cycle",
            f"{walk.formula:,.0f} cycles, its {walk.theirs:,.0f}; "
            f"{walk.ours:,.0f} with a second set of registers",
            walk.formula == walk.theirs,
        )


def _times(searched: dict[str, float], needs: list[float]) -> Iterator[Line]:
    for timing in measure.timings():
        if timing.peer not in searched:
            continue
        yield _faster(f"{timing.peer}'s question", searched[timing.peer], timing.warm, timing.cold)
    with measure.one_thread():
        speed = ours.speed(MATCHED, GEMM)
    need = max(speed.need, *needs)
    yield Line(
        f"our own mappings fit: {len(needs)} machines, {POINTS:,} hardware points",
        "at most 100% of each SRAM",
        f"at most {need:.1%}",
        need <= 1.0,
    )
    for peer, seconds in searched.items():
        yield _faster(f"our mapper and score, beside {peer}", seconds, speed.warm, speed.cold)


def _faster(what: str, seconds: float, warm: float, cold: float) -> Line:
    return Line(
        f"{what}: {POINTS:,} hardware points, one thread",
        f"at least {FASTER:,.0f} times faster than its mapper",
        f"{seconds / warm:,.0f} times: {1e6 * warm:.2f} us a point, its search {seconds:.2f} s "
        f"of processor; cold {cold:.2f} s",
        seconds >= FASTER * warm,
    )


SHOW = Show("One GEMM on one array, beside the peers' mappers", measure_all)
