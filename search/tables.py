"""Tables for a terminal, made of what the Python functions return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from costmodel.metrics import METRICS
from search.catalogue import Listing
from search.display import number, percent, quantity, scale_of, words
from search.doctor import Finding
from search.evaluation import Answer
from search.mappings import OperatorMapping
from search.progress import duration
from search.report.content import Bars, fold_small
from search.rescore import lines as rescore_lines
from search.results import Design
from search.session import Summary

MAIN_METRICS = (
    "ttft", "tpot", "throughput_per_package", "unit_cost", "unit_price", "package_power_peak",
    "wall_power", "junction_temperature", "memory_temperature", "die_area", "packages",
)  # fmt: skip
PLAN_LABELS = {
    "seconds at most": "time at most",
    "seconds an evaluation, sampler by sampler": "an evaluation, sampler by sampler",
    "expected seconds": "expected time",
    "memory bytes": "memory",
    "disk bytes": "disk",
}
"""Quantities of a dry run that are shown with their unit."""
COUNTS = {
    "repeated": "proposed twice at once",
    "cached": "known already",
    "pruned": "discarded by a bound",
    "gradient_steps": "slopes",
    "mappings": "mappings weighed",
}
"""What a study counts beside the designs evaluated (see `search.meter`)."""
FEW_BARS = 3
"""Up to so many bars, parts are lines: their names are long."""


def listing_table(listing: Listing) -> Table:
    """Names and what is said of them."""
    table = Table(*listing.headings, title=listing.title)
    for row in listing.rows:
        table.add_row(*(escape(cell) for cell in row))
    return table


def finding_table(findings: Iterable[Finding]) -> Table:
    """What `doctor` found."""
    table = Table("subject", "", "detail")
    for item in findings:
        word = {True: "ok", False: "FAILS", None: ""}[item.passed]
        table.add_row(escape(item.subject), word, escape(item.detail))
    return table


def answer_tables(answer: Answer) -> list[RenderableType]:
    """Metrics of one machine, then where time, energy, area and money go."""
    heading = (
        f"{escape(answer.machine)} on {escape(answer.workload)}\n"
        f"{escape(answer.plan)}; mapping {answer.mapping}; money: {answer.money}"
    )
    blocks: list[RenderableType] = [heading, metric_table(answer.metrics)]
    blocks += [bar_table(bars) for bars in answer.bars.values()]
    blocks.append(mapping_table(answer.mappings))
    missed = {name: value for name, value in answer.violations.items() if value > 0}
    if missed:
        parts = ", ".join(f"{name} by {percent(value)}" for name, value in missed.items())
        blocks.append(f"not met: {parts}")
    blocks += [f"note: {escape(note)}" for note in answer.notes]
    return blocks


def mapping_table(mappings: Iterable[OperatorMapping]) -> Table:
    """How matrix products are cut: the block in the shared SRAM, its loops, a core's tile."""
    table = Table(
        "operator", "rows x columns x depth", "block", "loops, held", "tile", "cores a tile",
        "time", "busiest", title="Mapping of matrix products",
    )  # fmt: skip
    point = None
    for item in mappings:
        if item.point != point:
            if point is not None:
                table.add_section()
            point = item.point
            table.add_row(f"[bold]{escape(point)}[/bold]")
        table.add_row(
            escape(words(item.operator)),
            " x ".join(map(str, item.product)),
            " x ".join(map(str, item.block)),
            ", ".join([item.order, *item.held]),
            " x ".join(map(str, item.tile)),
            str(item.pieces),
            quantity(item.seconds, "s"),
            f"{item.bound} {percent(item.busy)}",
        )
    return table


def metric_table(metrics: Mapping[str, float]) -> Table:
    """Every metric with its unit and definition."""
    table = Table("metric", "value", "definition", title="Metrics")
    for name, value in metrics.items():
        spec = METRICS[name]
        table.add_row(escape(spec.title), quantity(value, spec.unit), escape(spec.definition))
    return table


def bar_table(bars: Bars) -> Table:
    """One line a bar and one column a part; the other way round when there are few bars."""
    scale = scale_of(bars.unit)
    parts, values = fold_small(bars)
    values = values * scale.factor
    title = escape(f"{bars.title}{scale.suffix}")
    if len(bars.bars) <= FEW_BARS:
        table = Table("", *map(words, bars.bars), title=title)
        lines = [*parts, "total"]
        rows = [*values.T, values.sum(1)]
    else:
        table = Table("", "total", *map(words, parts), title=title)
        lines = [*bars.bars, "total"]
        rows = [np.append(row.sum(), row) for row in [*values, values.sum(0)]]
    for column in table.columns[1:]:
        column.justify = "right"
    for line, row in zip(lines, rows, strict=True):
        if line == "total":
            table.add_section()
        cells = (number(float(value)) if value else "" for value in row)
        table.add_row(escape(words(line)), *cells)
    return table


def summary_tables(summary: Summary) -> list[RenderableType]:
    """How a session ended: the study, and the designs put forward."""
    blocks: list[RenderableType] = status_tables(summary.status)
    if summary.designs:
        blocks += designs_tables(summary.designs, summary.objectives)
        plural = "design" if summary.front == 1 else "designs"
        blocks.append(f"{summary.front} {plural} that no other one beats")
    if summary.report:
        blocks.append(f"report: {escape(str(summary.report))}")
    return blocks


def status_tables(state: Mapping[str, Any]) -> list[RenderableType]:
    """Where a study stands."""
    table = Table(show_header=False, title=escape(str(state["folder"])))
    evaluated, feasible = state["evaluations"], state["feasible"]
    share = percent(feasible / evaluated) if evaluated else "none"
    seconds = float(state["seconds"])
    rate = f", {evaluated / seconds:,.0f} a second" if seconds else ""
    budget = state["budget"]
    table.add_row("status", str(state["status"]))
    table.add_row("designs evaluated", f"{evaluated:,} in {seconds:.0f} s{rate}")
    table.add_row("meet every limit", f"{feasible:,} ({share})")
    table.add_row("rounds", f"{state['rounds']:,}, the last by {state['sampler'] or 'nobody'}")
    counts = ((state["meter"].get(name, 0), text) for name, text in COUNTS.items())
    table.add_row("beside them", ", ".join(f"{count:,} {text}" for count, text in counts if count))
    table.add_row("budget", f"{budget['evaluations']:,} evaluations, {_limit(budget)}")
    if state.get("hypervolume") is not None:
        table.add_row("hypervolume", number(state["hypervolume"], 4))
    for name, value in state["best"].items():
        table.add_row(
            f"best {escape(METRICS[name].title.lower())}", quantity(value, METRICS[name].unit)
        )
    if state.get("rescore"):
        table.add_row("rescore", escape("\n".join(rescore_lines(state["rescore"]))))
    return [table]


def _limit(budget: Mapping[str, Any]) -> str:
    return f"{budget['seconds']:.0f} s" if budget.get("seconds") else "any time"


def studies_table(found: Sequence[Mapping[str, Any]]) -> RenderableType:
    """All studies of a folder."""
    if not found:
        return "no studies here; scoville run EXPERIMENT makes one"
    table = Table("study", "status", "designs", "feasible", "rounds", "begun")
    for state in found:
        if "error" in state:
            table.add_row(escape(state["folder"]), state["status"], "", "", "", "")
            continue
        numbers = (f"{state[key]:,}" for key in ("evaluations", "feasible", "rounds"))
        table.add_row(escape(state["folder"]), state["status"], *numbers, state["created"])
    return table


def designs_tables(
    designs: Mapping[str, Design], objectives: Sequence[str]
) -> list[RenderableType]:
    """Designs put forward as columns: main metrics, variables that differ; then those that do not.

    What is the same in all fits a line or two, so that the answer stays on the screen.
    """
    table = Table("", *map(_pick_title, designs), title="Designs put forward")
    names = dict.fromkeys([*objectives, *MAIN_METRICS])
    carried = next(iter(designs.values())).metrics
    for name in names:
        if name in carried:
            spec = METRICS[name]
            cells = (quantity(design.metrics[name], spec.unit) for design in designs.values())
            table.add_row(escape(spec.title), *cells)
    table.add_section()
    same = []
    for name in next(iter(designs.values())).variables:
        values = [_value(design.variables[name]) for design in designs.values()]
        if len(values) > 1 and len(set(values)) == 1:
            same.append(f"{name} {values[0]}")
        else:
            table.add_row(escape(name), *map(escape, values))
    return [table, *([escape(f"the same in all: {', '.join(same)}")] if same else [])]


def _pick_title(pick: str) -> str:
    """Heading of a column: the knee, or what the design is the best in."""
    return escape(f"best {METRICS[pick].title.lower()}" if pick in METRICS else pick)


def _value(value: object) -> str:
    return number(value) if isinstance(value, float) else str(value)


def preview_table(plan: Mapping[str, Any]) -> Table:
    """What a run would do and cost."""
    table = Table(show_header=False, title="dry run: nothing is written")
    for name, value in plan.items():
        label = PLAN_LABELS.get(name, name)
        table.add_row(escape(label), escape(_plan_text(name, value)))
    return table


def _plan_text(name: str, value: object) -> str:
    if value is None:
        return "any"
    if isinstance(value, float) and name.endswith("bytes"):
        return quantity(value, "byte")
    if isinstance(value, int | float) and name.endswith("seconds"):
        return f"about {duration(value)}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {quantity(item, 's')}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(float(value)) if isinstance(value, int | float) else str(value)


def checked_table(good: Sequence[Mapping[str, Any]]) -> RenderableType:
    """Experiments that are valid."""
    if not good:
        return "no valid experiment"
    table = Table("file", "variables", "designs", "objectives")
    for item in good:
        designs = number(item["designs"])
        table.add_row(
            escape(item["file"]), str(item["variables"]), designs, ", ".join(item["objectives"])
        )
    return table


def lines(texts: Iterable[str]) -> str:
    """One text a line, e.g. paths for another program."""
    return "\n".join(escape(text) for text in texts)
