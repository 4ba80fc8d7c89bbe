"""The page in a real browser: it draws, answers to clicks, asks and complains of nothing."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from experiments.shows.browser import DESKTOP, PHONE, Visit, find_browser, started, visit
from search.report.render import render_report
from tests.search.report import synthetic

pytestmark = pytest.mark.skipif(
    find_browser() is None or importlib.util.find_spec("playwright") is None,
    reason="no Chromium on this machine, or no playwright: the report is not looked at",
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("report") / "report.html"
    page.write_text(render_report(synthetic.report_data()), encoding="utf-8")
    return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with started() as found:
        yield found


@pytest.fixture(scope="module")
def desktop(browser: Any, path: Path) -> Iterator[Visit]:
    with visit(browser, path, DESKTOP) as seen:
        yield seen
        assert seen.complaints == []
        assert seen.elsewhere == []


def text(seen: Visit, selector: str) -> str:
    return str(seen.page.text_content(selector))


def test_every_visible_figure_is_drawn(desktop: Visit) -> None:
    plots = desktop.page.locator(".plot:visible")
    assert plots.count() >= 6
    for index in range(plots.count()):
        assert plots.nth(index).locator("svg.main-svg").count() > 0


def test_choosing_another_metric_moves_the_front(desktop: Visit) -> None:
    title = "#front-whole .ytitle"
    before = text(desktop, title)
    desktop.page.select_option("#front-upward", "power")
    assert "Peak package power" in text(desktop, title)
    desktop.page.select_option("#front-upward", "tokens_per_joule")
    assert text(desktop, title) == before


def test_the_curves_turn_to_seconds(desktop: Visit) -> None:
    page = desktop.page
    assert page.is_visible("#convergence-evaluations")
    page.click("text=against seconds")
    assert page.is_visible("#convergence-seconds svg.main-svg >> nth=0")
    assert not page.is_visible("#convergence-evaluations")
    page.click("text=against designs evaluated")


def test_a_brush_keeps_designs_and_marks_them_in_the_front(desktop: Visit) -> None:
    page = desktop.page
    axis = page.locator('[data-axis="stacks"]')
    axis.scroll_into_view_if_needed()
    box = axis.bounding_box()
    assert box is not None
    rows = [text(desktop, "#kept tbody")]
    x = box["x"] + box["width"] / 2
    page.mouse.move(x, box["y"] + 0.55 * box["height"])
    page.mouse.down()
    page.mouse.move(x, box["y"] + 0.98 * box["height"], steps=6)
    page.mouse.up()
    kept, every = (int(word) for word in text(desktop, "#coordinates-count").split()[:3:2])
    assert 0 < kept < every
    rows.append(text(desktop, "#kept tbody"))
    assert rows[0] != rows[1]
    names = page.evaluate("document.getElementById('front-whole').data.map((one) => one.name)")
    assert "kept below" in names
    page.click("#coordinates-chips button")
    assert "all kept" in text(desktop, "#coordinates-count")


def test_a_range_can_be_set_without_a_mouse(desktop: Visit) -> None:
    page = desktop.page
    page.click("text=Choose axes, or set a range by numbers")
    page.select_option("#range-axis", "stacks")
    page.fill("#range-low", "10")
    page.press("#range-low", "Enter")
    assert "designs kept" in text(desktop, "#coordinates-count")
    stacks = [float(cell) for cell in page.locator("#kept tbody td:nth-child(4)").all_inner_texts()]
    assert stacks
    assert min(stacks) >= 10
    page.click("#coordinates-clear")


def test_a_legend_entry_hides_its_part(desktop: Visit) -> None:
    page = desktop.page
    entry = page.locator(".keys button", has_text="memory").first
    entry.scroll_into_view_if_needed()
    entry.press("Enter")
    assert entry.get_attribute("aria-pressed") == "false"
    entry.press("Enter")
    assert entry.get_attribute("aria-pressed") == "true"


def test_the_contents_lead_to_their_section(desktop: Visit) -> None:
    desktop.page.click("nav >> text=Limits")
    desktop.page.wait_for_function(
        "() => Math.abs(document.getElementById('limits').getBoundingClientRect().top) < 120"
    )


def test_a_link_to_a_source_opens_the_list_that_holds_it(desktop: Visit) -> None:
    page = desktop.page
    assert not page.is_visible("#source-x")
    page.click('a[href="#source-x"] >> visible=true')
    page.wait_for_selector("#source-x", state="visible")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_nothing_runs_out_of_the_window(browser: Any, path: Path, size: tuple[int, int]) -> None:
    with visit(browser, path, size) as seen:
        assert seen.overflow() <= 0
        for index in range(seen.page.locator("details").count()):
            seen.page.locator("details").nth(index).evaluate("(part) => { part.open = true; }")
        seen.page.wait_for_timeout(500)
        assert seen.overflow() <= 0
        assert seen.complaints == []


def test_dark_paper_takes_light_ink(browser: Any, path: Path) -> None:
    with visit(browser, path, scheme="dark") as seen:
        colours = (
            "() => { const look = getComputedStyle(document.body);"
            " return [look.color, look.backgroundColor]; }"
        )
        ink, paper = (
            sum(int(part) for part in colour.removeprefix("rgb(").rstrip(")").split(","))
            for colour in seen.page.evaluate(colours)
        )
        assert ink > 3 * 200
        assert paper < 3 * 60
        axis = seen.page.locator("#front-whole .xtitle").first
        assert "rgb(232, 232, 232)" in axis.evaluate("(node) => getComputedStyle(node).fill")


def test_it_prints_with_every_figure(browser: Any, path: Path, tmp_path: Path) -> None:
    with visit(browser, path) as seen:
        seen.page.pdf(path=str(tmp_path / "report.pdf"), format="A4")
        content = (tmp_path / "report.pdf").read_bytes()
        assert content.startswith(b"%PDF")
        pages = content.count(b"/Type /Page\n") + content.count(b"/Type /Page/")
        assert 4 <= pages <= 60
        # Afterwards the page is as before: closed parts closed, one of the two curves shown.
        assert not seen.page.is_visible("#convergence-seconds")
        assert seen.complaints == []


def test_without_scripts_the_numbers_remain(browser: Any, path: Path) -> None:
    with visit(browser, path, scripts=False) as seen:
        assert seen.page.is_visible("text=The figures need JavaScript")
        assert not seen.page.is_visible("#front-controls")
        assert not seen.page.is_visible("#front-whole")
        assert seen.page.locator("table").count() >= 10
        assert seen.overflow() <= 0
