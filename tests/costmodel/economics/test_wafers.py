"""Dies per wafer against placing rectangles."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from costmodel.economics.wafers import dies_per_wafer
from costmodel.hardware.technology import Technology
from tests.costmodel.economics.packages import MM2, number
from tests.costmodel.economics.slopes import worst_slope_error


def placed(width: float, height: float, offsets: int = 16) -> int:
    """Rectangles (mm) inside a disc of 294 mm, on the best of 16 x 16 offsets of the grid."""
    pitch_x, pitch_y, radius = width + 0.1, height + 0.1, 147.0
    index = np.arange(-40, 41)
    best = 0
    for shift_x in np.arange(offsets) / offsets:
        left = (index + shift_x) * pitch_x
        far_x = np.maximum(np.abs(left), np.abs(left + pitch_x))[:, None]
        for shift_y in np.arange(offsets) / offsets:
            low = (index + shift_y) * pitch_y
            far_y = np.maximum(np.abs(low), np.abs(low + pitch_y))[None]
            best = max(best, int((far_x**2 + far_y**2 <= radius**2).sum()))
    return best


@pytest.mark.parametrize("aspect", [1.0, 1.27, 2.0])
def test_within_five_percent_of_exact_placement(technology: Technology, aspect: float) -> None:
    errors = []
    for area in (50, 77, 104, 150, 200, 275, 350, 425, 500, 575, 650, 725, 800, 858):
        height = math.sqrt(area * aspect)
        width = area / height
        if height > 33.01 or width > 26.01:  # beyond the field of the reticle
            continue
        found = float(dies_per_wafer(technology, number(width * 1e-3), number(height * 1e-3)))
        errors.append(found / placed(width, height) - 1.0)
    assert np.abs(errors).max() < 0.05
    assert np.sqrt(np.mean(np.square(errors))) < 0.02


def test_never_more_silicon_than_the_wafer_has(technology: Technology) -> None:
    area = torch.linspace(50.0, 858.0, 100, dtype=torch.float64)
    side = torch.sqrt(area * MM2)
    found = dies_per_wafer(technology, side, side)
    assert bool((found * area < math.pi * 147.0**2).all())
    assert bool((found.diff() < 0).all())


def test_dies_that_do_not_fit_stay_finite_and_fall(technology: Technology) -> None:
    side = torch.linspace(0.03, 1.0, 200, dtype=torch.float64)
    found = dies_per_wafer(technology, side, side)
    assert bool((found > 0).all())
    assert bool((found.diff() < 0).all())


def test_a_larger_wafer_of_larger_dies_holds_as_many(technology: Technology) -> None:
    larger = technology
    for name in ("wafer_diameter", "wafer_edge_exclusion", "scribe_width"):
        larger = larger.replace("constant", name, "value", 1.7 * technology.constant(name))
    here = dies_per_wafer(technology, number(0.02), number(0.03))
    there = dies_per_wafer(larger, number(0.034), number(0.051))
    assert float(there) == pytest.approx(float(here), rel=1e-12)


def test_slopes(technology: Technology) -> None:
    def count(width: torch.Tensor, height: torch.Tensor) -> torch.Tensor:
        return dies_per_wafer(technology, width, height)

    assert worst_slope_error(count, {"width": 0.024, "height": 0.032}) < 1e-6
