"""A report's records into one HTML page: figures, tables, plotly.js and style, all inlined."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from plotly import graph_objects
from plotly.offline import get_plotlyjs

from search import display
from search.report.content import Measure, ReportData, Rival
from search.report.floorplan import draw_floorplan
from search.report.plots import plot_bars, plot_convergence, plot_coordinates, plot_pareto

CONFIG = {
    "displaylogo": False,
    "responsive": True,
    "plotlyServerURL": "",
    "showTips": False,
    "modeBarButtonsToRemove": ["select2d", "lasso2d", "autoScale2d"],
}
COMPARED = (
    "ttft", "tpot", "throughput_per_package", "unit_cost", "unit_price", "tco_per_hour",
    "package_power_peak", "wall_power", "junction_temperature", "die_area", "memory_bandwidth",
    "packages",
)  # fmt: skip


def render_report(data: ReportData, labels: Mapping[str, Sequence[str]] | None = None) -> str:
    """The whole page.

    Parameters
    ----------
    data : ReportData
        What is shown.
    labels : mapping of str to sequence of str, optional
        Names of the choices of variables whose column in the cloud holds indices.

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
    environment.filters["quantity"] = display.quantity
    environment.filters["number"] = display.number
    environment.filters["percent"] = display.percent
    environment.filters["column_unit"] = lambda unit: display.scale_of(unit).unit
    environment.globals["shown"] = shown
    figures = _figures(data, dict(labels or {}))
    return environment.get_template("report.html.jinja").render(
        data=data,
        figures=figures,
        columns=_columns(data),
        rows=_rows(data),
        rival_groups=_groups(data.rivals),
        drawings=[
            draw_floorplan(best.blocks, f"Package of design {best.mark}") for best in data.best
        ],
        # Trusted text of installed packages: it must not be escaped.
        plotly=Markup(get_plotlyjs()),
        style=Markup(_read_style(environment)),
    )


def shown(metrics: Mapping[str, float], measure: Measure) -> str:
    """The number of a metric in the scale of its column."""
    if measure.name not in metrics:
        return "–"
    return display.number(float(display.scale_of(measure.unit).apply(metrics[measure.name])))


def _figures(data: ReportData, labels: dict[str, Sequence[str]]) -> dict[str, Any]:
    first = data.objectives[0]
    figures: dict[str, Any] = {}
    market = [rival for rival in data.rivals if rival.money == "market"] or list(data.rivals)
    if len(data.objectives) > 1 and len(data.cloud):
        figures["pareto"] = [
            _html(plot_pareto(data.cloud, first, other, data.best, market), f"pareto-{other.name}")
            for other in data.objectives[1:]
        ]
    if len(data.cloud) and data.cloud.feasible.any():
        figure = plot_coordinates(data.cloud, data.variables, data.objectives, labels)
        figures["coordinates"] = _html(figure, "coordinates")
    if data.progress is not None:
        figures["convergence"] = _html(
            plot_convergence(data.progress, data.objectives), "convergence"
        )
    figures["bars"] = [
        [
            (name, _html(plot_bars(bars), f"bars-{position}-{name}"), bars.note)
            for name, bars in best.bars.items()
        ]
        for position, best in enumerate(data.best)
    ]
    return figures


def _html(figure: graph_objects.Figure, name: str) -> Markup:
    identity = "".join(letter if letter.isalnum() else "-" for letter in name)
    html = figure.to_html(full_html=False, include_plotlyjs=False, div_id=identity, config=CONFIG)
    return Markup(html)  # plotly escapes the figure's JSON


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


def _groups(rivals: Sequence[Rival]) -> list[tuple[str, str, list[Rival]]]:
    """Rivals by (mapping, money), each group comparable within itself."""
    pairs = dict.fromkeys((rival.mapping, rival.money) for rival in rivals)
    return [
        (mapping, money, [r for r in rivals if (r.mapping, r.money) == (mapping, money)])
        for mapping, money in pairs
    ]


def _read_style(environment: Environment) -> str:
    assert environment.loader is not None
    source, _, _ = environment.loader.get_source(environment, "report.css")
    return source
