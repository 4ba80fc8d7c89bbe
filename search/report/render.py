"""A report's records into one HTML page: figures, tables, plotly.js and style, all inlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from search import display
from search.report.content import Bars, Best, Margin, Measure, ReportData, Rival
from search.report.figures import figures_of, marked_rivals
from search.report.floorplan import draw_floorplans, legend
from search.report.glossary import RULES, TERMS
from search.report.payload import payload

SCRIPTS = ("figures.js", "front.js", "coordinates.js")
COMPARED = (
    "ttft", "tpot", "throughput_per_package", "unit_price", "package_power_peak", "packages",
)  # fmt: skip
MINUS = "\N{MINUS SIGN}"
ACRONYMS = {"ttft": "TTFT", "tpot": "TPOT"}
MOST_ROWS = 40
"""Designs of the front in its table."""


def render_report(data: ReportData) -> str:
    """The whole page.

    Parameters
    ----------
    data : ReportData
        What is shown.

    Returns
    -------
    str
        HTML that loads nothing from anywhere.
    """
    environment = Environment(
        loader=PackageLoader("search.report"),
        autoescape=select_autoescape(default_for_string=True, default=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.policies["json.dumps_kwargs"] = {"sort_keys": False}
    environment.filters["quantity"] = display.quantity
    environment.filters["number"] = display.number
    environment.filters["percent"] = display.percent
    environment.filters["words"] = display.words
    environment.filters["column_unit"] = lambda unit: display.scale_of(unit).unit
    environment.filters["change"] = change
    environment.filters["cell"] = cell
    environment.filters["used"] = used
    environment.filters["headroom"] = headroom
    environment.filters["limit"] = lambda name: ACRONYMS.get(name, display.words(name))
    environment.globals["gains"] = gains
    environment.globals["differences"] = differences
    environment.globals["shown"] = shown
    environment.globals["terms"] = TERMS
    environment.globals["rules"] = RULES
    drawings = data.beside.drawings if data.beside else ()
    return environment.get_template("report.html.jinja").render(
        data=data,
        figures=figures_of(data),
        payload=payload(data, marked_rivals(data)),
        columns=_columns(data),
        rows=_rows(data),
        front=_front(data),
        rival_groups=_groups(data.rivals),
        alike=_alike(data.best),
        drawings=list(zip(drawings, draw_floorplans(drawings), strict=True)),
        legend=legend(drawings),
        # Trusted text of installed packages and of this one: it must not be escaped.
        plotly=Markup(get_plotlyjs()),
        style=Markup(_read(environment, "report.css")),
        script=Markup("\n".join(_read(environment, name) for name in SCRIPTS)),
    )


def shown(metrics: Mapping[str, float], measure: Measure) -> str:
    """The number of a metric in the scale of its column."""
    if measure.name not in metrics:
        return "–"
    return display.number(float(display.scale_of(measure.unit).apply(metrics[measure.name])))


def change(share: float) -> str:
    """A relative change with its sign, e.g. ``+1.3 %``; ``0`` for less than it can show."""
    if share != share:
        return "–"
    text = f"{100.0 * share:+.1f} %"
    return "0" if text in ("+0.0 %", "-0.0 %") else text.replace("-", MINUS)


def gains(share: float, objective: Measure) -> bool:
    """Whether a relative change is to the better and large enough to show."""
    better = share if objective.direction == "maximize" else -share
    return better >= 0.0005


def differences(lead: Best, other: Best) -> str:
    """What another design does otherwise than the first, in words."""
    changed = [
        f"{display.words(theirs.name)} {display.words(theirs.value)}"
        for ours, theirs in zip(lead.knobs, other.knobs, strict=True)
        if ours.value != theirs.value
    ]
    return f"As {lead.mark}, but {', '.join(changed)}."


def cell(bars: Bars, bar: int, part: int | None = None) -> str:
    """One number of a figure of bars, or the sum of a bar, in the unit of its heading."""
    value = bars.values[bar].sum() if part is None else bars.values[bar, part]
    return display.number(float(display.scale_of(bars.unit).factor * value))


def used(margin: Margin) -> str:
    """How much of a limit is used, in per cent of the gauge."""
    return f"{100.0 * min(1.0, max(0.0, 1.0 + margin.violation)):.0f}"


def headroom(margin: Margin) -> str:
    """What is left of a limit, in words."""
    if margin.violation > 0.0:
        return f"over by {display.percent(margin.violation)}"
    left = display.percent(-margin.violation + 0.0)
    return f"{left} left, binds" if margin.state == "binds" else f"{left} left"


def _columns(data: ReportData) -> list[Measure]:
    """Columns of the rivals' table: the objectives, then what a buyer looks at."""
    lead = {measure.name for measure in data.objectives}
    rest = [data.measures[name] for name in COMPARED if name in data.measures]
    return [*data.objectives, *(measure for measure in rest if measure.name not in lead)]


def _rows(data: ReportData) -> list[Measure]:
    """Metrics of the best designs: the objectives first, then every other."""
    carried = {name for best in data.best for name in best.metrics}
    lead = {measure.name for measure in data.objectives}
    rest = (data.measures[name] for name in data.measures if name in carried - lead)
    return [*data.objectives, *rest]


def _front(data: ReportData) -> list[dict[str, Any]]:
    """The designs of the front, best first by the first objective: number and values as shown."""
    cloud, lead = data.cloud, data.objectives[0]
    rows = [row for row in range(len(cloud)) if cloud.front[row]]
    sign = -1.0 if lead.direction == "maximize" else 1.0
    rows.sort(key=lambda row: sign * cloud.columns[lead.name][row])
    marks = {best.key: best.mark for best in data.best}
    return [
        {
            "evaluation": cloud.keys[row].rpartition(" ")[2],
            "mark": marks.get(cloud.keys[row], ""),
            "objectives": [
                shown({item.name: float(cloud.columns[item.name][row])}, item)
                for item in data.objectives
            ],
            "variables": [
                _level(data, item.name, float(cloud.columns[item.name][row]))
                for item in data.variables
                if item.name in cloud.columns
            ],
        }
        for row in rows[:MOST_ROWS]
    ]


def _level(data: ReportData, name: str, value: float) -> str:
    labels = data.labels.get(name)
    return str(labels[round(value)]) if labels else display.number(value)


def _groups(rivals: Sequence[Rival]) -> list[tuple[str, str, list[Rival]]]:
    """Rivals by (mapping, money), each group comparable within itself."""
    pairs = dict.fromkeys((rival.mapping, rival.money) for rival in rivals)
    return [
        (mapping, money, [r for r in rivals if (r.mapping, r.money) == (mapping, money)])
        for mapping, money in pairs
    ]


def _alike(best: Sequence[Best]) -> list[bool]:
    """Which knobs have the same value in every design put forward."""
    if not best:
        return []
    return [len({item.knobs[row].value for item in best}) == 1 for row in range(len(best[0].knobs))]


def _read(environment: Environment, name: str) -> str:
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, name)
    return source
