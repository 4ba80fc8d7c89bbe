"""The report and the terminal as a newcomer sees them: screenshots to look at, and their checks."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from costmodel.errors import ConfigError
from experiments.shows import terminal
from experiments.shows.browser import DESKTOP, PHONE, Visit, find_browser, started, visit
from experiments.shows.harness import Line, Show
from search.manifest import MANIFEST
from search.report.build import write_report
from search.study import Study

ROOT = Path(__file__).resolve().parents[2]
EXPERIMENT = ROOT / "experiments" / "quickstart.yaml"
SCREENSHOTS = ROOT / "results" / "screenshots"
EVALUATIONS = 20_000
PATIENCE = 600.0
"""Longest time for the run on the terminal [s]."""
LARGEST = 6.0
"""Size of a page that can be sent [MB]."""
SECTIONS = (
    "front", "best", "rivals", "designs", "search", "where", "roofline", "floorplan", "limits",
    "sensitivities", "evidence", "reproduce", "words",
)  # fmt: skip


def measure() -> Iterator[Line]:
    """Run the quickstart on a terminal, write its report, look at both."""
    missing = [name for name in ("playwright", "pyte") if importlib.util.find_spec(name) is None]
    if find_browser() is None or missing:
        raise ConfigError(
            "screenshots need Chromium" + (f", {' and '.join(missing)}" if missing else ""),
            next_step="install chromium (Debian: apt install chromium) and `pip install .[dev]`",
        )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    for old in (*SCREENSHOTS.glob("*.png"), *SCREENSHOTS.glob("*.pdf")):
        old.unlink()
    with tempfile.TemporaryDirectory() as folder, started() as browser:
        yield from _terminal(browser, Path(folder))
        if not (Path(folder) / "quickstart" / MANIFEST).exists():
            return  # what the terminal said is told above
        study = Study.open(Path(folder) / "quickstart")
        begin = time.perf_counter()
        path = write_report(study)
        seconds = time.perf_counter() - begin
        searched = study.status()["seconds"]
        yield Line(
            "time to write the report, beside that of the search", "",
            f"{seconds:.1f} s, {searched:.0f} s for {study.status()['evaluations']:,} designs",
        )  # fmt: skip
        size = path.stat().st_size / 1e6
        yield Line(
            "size of the report", f"at most {LARGEST:g} MB", f"{size:.2f} MB", size <= LARGEST
        )
        yield from _report(browser, path)
    yield Line("screenshots to look at", "", f"{SCREENSHOTS.relative_to(ROOT)}: {_listed()}")


def _terminal(browser: Any, folder: Path) -> Iterator[Line]:
    """A run of the quickstart on a terminal of 100 columns and 30 lines."""
    command = [
        sys.executable, "-m", "search", "run", str(EXPERIMENT), "--results", str(folder),
        "-S", f"budget.evaluations={EVALUATIONS}",
    ]  # fmt: skip
    session = terminal.run(command, ROOT, every=2.0, limit=PATIENCE)
    last = session.texts[-1]
    running = [number for number, text in enumerate(session.texts[:-1]) if "designs" in text] or [0]
    for name, number in (("run", running[len(running) // 2]), ("end", len(session.texts) - 1)):
        _draw(browser, session.screens[number], SCREENSHOTS / f"terminal-{name}.png")
    shown = session.texts[running[len(running) // 2]]
    yield Line(
        "terminal: exit status of the run, looks at it", "0",
        f"{session.status}, {len(session.texts)}" + ("" if session.status == 0 else f": {last}"),
        session.status == 0,
    )  # fmt: skip
    wanted = ("round", "designs", "feasible", "hypervolume", "best", "a second", "left")
    absent = [word for word in wanted if word not in shown]
    yield Line(
        "terminal while it runs: says round, designs, feasible, hypervolume, best, rate, time left",
        "all", f"without {', '.join(absent)}" if absent else "all", not absent,
    )  # fmt: skip
    yield Line(
        "terminal: longest line", f"at most {terminal.COLUMNS} columns", f"{session.widest}",
        session.widest <= terminal.COLUMNS,
    )  # fmt: skip
    yield Line(
        "terminal at the end: names the report and the next step", "both",
        "both" if "report.html" in last and "scoville export" in last else "not both",
        "report.html" in last and "scoville export" in last,
    )  # fmt: skip


def _draw(browser: Any, page: str, target: Path) -> None:
    """An image of the terminal; as large as what it shows."""
    context = browser.new_context(viewport={"width": 900, "height": 500})
    opened = context.new_page()
    opened.set_content(page)
    opened.locator("pre").screenshot(path=str(target))
    context.close()


def _report(browser: Any, path: Path) -> Iterator[Line]:
    """The page on a desktop, a phone, in the dark and on paper."""
    with visit(browser, path, DESKTOP) as seen:
        yield from _desktop(seen)
        seen.page.pdf(path=str(SCREENSHOTS / "print.pdf"), prefer_css_page_size=True)
        yield _calm(seen, "desktop and print")
    with visit(browser, path, PHONE) as seen:
        over = seen.overflow()
        yield Line(f"pixels outside a window of {PHONE[0]}", "0", f"{max(0, over)}", over <= 0)
        seen.page.screenshot(path=str(SCREENSHOTS / "phone.png"), full_page=True)
        yield _calm(seen, "phone")
    with visit(browser, path, DESKTOP, scheme="dark") as seen:
        seen.page.screenshot(path=str(SCREENSHOTS / "dark.png"))
        yield _calm(seen, "dark")
    with visit(browser, path, PHONE, scripts=False) as seen:
        tables = seen.page.locator("table").count()
        rows = seen.page.locator("tbody tr").count()
        yield Line("without scripts: tables, rows of numbers", "readable", f"{tables}, {rows}",
                   tables > 10 and rows > 100)  # fmt: skip


def _desktop(seen: Visit) -> Iterator[Line]:
    page = seen.page
    over = seen.overflow()
    yield Line(f"pixels outside a window of {DESKTOP[0]}", "0", f"{max(0, over)}", over <= 0)
    present = [name for name in SECTIONS if page.locator(f"section#{name}").count() == 1]
    yield Line("sections", f"{len(SECTIONS)}", f"{len(present)}", len(present) == len(SECTIONS))
    page.add_style_tag(content="nav { position: static !important; }")  # not across the sections
    for number, name in enumerate(present, start=1):
        section = page.locator(f"section#{name}")
        section.screenshot(path=str(SCREENSHOTS / f"desktop-{number:02d}-{name}.png"))
    page.evaluate("() => window.scrollTo(0, 0)")
    page.screenshot(path=str(SCREENSHOTS / "desktop-00-top.png"))
    plots = page.locator(".plot:visible")
    count = plots.count()
    empty = [
        str(plots.nth(index).get_attribute("id"))
        for index in range(count)
        if plots.nth(index).locator(".trace, .point, .bars path").count() == 0
    ]
    drawings = page.locator("svg.floorplan rect").count()
    lines = page.locator("svg.coordinates path").count()
    yield Line(
        "figures that show something, blocks of floorplans, lines of designs", "none empty",
        f"{count - len(empty)} of {count}, {drawings}, {lines}",
        not empty and drawings > 5 and lines > 20,
    )  # fmt: skip


def _calm(seen: Visit, where: str) -> Line:
    """No error on the console, nothing asked from the network."""
    found = [*seen.complaints, *seen.elsewhere]
    return Line(
        f"{where}: console errors, requests to elsewhere", "0, 0",
        f"{len(seen.complaints)}, {len(seen.elsewhere)}" + (f": {found[0]}" if found else ""),
        not found,
    )  # fmt: skip


def _listed() -> str:
    names = sorted(path.name for path in SCREENSHOTS.iterdir())
    return f"{len(names)} files, {', '.join(names)}"


SHOW = Show("the report and the terminal, looked at", measure)
