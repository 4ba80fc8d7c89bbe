"""Fitted overheads: shipped values are what the fit gives, and they carry to chips left out."""

from __future__ import annotations

import pytest

from experiments.validation import fit_overheads
from experiments.validation.overheads import all_watts
from tests.costmodel.physics.machines import TECHNOLOGY

START = {"control_area": 2.0 * fit_overheads.MM2, "product_sram_factor_l2": 0.15}


def test_at_most_three_overheads_are_fitted_to_a_class() -> None:
    fitted: dict[str, int] = {}
    for table, row, _, value in TECHNOLOGY.entries():
        if table == "machine" and value.kind == "fitted":
            fitted[row] = fitted.get(row, 0) + 1
    assert fitted
    assert max(fitted.values()) <= 3


def test_areas_of_chips_left_out() -> None:
    chips = fit_overheads.SIMT_CHIPS
    fits = fit_overheads.run_area(TECHNOLOGY, "simt", START, chips)
    for chip, values in zip(chips, fits[:-1], strict=True):
        without = fit_overheads.with_values(TECHNOLOGY, "simt", values)
        assert abs(float(fit_overheads.area_error(without, chip))) <= 0.25, chip
    for column, value in fits[-1].items():
        assert TECHNOLOGY.entry("machine", "simt", column).si == pytest.approx(value, rel=0.01)


def test_systolic_dies_left_out() -> None:
    chips = fit_overheads.SYSTOLIC_CHIPS
    start = {"control_area": START["control_area"]}
    fits = fit_overheads.run_area(TECHNOLOGY, "systolic", start, chips)
    for chip, values in zip(chips, fits[:-1], strict=True):
        without = fit_overheads.with_values(TECHNOLOGY, "systolic", values)
        assert abs(float(fit_overheads.area_error(without, chip))) <= 0.25, chip
    shipped = TECHNOLOGY.entry("machine", "systolic", "control_area").si
    assert shipped == pytest.approx(fits[-1]["control_area"], rel=0.01)


def test_power_at_stated_work_of_chips_left_out() -> None:
    groups = ("a100", "hopper", "mi300x")
    fits = fit_overheads.run_power(TECHNOLOGY, groups)
    for group, values in zip(groups, fits[:-1], strict=True):
        without = fit_overheads.with_values(TECHNOLOGY, "simt", values)
        for item in all_watts(without):
            if item.group == group and item.fitted:
                assert float(item.errors.abs().mean()) <= 0.30, item.name
    shipped = TECHNOLOGY.entry("machine", "simt", "energy_control_factor").si
    assert shipped == pytest.approx(fits[-1]["energy_control_factor"], rel=0.05)
