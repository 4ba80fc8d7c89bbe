"""A page in Debian's Chromium, driven from Python; nothing is fetched and nothing installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
DESKTOP, PHONE = (1280, 900), (390, 844)
PATIENCE_MS = 120_000


def find_browser() -> str | None:
    """The browser on this machine; the variable CHROMIUM names another one."""
    named = os.environ.get("CHROMIUM")
    return named or next((path for name in NAMES if (path := shutil.which(name))), None)


@dataclass
class Visit:
    """A page that is open, with what it complained about and asked for."""

    page: Any
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    @property
    def elsewhere(self) -> list[str]:
        """Addresses asked for that are not on this machine."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))]

    def overflow(self) -> int:
        """Pixels by which the page is wider than its window."""
        inner = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        return int(self.page.evaluate(inner))


@contextmanager
def started() -> Iterator[Any]:
    """A browser; one at a time in a process."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        yield browser
        browser.close()


@contextmanager
def visit(
    browser: Any,
    path: Path,
    size: tuple[int, int] = DESKTOP,
    *,
    scheme: str = "light",
    scripts: bool = True,
) -> Iterator[Visit]:
    """Open a page from its file and wait until its figures are drawn."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]},
        color_scheme=scheme,
        java_script_enabled=scripts,
    )
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    seen = Visit(page)
    page.on("console", lambda said: _note(seen, said.type, said.text))
    page.on("pageerror", lambda error: seen.complaints.append(str(error)))
    page.on("request", lambda request: seen.requests.append(request.url))
    page.goto(path.resolve().as_uri())
    if scripts:
        page.wait_for_selector("body[data-ready=yes]")
    yield seen
    context.close()


def _note(seen: Visit, kind: str, text: str) -> None:
    if kind == "error":
        seen.complaints.append(text)
