"""Units at the boundary: data files and experiments state units, the model works in plain SI.

Inside the model every quantity is unprefixed (s, J, W, m, m2, K, Hz, USD, byte, bit). This module
converts once, exactly (a correctly rounded rational factor, no chained floating-point products).
Bits and bytes are different dimensions on purpose: nothing converts one into the other silently.

A unit expression is products by blanks and quotients by ``/``, with trailing powers:
``USD/mm2``, ``pJ/bit``, ``K mm2/W``, ``MTr/mm2``. A key of a user's file carries its unit as a
suffix instead: ``l2_MiB``, ``link_bandwidth_GBps``, ``voltage_V``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import cache

from costmodel.errors import ConfigError, nearest

HOURS_PER_YEAR = 8760
"""A financial year: 365 days."""
YEAR = 3600.0 * HOURS_PER_YEAR
"""One year [s]."""

# Dimensions: powers of these bases.
BASES = (
    "length", "time", "energy", "temperature", "current",
    "money", "bit", "byte", "operation", "transistor", "calendar",
)  # fmt: skip
_PREFIXES = {
    "": 0, "f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "c": -2,
    "k": 3, "M": 6, "G": 9, "T": 12, "P": 15,
}  # fmt: skip
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4}


@dataclass(frozen=True)
class Unit:
    """What a unit expression means.

    ``si = (value + offset) * factor``; `powers` are the exponents of `BASES`.
    """

    powers: tuple[int, ...]
    factor: Fraction
    offset: Fraction = Fraction(0)

    def __mul__(self, other: Unit) -> Unit:
        """Product of two units without offset."""
        powers = tuple(a + b for a, b in zip(self.powers, other.powers, strict=True))
        return Unit(powers, self.factor * other.factor)

    def __pow__(self, exponent: int) -> Unit:
        """Integer power of a unit without offset."""
        return Unit(tuple(a * exponent for a in self.powers), self.factor**exponent)


def _unit(factor: Fraction | int | str = 1, **powers: int) -> Unit:
    return Unit(tuple(powers.get(base, 0) for base in BASES), Fraction(factor))


ONE = _unit()
_NAMED = {
    "1": ONE,
    "count": ONE,
    "%": _unit(Fraction(1, 100)),
    "m": _unit(length=1),
    "s": _unit(time=1),
    "min": _unit(60, time=1),
    "h": _unit(3600, time=1),
    "year": _unit(3600 * HOURS_PER_YEAR, time=1),
    "Hz": _unit(time=-1),
    "J": _unit(energy=1),
    "Wh": _unit(3600, energy=1),
    "W": _unit(energy=1, time=-1),
    "A": _unit(current=1),
    "V": _unit(energy=1, time=-1, current=-1),
    "K": _unit(temperature=1),
    "USD": _unit(money=1),
    "b": _unit(bit=1),
    "bit": _unit(bit=1),
    "B": _unit(byte=1),
    "byte": _unit(byte=1),
    "op": _unit(operation=1),
    "FLOP": _unit(operation=1),
    "Tr": _unit(transistor=1),
    "calendar_year": _unit(calendar=1),
}
_OFFSET = {"degC": Unit(_NAMED["K"].powers, Fraction(1), Fraction("273.15"))}
_PREFIXABLE = frozenset(_NAMED) - {"1", "count", "%", "min", "h", "year", "calendar_year"}
_TERM = re.compile(r"(?P<name>[A-Za-z_%]+|1)(?P<power>-?\d+)?$")

SUFFIXES = {
    "B": "byte", "kB": "kB", "MB": "MB", "GB": "GB", "TB": "TB",
    "KiB": "KiB", "MiB": "MiB", "GiB": "GiB", "TiB": "TiB",
    "Bps": "B/s", "MBps": "MB/s", "GBps": "GB/s", "TBps": "TB/s", "Gbps": "Gbit/s",
    "s": "s", "ms": "ms", "us": "us", "ns": "ns", "h": "h", "year": "year",
    "Hz": "Hz", "MHz": "MHz", "GHz": "GHz",
    "m": "m", "mm": "mm", "um": "um", "mm2": "mm2", "um2": "um2",
    "V": "V", "mV": "mV", "A": "A", "Apmm2": "A/mm2",
    "W": "W", "kW": "kW", "MW": "MW", "Wpmm2": "W/mm2", "J": "J", "pJ": "pJ", "mJ": "mJ",
    "K": "K", "C": "degC", "USD": "USD", "kUSD": "kUSD", "MUSD": "MUSD",
    "USDpkWh": "USD/kWh", "USDph": "USD/h", "TOPS": "Top/s", "TFLOPS": "TFLOP/s",
    "percent": "%", "pct": "%",
}  # fmt: skip
"""Suffix of a key in a user's file -> unit expression. Case matters: MB is bytes, Mb no suffix."""


def _simple(name: str) -> Unit | None:
    """A unit without power: named, prefixed by ten or by 1024."""
    if name in _NAMED:
        return _NAMED[name]
    for prefix, power in _BINARY.items():
        base = name.removeprefix(prefix)
        if base != name and base in ("B", "byte", "b", "bit"):
            return Unit(_NAMED[base].powers, Fraction(1024**power))
    for prefix, exponent in _PREFIXES.items():
        base = name.removeprefix(prefix) if prefix else name
        if prefix and base != name and base in _PREFIXABLE:
            unit = _NAMED[base]
            return Unit(unit.powers, unit.factor * Fraction(10) ** exponent)
    return None


@cache
def parse_unit(text: str) -> Unit:
    """Read a unit expression.

    Parameters
    ----------
    text : str
        For example ``"GB/s"``, ``"K mm2/W"``, ``"degC"``.

    Raises
    ------
    ConfigError
        When a name is no unit, with the closest names.
    """
    if text in _OFFSET:
        return _OFFSET[text]
    total = ONE
    for index, factor in enumerate(text.strip().split("/")):
        for term in factor.split():
            match = _TERM.fullmatch(term)
            unit = _simple(match["name"]) if match else None
            if match is None or unit is None:
                raise ConfigError(
                    f"unknown unit {term!r} in {text!r}",
                    expected="a unit such as GB/s, pJ/bit, USD/mm2, K mm2/W or degC",
                    suggestions=nearest(term, [*_NAMED, *_OFFSET, *SUFFIXES.values()]),
                )
            power = int(match["power"] or 1)
            total = total * unit ** (-power if index else power)
        if not factor.split():
            raise ConfigError(f"empty unit in {text!r}", expected="1 for a pure number")
    return total


def to_si(value: float | str, unit: str) -> float:
    """Convert a number in `unit` to unprefixed SI, correctly rounded.

    >>> to_si(3.6, "pJ/bit")
    3.6e-12
    >>> to_si(35, "degC")
    308.15
    """
    number = float(value)
    if number != number or number in (float("inf"), float("-inf")):
        return number
    meaning = parse_unit(unit)
    return float((Fraction(str(value)) + meaning.offset) * meaning.factor)


def from_si(value: float, unit: str) -> float:
    """Convert an unprefixed SI number to `unit`; the inverse of `to_si`.

    >>> from_si(3.35e12, "TB/s"), from_si(0.25, "%")
    (3.35, 25.0)
    """
    if value != value or value in (float("inf"), float("-inf")):
        return value
    meaning = parse_unit(unit)
    return float(Fraction(repr(float(value))) / meaning.factor - meaning.offset)


def same_dimension(first: str, second: str) -> bool:
    """Whether two unit expressions measure the same thing; bits and bytes do not.

    >>> same_dimension("W", "kWh/h"), same_dimension("GB", "Gb")
    (True, False)
    """
    return parse_unit(first).powers == parse_unit(second).powers


def split_suffix(key: str) -> tuple[str, str]:
    """Split a key into its stem and the unit of its suffix.

    >>> split_suffix("link_bandwidth_GBps")
    ('link_bandwidth', 'GB/s')
    >>> split_suffix("cores_built")
    ('cores_built', '1')
    """
    stem, separator, suffix = key.rpartition("_")
    if separator and stem and suffix in SUFFIXES:
        return stem, SUFFIXES[suffix]
    return key, "1"
