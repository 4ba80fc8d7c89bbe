"""Doctor notices a namesake, a folder that cannot be written and a wrong version."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from search import doctor, reference


def test_namesake_of_a_package_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"search": ["scoville", "other-search"], "costmodel": ["scoville"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: owners)
    monkeypatch.setattr(doctor, "installed_from", lambda: None)
    found = {item.subject: item for item in doctor._packages()}
    assert found["package search"].passed is False
    assert "other-search" in found["package search"].detail
    assert found["package costmodel"].passed is True


def test_package_from_elsewhere_fails(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(doctor, "installed_from", lambda: tmp_path)
    assert all(item.passed is False for item in doctor._packages())


def test_results_below_a_file_are_not_writable(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert doctor._writable(tmp_path / "results").passed is True
    assert doctor._writable(file).passed is False


@pytest.mark.parametrize(
    ("requirement", "version", "good"),
    [
        ("optuna<6,>=5", "5.0.0", True),
        ("optuna<6,>=5", "4.9", False),
        ("torch>=2.6", "2.13+cpu", True),
    ],
)
def test_versions_are_compared_with_the_range(requirement: str, version: str, good: bool) -> None:
    assert doctor._satisfies(requirement, version) is good
    assert doctor._name(requirement) == requirement.split("<")[0].split(">")[0]


def test_reference_floor_is_bytes_over_bandwidth() -> None:
    """(69.5e9 weights + 32 x 4,096 x 163,840 cache elements) x 2 B / (8 x 3.35 TB/s)."""
    weights = 69.5e9 * 2
    cache = 32 * 4096 * 80 * 2 * 8 * 128 * 2
    assert reference.bandwidth_floor() == pytest.approx((weights + cache) / (8 * 3.35e12), rel=2e-3)


def test_reference_holds() -> None:
    passed, detail = reference.reference_check()
    assert passed, detail
