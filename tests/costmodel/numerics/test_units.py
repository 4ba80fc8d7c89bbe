"""Units: exact factors, round trips, composition, and dimensions kept apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from costmodel.errors import ConfigError
from costmodel.numerics.units import (
    SUFFIXES,
    YEAR,
    from_si,
    parse_unit,
    same_dimension,
    split_suffix,
    to_si,
)

UNITS = [
    "1", "%", "mm", "um2", "mm2", "1/cm2", "ns", "us", "h", "GHz", "pJ", "pJ/bit", "pJ/bit mm",
    "kWh", "USD/kWh", "USD/mm2", "GB/s", "TB/s", "GiB", "KiB", "Mib", "mW/Mib", "W/mm2",
    "K mm2/W", "K/W", "MTr/mm2", "A/mm2", "MUSD", "USD s/GB", "1/year", "year", "degC", "TFLOP/s",
]  # fmt: skip


# Each factor follows from the definition of the prefixes.
@pytest.mark.parametrize(
    ("value", "unit", "si"),
    [
        (3.6, "pJ/bit", 3.6e-12),
        (35, "degC", 308.15),
        (-273.15, "degC", 0.0),
        (90, "K mm2/W", 90e-6),
        (91.2, "MTr/mm2", 91.2e12),
        (0.1, "1/cm2", 1e3),
        (1, "KiB", 1024.0),
        (2, "GiB", 2.0 * 2**30),
        (50, "GB/s", 50e9),
        (0.036, "USD/kWh", 1e-8),
        (1, "kWh", 3.6e6),
        (0.5, "W/mm2", 5e5),
        (8, "A/mm2", 8e6),
        (1, "year", YEAR),
        (5, "%", 0.05),
        (0.027, "um2", 0.027e-12),
        (1, "mW/Mib", 1e-3 / 2**20),
    ],
)
def test_known_conversions(value: float, unit: str, si: float) -> None:
    assert to_si(value, unit) == si


@given(
    value=st.floats(1e-9, 1e12, allow_nan=False, allow_infinity=False),
    unit=st.sampled_from(UNITS),
)
def test_round_trip(value: float, unit: str) -> None:
    assert from_si(to_si(value, unit), unit) == pytest.approx(value, rel=1e-12, abs=1e-12)


@given(value=st.floats(0.0, 1e9), first=st.sampled_from(["mm", "pJ", "GB"]), second=st.just("1/s"))
def test_product_of_units_is_product_of_factors(value: float, first: str, second: str) -> None:
    assert to_si(value, f"{first}/s") == to_si(value, first) * to_si(1.0, second)


@given(value=st.floats(0.0, 1e6), factor=st.floats(0.0, 1e3), unit=st.sampled_from(UNITS[:-2]))
def test_conversion_is_linear(value: float, factor: float, unit: str) -> None:
    if unit == "degC":
        return
    assert to_si(value * factor, unit) == pytest.approx(factor * to_si(value, unit), rel=1e-12)


def test_bits_and_bytes_do_not_mix() -> None:
    assert not same_dimension("GB/s", "Gbit/s")
    assert same_dimension("pJ/bit", "fJ/bit")
    assert same_dimension("V", "W/A")


def test_infinity_passes() -> None:
    assert to_si(float("inf"), "GB/s") == float("inf")
    assert from_si(float("-inf"), "ms") == float("-inf")


@pytest.mark.parametrize("unit", ["GBs", "pj/bit", "mm2/", "parsec", "kmin"])
def test_unknown_unit_is_refused(unit: str) -> None:
    with pytest.raises(ConfigError, match=r"unit"):
        parse_unit(unit)


def test_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*USD"):
        parse_unit("USd")


def test_suffixes_are_units() -> None:
    for suffix, unit in SUFFIXES.items():
        assert parse_unit(unit).factor > 0
        assert split_suffix(f"quantity_{suffix}") == ("quantity", unit)


def test_suffix_is_case_sensitive_and_optional() -> None:
    assert split_suffix("l2_MiB") == ("l2", "MiB")
    assert split_suffix("l2_mib") == ("l2_mib", "1")
    assert split_suffix("cores_built") == ("cores_built", "1")
    assert split_suffix("V") == ("V", "1")
