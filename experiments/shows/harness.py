"""What a show is, how it is found and how it is printed."""

from __future__ import annotations

import importlib
import os
import platform
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from costmodel.errors import ConfigError, nearest

FOLDER = Path(__file__).parent
MODULE = re.compile(r"show_(\d+)_(\d+)\.py")


@dataclass(frozen=True)
class Line:
    """One figure of a show.

    Parameters
    ----------
    figure : str
        What is measured, in words.
    asked : str
        The floor, e.g. ``"60 to 100 ms"``; empty when nothing is asked.
    got : str
        What was measured, with its unit.
    passed : bool or None
        Whether the floor holds; None for a figure that is only shown.
    """

    figure: str
    asked: str
    got: str
    passed: bool | None = None


@dataclass(frozen=True)
class Show:
    """A title and the function that measures its figures, yielding them as they come."""

    title: str
    measure: Callable[[], Iterable[Line]]


def numbers() -> tuple[str, ...]:
    """Numbers of all shows in order, e.g. ``("1.1", "1.2")``."""
    found = (MODULE.fullmatch(path.name) for path in FOLDER.iterdir())
    pairs = sorted((int(match[1]), int(match[2])) for match in found if match)
    return tuple(f"{step}.{item}" for step, item in pairs)


def load(number: str) -> Show:
    """Import one show.

    Raises
    ------
    ConfigError
        When no show has this number.
    """
    known = numbers()
    if number not in known:
        raise ConfigError(
            f"show {number} does not exist",
            expected=f"one of {', '.join(known)}",
            suggestions=nearest(number, known, count=1),
        )
    module = importlib.import_module(f"experiments.shows.show_{number.replace('.', '_')}")
    show: Show = module.SHOW
    return show


def machine() -> str:
    """This machine and the versions that decide speed, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = re.findall(r"model name\s*: (.*)", info.read_text())
        cpu = names[0] if names else cpu
    return (
        f"{cpu}, {cores} cores, {platform.system()}, Python {platform.python_version()}, "
        f"torch {metadata.version('torch')}"
    )


def present(number: str, show: Show, console: Console) -> bool:
    """Run a show and print it; True when no figure is below its floor."""
    console.print(f"Show {number}: {escape(show.title)}", highlight=False)
    console.print(f"machine: {escape(machine())}", highlight=False)
    table = Table("figure", "asked", "got", "")
    passed = True
    talk = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    for line in show.measure():
        word = {True: "ok", False: "BELOW", None: ""}[line.passed]
        # Some shows take half an hour: what is measured is said at once.
        talk.print(f"{line.figure}: {line.got} {word}".rstrip())
        table.add_row(escape(line.figure), escape(line.asked), escape(line.got), word)
        passed = passed and line.passed is not False
    console.print(table)
    console.print("holds" if passed else "does not hold", highlight=False)
    return passed
