"""Quantities as people read them: metric prefixes, degrees Celsius, three significant digits.

Values travel in unprefixed SI; only what is shown goes through here. A column of a table or an
axis of a figure takes one scale for all its values; running text takes the prefix that fits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

Number = TypeVar("Number", float, npt.NDArray[np.float64])


@dataclass(frozen=True)
class Scale:
    """How a quantity in SI is shown: ``shown = value * factor + offset``, with `unit` behind it."""

    unit: str
    factor: float = 1.0
    offset: float = 0.0

    def apply(self, value: Number) -> Number:
        """The number, or the numbers, to show."""
        return value * self.factor + self.offset

    @property
    def suffix(self) -> str:
        """Unit in brackets for a heading or an axis; empty for a plain ratio."""
        return f" [{self.unit}]" if self.unit else ""


_COLUMN = {
    "1": Scale(""),
    "count": Scale(""),
    "s": Scale("ms", 1e3),
    "J": Scale("J"),
    "W": Scale("W"),
    "K": Scale("°C", 1.0, -273.15),
    "m": Scale("mm", 1e3),
    "m2": Scale("mm²", 1e6),
    "Hz": Scale("GHz", 1e-9),
    "V": Scale("V"),
    "byte": Scale("GB", 1e-9),
    "byte/s": Scale("GB/s", 1e-9),
    "op/s": Scale("Top/s", 1e-12),
    "A/m2": Scale("A/mm²", 1e-6),
    "W/m2": Scale("W/mm²", 1e-6),
    "1/m2": Scale("1/cm²", 1e-4),
    "USD/m2": Scale("USD/mm²", 1e-6),
    "J/bit": Scale("pJ/bit", 1e12),
}
_STEPS = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"), (1.0, ""),
          (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"), (1e-12, "p"), (1e-15, "f"))  # fmt: skip
_PREFIXED = {"s", "J", "W", "Hz", "byte", "byte/s", "bit", "bit/s", "op", "op/s", "J/bit", "V", "A"}
_SHORT = {"byte": "B", "byte/s": "B/s"}
MILLION = 1e6


def scale_of(unit: str) -> Scale:
    """Scale for a whole column or axis of this SI unit."""
    return _COLUMN.get(unit, Scale(unit))


def number(value: float, digits: int = 3) -> str:
    """A number with `digits` significant digits; a whole number below 1e7 without decimals."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    if value == 0.0:
        return "0"
    if abs(value) < 1e7 and math.isclose(value, round(value), rel_tol=1e-12):
        return f"{value:,.0f}"
    if not 1e-4 <= abs(value) < 1e7:
        return f"{value:.{digits - 1}e}"
    rounded = float(f"{value:.{digits - 1}e}")  # 999.9 has four digits before the point
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(rounded))))
    return f"{value:,.{decimals}f}"


def quantity(value: float, unit: str, digits: int = 3) -> str:
    """A value with its unit, the prefix chosen to fit.

    >>> quantity(3.35e12, "byte/s")
    '3.35 TB/s'
    >>> quantity(814e-6, "m2"), quantity(368.15, "K")
    ('814 mm²', '95 °C')
    """
    if unit in _PREFIXED and value != 0.0 and math.isfinite(value):
        for step, prefix in _STEPS:
            if abs(value) >= step * 0.9995:
                return f"{number(value / step, digits)} {prefix}{_SHORT.get(unit, unit)}"
    if unit == "USD" and MILLION <= abs(value) < math.inf:
        return f"{number(value / MILLION, digits)} million USD"
    scale = scale_of(unit)
    return f"{number(scale.apply(value), digits)} {scale.unit}".rstrip()


def percent(share: float) -> str:
    """A share of one as a percentage.

    >>> percent(0.125)
    '12.5 %'
    """
    return "–" if math.isnan(share) else f"{100.0 * share:.1f} %"


def words(name: str) -> str:
    """An identifier as it is read aloud."""
    return name.replace("_", " ")
