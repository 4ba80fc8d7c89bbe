"""Tables for a terminal, made of what the Python functions return."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from costmodel.metrics import METRICS
from search.catalogue import Listing
from search.display import number, percent, quantity, scale_of, words
from search.doctor import Finding
from search.evaluation import Answer
from search.report.content import Bars, fold_small

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
    missed = {name: value for name, value in answer.violations.items() if value > 0}
    if missed:
        parts = ", ".join(f"{name} by {percent(value)}" for name, value in missed.items())
        blocks.append(f"not met: {parts}")
    blocks += [f"note: {escape(note)}" for note in answer.notes]
    return blocks


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


def pairs_table(title: str, pairs: Mapping[str, str]) -> Table:
    """Names and values."""
    table = Table(show_header=False, title=escape(title))
    for name, text in pairs.items():
        table.add_row(escape(name), escape(text))
    return table


def designs_table(
    title: str, labels: Sequence[str], rows: Sequence[Mapping[str, float]], names: Sequence[str]
) -> Table:
    """Designs as lines, metrics as columns."""
    table = Table("design", title=escape(title))
    for name in names:
        spec = METRICS[name]
        heading = escape(f"{spec.title}{scale_of(spec.unit).suffix}")
        table.add_column(heading, justify="right")
    for label, row in zip(labels, rows, strict=True):
        cells = (number(scale_of(METRICS[name].unit).apply(row[name])) for name in names)
        table.add_row(escape(label), *cells)
    return table
