"""Quantities as people read them."""

from __future__ import annotations

import math

import pytest

from search import display


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0361, "s", "36.1 ms"),
        (6.79e-3, "s", "6.79 ms"),
        (814e-6, "m2", "814 mm²"),
        (368.15, "K", "95 °C"),
        (4.8e12, "byte/s", "4.80 TB/s"),
        (12000.0, "USD", "12,000 USD"),
        (4.42e8, "USD", "442 million USD"),
        (0.9234, "1", "0.923"),
        (0.0, "W", "0 W"),
        (999.99, "W", "1.00 kW"),
    ],
)
def test_quantity(value: float, unit: str, text: str) -> None:
    assert display.quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (math.nan, "–"),
        (math.inf, "∞"),
        (-math.inf, "-∞"),
        (1.23456e-6, "1.23e-06"),
        (1e9, "1.00e+09"),
    ],
)
def test_number_at_its_edges(value: float, text: str) -> None:
    assert display.number(value) == text


def test_percent() -> None:
    assert display.percent(-0.0213) == "-2.1 %"
    assert display.percent(math.nan) == "–"
