"""The page stands alone, is small enough to send and shows what its records say."""

from __future__ import annotations

import dataclasses
import re

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from search.report.content import Bars, Margin
from search.report.floorplan import draw_floorplan
from search.report.plots import plot_bars, plot_convergence, plot_coordinates, plot_pareto
from search.report.render import render_report
from tests.search.report import synthetic
from tests.search.report.synthetic import COST, EFFICIENCY


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(synthetic.report_data())


def test_page_loads_nothing_from_outside(page: str) -> None:
    own = page.replace(get_plotlyjs(), "")
    addresses = set(re.findall(r"""(?:https?:)?//[^\s"'<>)]+""", own))
    assert addresses <= {"http://www.w3.org/2000/svg"}  # a name, not an address to load
    assert not re.search(r"<(?:link|iframe|img|script)[^>]*(?:src|href)\s*=", own)
    assert "default-src 'none'" in own  # the browser refuses what the bundle might ask for


def test_page_is_under_six_megabytes_and_has_one_plotly(page: str) -> None:
    assert len(page.encode()) < 6_000_000
    assert page.count(get_plotlyjs()) == 1


def test_page_is_the_same_each_time(page: str) -> None:
    assert render_report(synthetic.report_data()) == page


def test_names_from_a_study_cannot_run_as_script() -> None:
    data = synthetic.report_data(title=synthetic.NASTY)
    rival = dataclasses.replace(data.rivals[0], title=synthetic.NASTY)
    page = render_report(dataclasses.replace(data, rivals=(rival,)))
    assert "<script>alert" not in page


def test_page_without_a_feasible_design_says_so() -> None:
    data = synthetic.report_data()
    nothing = np.zeros(len(data.cloud), dtype=bool)
    cloud = dataclasses.replace(data.cloud, feasible=nothing, front=nothing)
    text = "TPOT: 12 ms to 15.1 ms"
    page = render_report(
        dataclasses.replace(data, cloud=cloud, best=(), rivals=(), relaxations=(text,))
    )
    assert "No design meets every limit" in page
    assert text in page


def test_table_shows_units_and_margins(page: str) -> None:
    assert "[token/J]" in page
    assert "68 °C" in page  # 341.15 K
    assert "-2.0 %" in page


@pytest.mark.parametrize(("violation", "state"), [(0.1, "violated"), (0.0, "binds"),
                                                  (-0.01, "binds"), (-0.5, "free")])  # fmt: skip
def test_margin_state(violation: float, state: str) -> None:
    assert Margin("x", "X", violation).state == state


def test_front_marks_rivals_best_and_greys_the_infeasible() -> None:
    data = synthetic.report_data()
    figure = plot_pareto(data.cloud, COST, EFFICIENCY, data.best, data.rivals)
    names = [trace.name for trace in figure.data]
    drawn = {trace.name.split(" (")[0]: len(trace.x) for trace in figure.data}
    assert drawn["misses a limit"] == int((~data.cloud.feasible).sum())
    assert drawn["Pareto front"] == int(data.cloud.front.sum())
    assert sum(name.startswith("rivals") for name in names) == 2
    assert "put forward" in names


def test_every_axis_names_its_unit() -> None:
    data = synthetic.report_data()
    figure = plot_pareto(data.cloud, COST, EFFICIENCY)
    assert "[USD]" in figure.layout.xaxis.title.text
    assert "[token/J]" in figure.layout.yaxis.title.text
    assert data.progress is not None
    titles = [
        note.text for note in plot_convergence(data.progress, data.objectives).layout.annotations
    ]
    assert any("[USD]" in title for title in titles)
    assert "[s]" in plot_convergence(data.progress, data.objectives).layout.xaxis6.title.text
    assert "[ms]" in plot_bars(data.best[0].bars["time"]).layout.xaxis.title.text


def test_bars_keep_the_total_when_small_parts_fold() -> None:
    values = np.array([[1.0, 1e-5, 2e-5], [0.5, 0.0, 1e-6]])
    figure = plot_bars(Bars("Energy", "J", ("a", "b"), ("x", "y", "z"), values))
    assert [trace.name for trace in figure.data] == ["x", "rest of the parts"]
    np.testing.assert_allclose(sum(np.array(trace.x) for trace in figure.data), values.sum(1))


def test_coordinates_draw_feasible_designs_only() -> None:
    data = synthetic.report_data()
    figure = plot_coordinates(
        data.cloud, data.variables, data.objectives, {"node": ("n3p", "n2", "sf2")}
    )
    axes = {axis.label: axis for axis in figure.data[0].dimensions}
    assert len(axes["stacks"].values) == int(data.cloud.feasible.sum())
    assert list(axes["node"].ticktext) == ["n3p", "n2", "sf2"]


def test_floorplan_is_to_scale() -> None:
    drawing = str(draw_floorplan(synthetic.best("knee").blocks))
    sizes = re.findall(r'<rect [^>]*?width="([\d.]+)" height="([\d.]+)"', drawing)
    assert len(sizes) == 3
    (package_width, package_height), (die_width, die_height), _ = [
        (float(w), float(h)) for w, h in sizes
    ]
    assert die_width / package_width == pytest.approx(26 / 50, rel=1e-3)
    assert die_height / package_height == pytest.approx(30 / 40, rel=1e-3)
