"""``--open`` shows the page where there is a display, and nothing where there is none."""

from __future__ import annotations

import sys
import webbrowser
from pathlib import Path

import pytest

from search.report.opening import DISPLAYS, open_page


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Addresses that a browser was asked for, on a machine without a display."""
    asked: list[str] = []
    for name in DISPLAYS:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(webbrowser, "open", lambda url: asked.append(url) or True)
    return asked


def test_nothing_is_opened_without_a_display(opened: list[str], tmp_path: Path) -> None:
    assert not open_page(tmp_path / "report.html")
    assert opened == []


@pytest.mark.parametrize("name", DISPLAYS)
def test_the_page_is_opened_from_its_file(
    opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, ":0")
    assert open_page(tmp_path / "a report.html")
    assert opened == [(tmp_path / "a report.html").as_uri()]


def test_a_mac_always_has_a_display(
    opened: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert open_page(tmp_path / "report.html")
    assert len(opened) == 1
