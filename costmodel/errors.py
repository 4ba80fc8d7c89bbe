"""Errors that a user can act on: one line that says what, where, what instead and what next.

Text of every error: ``file:line: key path: found; expected ...; did you mean ...; next step``,
each part left out when it is not known. A traceback is only for bugs.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


def nearest(name: object, options: Iterable[str], count: int = 3) -> tuple[str, ...]:
    """The valid names closest to a misspelt one, best first; empty when none is close.

    >>> nearest("h10", ["a100", "h100", "tpu-v4"], count=1)
    ('h100',)
    """
    by_folded = {option.casefold(): option for option in options}
    folded = str(name).casefold()
    starts = [option for option in by_folded if folded and option.startswith(folded)]
    matches = difflib.get_close_matches(folded, by_folded, n=count, cutoff=0.55)
    merged = dict.fromkeys([*starts, *matches])
    return tuple(by_folded[match] for match in list(merged)[:count])


class ScovilleError(Exception):
    """Base of every error that Scoville raises on purpose.

    Parameters
    ----------
    found : str
        What was found, in words.
    expected : str
        What would have been right.
    suggestions : iterable of str
        Closest valid names, best first.
    next_step : str
        What the reader can do now.
    file, line, key
        Where: a path, a line number from 1, a key path such as ``pools.0.package.cooling``.

    Examples
    --------
    >>> print(ConfigError("found 'airr'", suggestions=["air"], file="a.yaml", line=3, key="pools"))
    a.yaml:3: pools: found 'airr'; did you mean air?
    """

    exit_code = 1

    def __init__(
        self,
        found: str,
        *,
        expected: str = "",
        suggestions: Iterable[str] = (),
        next_step: str = "",
        file: str | Path | None = None,
        line: int | None = None,
        key: str = "",
    ) -> None:
        self.found = found
        self.expected = expected
        self.suggestions = tuple(suggestions)
        self.next_step = next_step
        self.file = None if file is None else str(file)
        self.line = line
        self.key = key
        super().__init__(self._text())

    def _text(self) -> str:
        """One line in the house's order of parts."""
        place = self.file or ""
        if place and self.line is not None:
            place = f"{place}:{self.line}"
        where = ": ".join(part for part in (place, self.key) if part)
        parts = [self.found]
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.suggestions:
            parts.append(f"did you mean {' or '.join(self.suggestions)}?")
        if self.next_step:
            parts.append(self.next_step)
        text = "; ".join(parts)
        return " ".join((f"{where}: {text}" if where else text).split())


class ConfigError(ScovilleError):
    """What the user wrote (YAML, override, argument) is wrong."""

    exit_code = 2


class DataError(ScovilleError):
    """A data file or a name looked up in one is wrong."""

    exit_code = 2


class InfeasibleError(ScovilleError):
    """No design meets every limit; the text says which limits bind."""

    exit_code = 3


class StudyError(ScovilleError):
    """A results folder conflicts with what is asked of it."""

    exit_code = 4
