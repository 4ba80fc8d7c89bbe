"""The page stands alone, is small enough to send and shows what its records say."""

from __future__ import annotations

import dataclasses
import json
import re

import numpy as np
import pytest
from plotly.offline import get_plotlyjs

from search.report.content import Bars, Margin
from search.report.floorplan import draw_floorplan, draw_floorplans
from search.report.payload import payload
from search.report.plots import (
    plot_bars,
    plot_convergence,
    plot_coordinates,
    plot_matrix,
    plot_pareto,
    plot_roofline,
    plot_tornado,
)
from search.report.plots.frames import near, whole
from search.report.render import change, headroom, render_report
from tests.search.report import synthetic
from tests.search.report.synthetic import COST, EFFICIENCY, POWER


@pytest.fixture(scope="module")
def page() -> str:
    return render_report(synthetic.report_data())


def test_page_loads_nothing_from_outside(page: str) -> None:
    own = page.replace(get_plotlyjs(), "")
    assert not re.search(r"<(?:link|iframe|img|script|use|object)[^>]*\ssrc\s*=", own)
    assert not re.search(r"<link[^>]*href\s*=\s*\"(?!data:)", own)
    assert not re.search(r"url\(\s*['\"]?(?:https?:)?//", own)
    # The browser refuses what the bundle might ask for, and what could turn text into code.
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert "connect-src 'none'" in policy[1]
    assert "unsafe-eval" not in policy[1]


def test_page_is_under_six_megabytes_and_has_one_plotly(page: str) -> None:
    assert len(page.encode()) < 6_000_000
    assert page.count(get_plotlyjs()) == 1


def test_page_is_the_same_each_time(page: str) -> None:
    assert render_report(synthetic.report_data()) == page


def test_names_from_a_study_cannot_run_as_script() -> None:
    data = synthetic.report_data(title=synthetic.NASTY)
    rival = dataclasses.replace(data.rivals[0], title=synthetic.NASTY, name=synthetic.NASTY)
    knob = dataclasses.replace(data.best[0].knobs[0], name=synthetic.NASTY)
    best = dataclasses.replace(data.best[0], knobs=(knob, data.best[0].knobs[1]))
    page = render_report(
        dataclasses.replace(
            data, rivals=(rival,), best=(best,), labels={"node": (synthetic.NASTY, "b", "c")}
        )
    )
    assert "<script>alert" not in page
    assert page.count("</script>") == page.count("<script")


def test_every_contents_link_has_its_section(page: str) -> None:
    contents = re.search(r"<nav.*?</nav>", page, re.DOTALL)
    assert contents is not None
    targets = re.findall(r'href="#([^"]+)"', contents[0])
    assert len(targets) == 13
    for target in targets:
        assert f'<section id="{target}">' in page


def test_identities_are_unique(page: str) -> None:
    found = re.findall(r'\sid="([^"]+)"', page.replace(get_plotlyjs(), ""))
    assert len(found) == len(set(found))


def test_figures_have_a_text_and_numbers_in_tables(page: str) -> None:
    plots = re.findall(r'<div class="plot"[^>]*>', page)
    assert plots
    assert all('role="img"' in plot and 'aria-label="' in plot for plot in plots)
    for number in ("<td>3</td>", "<td>7</td>", "1 % more of it: 0.40 % more"):
        assert number in page  # sums of bars, an elasticity in words


def test_sources_are_links_to_follow_and_not_to_load(page: str) -> None:
    assert '<a href="https://example.org/paper" rel="noreferrer">' in page
    assert '<a href="#source-x">' in page


def test_page_without_a_feasible_design_says_so() -> None:
    data = synthetic.report_data()
    nothing = np.zeros(len(data.cloud), dtype=bool)
    cloud = dataclasses.replace(data.cloud, feasible=nothing, front=nothing)
    broken = dataclasses.replace(data.best[0], margins=(Margin("tpot", "TPOT", 0.26),))
    text = "TPOT: 12 ms to 15.1 ms"
    page = render_report(
        dataclasses.replace(data, cloud=cloud, best=(broken,), rivals=(), relaxations=(text,))
    )
    assert "No design meets every limit" in page
    assert text in page
    assert "over by 26.0 %" in page


def test_page_without_anything_but_designs() -> None:
    data = synthetic.report_data()
    page = render_report(
        dataclasses.replace(
            data, best=(), rivals=(), progress=None, beside=None, reliefs=(), assumptions=()
        )
    )
    assert "No rivals were evaluated" in page


def test_page_with_one_objective_and_with_four() -> None:
    data = synthetic.report_data()
    single = render_report(dataclasses.replace(data, objectives=(COST,), variables=data.variables))
    assert "There is one objective" in single
    assert 'id="matrix"' not in single
    turns = tuple(
        dataclasses.replace(turn, changes={**turn.changes, "power": 0.0})
        for turn in data.best[0].notches[0].turns
    )
    notch = dataclasses.replace(data.best[0].notches[0], turns=turns)
    best = dataclasses.replace(data.best[0], notches=(notch,))
    many = render_report(
        dataclasses.replace(data, objectives=(COST, EFFICIENCY, POWER), best=(best,), reliefs=())
    )
    assert 'id="matrix"' in many


def test_table_shows_units_and_margins(page: str) -> None:
    assert "token/J" in page
    assert "68 °C" in page  # 341.15 K
    assert "2.0 % left" in page


@pytest.mark.parametrize(("violation", "state"), [(0.1, "violated"), (0.0, "binds"),
                                                  (-0.01, "binds"), (-0.5, "free")])  # fmt: skip
def test_margin_state(violation: float, state: str) -> None:
    assert Margin("x", "X", violation).state == state


def test_what_is_left_of_a_limit_never_reads_as_minus_zero() -> None:
    assert headroom(Margin("x", "X", -0.0)) == "0.0 % left, binds"
    assert headroom(Margin("x", "X", -1e-9)) == "0.0 % left, binds"
    assert headroom(Margin("x", "X", -0.25)) == "25.0 % left"
    assert change(-1e-9) == "0"


def test_front_marks_rivals_best_and_greys_the_infeasible() -> None:
    data = synthetic.report_data()
    figure = plot_pareto(data.cloud, COST, EFFICIENCY, data.best, data.rivals)
    drawn = {trace.name: len(trace.x) for trace in figure.data}
    assert drawn["misses a limit"] == int((~data.cloud.feasible).sum())
    assert drawn["Pareto front"] == int(data.cloud.front.sum())
    assert drawn["rivals, best mapping"] == 1
    assert drawn["rivals, as shipped"] == 1
    assert drawn["marked: A, B"] == 2


def test_rivals_far_away_leave_the_close_up_to_the_front() -> None:
    data = synthetic.report_data()
    far = dataclasses.replace(data.rivals[0], metrics={"cost": 500.0, "tokens_per_joule": 1e-3})
    front = data.cloud.columns["cost"][data.cloud.front]
    close = near(COST, data.cloud)
    assert close.low < front.min()
    assert front.max() < close.high
    assert (front.max() - front.min()) / (close.high - close.low) > 0.25
    everything = whole(COST, data.cloud, data.best, (far,))
    assert everything.high > 500.0
    assert everything.logarithmic


def test_table_for_the_script_has_every_row_and_only_finite_numbers() -> None:
    data = synthetic.report_data()
    data.cloud.columns["power"][3] = np.inf
    table = json.loads(json.dumps(payload(data, data.rivals), allow_nan=False))
    assert list(table["columns"]) == ["cost", "tokens_per_joule", "power", "stacks", "node"]
    assert all(len(item["values"]) == len(data.cloud) for item in table["columns"].values())
    assert table["columns"]["power"]["values"][3] is None
    np.testing.assert_allclose(
        table["columns"]["cost"]["values"], data.cloud.columns["cost"], rtol=5e-4
    )
    assert table["columns"]["node"]["labels"] == ["n3p", "n2", "sf2"]
    assert sum(group == 2 for group in table["group"]) == int(data.cloud.front.sum())


def test_every_axis_names_its_unit() -> None:
    data = synthetic.report_data()
    figure = plot_pareto(data.cloud, COST, EFFICIENCY)
    assert "[USD]" in figure.layout.xaxis.title.text
    assert "[token/J]" in figure.layout.yaxis.title.text
    assert data.progress is not None
    seconds = plot_convergence(data.progress, data.objectives, "seconds")
    titles = [note.text for note in seconds.layout.annotations]
    assert any("[USD]" in title for title in titles)
    assert "[s]" in seconds.layout.xaxis3.title.text
    assert "[ms]" in plot_bars(data.best[0].bars["time"]).layout.xaxis.title.text
    assert data.beside is not None
    roofs = plot_roofline(data.beside.roofline)
    assert "[op/byte]" in roofs.layout.xaxis.title.text
    assert "[Top/s]" in roofs.layout.yaxis.title.text
    assert "[%]" in plot_tornado(data.best[0].levers["cost"], COST).layout.xaxis.title.text
    matrix = plot_matrix(data.cloud, (COST, EFFICIENCY, POWER), data.best)
    assert "[W]" in matrix.layout.yaxis2.title.text or "[W]" in matrix.layout.yaxis3.title.text


def test_convergence_is_drawn_against_both_axes_with_its_samplers() -> None:
    data = synthetic.report_data()
    assert data.progress is not None
    for axis, steps in (
        ("evaluations", data.progress.evaluations),
        ("seconds", data.progress.seconds),
    ):
        figure = plot_convergence(data.progress, data.objectives, axis)  # type: ignore[arg-type]
        np.testing.assert_array_equal(np.array(figure.data[0].x), steps)
        assert {trace.name for trace in figure.data} >= {"quasi random", "evolution"}
        edges = [shape.x1 for shape in figure.layout.shapes]
        assert edges == [getattr(item, axis)[1] for item in data.progress.stretches]


def test_bars_keep_the_total_when_small_parts_fold() -> None:
    values = np.array([[1.0, 1e-5, 2e-5], [0.5, 0.0, 1e-6]])
    figure = plot_bars(Bars("Energy", "J", ("a", "b"), ("x", "y", "z"), values))
    assert [trace.name for trace in figure.data] == ["x", "rest of the parts"]
    np.testing.assert_allclose(sum(np.array(trace.x) for trace in figure.data), values.sum(1))


def test_roofs_meet_at_the_balance() -> None:
    data = synthetic.report_data()
    assert data.beside is not None
    line = plot_roofline(data.beside.roofline).data[0]
    assert line.x[1] == pytest.approx(1e16 / 2e13)
    assert line.y[1] == line.y[2] == pytest.approx(1e4)  # Top/s
    assert line.y[0] / line.x[0] == pytest.approx(2e13 / 1e12)


def test_tornado_puts_the_widest_on_top_and_leaves_out_what_has_no_range() -> None:
    (lever,) = synthetic.best("knee").levers["cost"]
    wide = dataclasses.replace(lever, name="wide", low=0.3, high=-0.2)
    bare = dataclasses.replace(lever, name="bare", low=0.0, high=0.0)
    figure = plot_tornado((lever, bare, wide), COST)
    assert list(figure.data[0].y) == ["wide", "wafer price"]
    assert list(figure.data[0].x) == pytest.approx([30.0, -10.0])
    assert list(figure.data[1].x) == pytest.approx([-20.0, 10.0])


def test_coordinates_draw_feasible_designs_only() -> None:
    data = synthetic.report_data()
    figure = plot_coordinates(
        data.cloud, data.variables, data.objectives, {"node": ("n3p", "n2", "sf2")}
    )
    axes = {axis.label: axis for axis in figure.data[0].dimensions}
    assert len(axes["stacks"].values) == int(data.cloud.feasible.sum())
    assert list(axes["node"].ticktext) == ["n3p", "n2", "sf2"]


def rectangles(drawing: str) -> list[tuple[float, float]]:
    found = re.findall(r'<rect [^>]*?width="([\d.]+)" height="([\d.]+)"', drawing)
    return [(float(width), float(height)) for width, height in found]


def test_floorplan_is_to_scale() -> None:
    drawing = str(draw_floorplan(synthetic.DRAWING.blocks))
    package, die, _ = rectangles(drawing)
    assert die[0] / package[0] == pytest.approx(26 / 50, rel=1e-3)
    assert die[1] / package[1] == pytest.approx(30 / 40, rel=1e-3)


def test_floorplans_share_one_scale_and_an_axis_in_millimetres() -> None:
    small = dataclasses.replace(
        synthetic.DRAWING,
        blocks=tuple(
            dataclasses.replace(
                block, x=block.x / 2, y=block.y / 2, width=block.width / 2, height=block.height / 2
            )
            for block in synthetic.DRAWING.blocks
        ),
    )
    large, half = (str(item) for item in draw_floorplans((synthetic.DRAWING, small)))
    assert rectangles(half)[0][0] / rectangles(large)[0][0] == pytest.approx(0.5, rel=1e-3)
    assert "[mm]" in large
    ticks = {
        int(text)
        for text in re.findall(r'text-anchor="(?:middle|end)" fill="currentColor">(\d+)<', large)
    }
    assert ticks == {0, 10, 20, 30, 40, 50}
