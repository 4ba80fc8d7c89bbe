"""What an exporter gives, and the header that every exported file carries."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from costmodel.errors import ConfigError
from search.exporters.datasheet import BYTE, Datasheet
from search.exporters.origin import Origin

WIDTH = 100
"""Columns of a comment."""
RECORD = "_scoville"
"""Key of the header in a JSON file; its readers take the keys that they know."""


@dataclass(frozen=True)
class Body:
    """A design in a peer's words.

    Parameters
    ----------
    content : str or dict
        Text that follows the header as comment, or a JSON object that takes it as a key.
    scope : str
        Which part of the design the file describes.
    units : str
        Units of its numbers.
    notes : tuple of str
        What the peer cannot express, or expresses otherwise.
    """

    content: str | dict[str, Any]
    scope: str
    units: str
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Peer:
    """One tool that exports are written for."""

    title: str
    version: str  # the one whose loader the file was checked with
    suffix: str
    write: Callable[[Datasheet, str], Body]


def render(peer: Peer, body: Body, origin: Origin) -> str:
    """The whole file."""
    title = f"{body.scope}, for {peer.title} {peer.version}".strip()
    if isinstance(body.content, dict):
        header = {
            "about": title,
            "units": body.units,
            "notes": list(body.notes),
            **origin.record(),
        }
        return json.dumps({RECORD: header, **body.content}, indent=2) + "\n"
    lines = [title, f"units: {body.units}", "notes:", *(f"  {note}" for note in body.notes)]
    lines += origin.lines()
    return comment(lines) + body.content


def comment(lines: Iterable[str]) -> str:
    """Lines as a comment of YAML or an INI file, wrapped."""
    return "".join(_wrapped(line) for line in lines)


def _wrapped(line: str) -> str:
    indent = " " * (len(line) - len(line.lstrip()))
    wrapped = textwrap.wrap(
        line.strip(),
        WIDTH - 2 - len(indent),
        subsequent_indent="  ",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return "".join(f"# {indent}{part}\n" for part in wrapped)


def shared_notes(sheet: Datasheet) -> list[str]:
    """What no peer expresses, as far as this design has it."""
    notes = [
        f"voltage {sheet.voltage:g} V (SRAM {sheet.voltage_sram:g} V) is not a field: clock and "
        "energies stand at it",
        "leakage, idle power and heat are left out: energies are dynamic",
    ]
    bits = BYTE * sheet.element
    if bits != int(bits):
        notes.append(
            f"an element of {sheet.format} takes {bits:g} bits with its scales; where whole bits "
            f"are asked it stands as {int(bits)}"
        )
    if sheet.compute_dies > 1:
        notes.append(
            f"{sheet.compute_dies} compute dies are one: cores and shared SRAM are summed; the "
            "energy of die-to-die links is in that of memory, their bandwidth is not limited"
        )
    if sheet.io_dies:
        notes.append(f"{sheet.io_dies} io dies are not described")
    if len(sheet.memory_tiers) > 1:
        rest = ", ".join(sheet.memory_tiers[1:])
        notes.append(f"memory tiers behind {sheet.memory} are left out: {rest}")
    if sheet.memory:
        notes.append(
            f"{sheet.memory_stacks} stacks of {sheet.memory} are one memory at its sustained "
            f"bandwidth, {sheet.memory_efficiency:.3g} of {sheet.memory_peak / 1e12:.4g} TB/s"
        )
    return notes


def vector_note(sheet: Datasheet) -> str:
    """For peers without vector units."""
    return f"{sheet.lanes} vector lanes a core are left out"


def need(sheet: Datasheet, peer: str, *, memory: bool = False, l2: bool = False,
         stationary: bool = False) -> None:  # fmt: skip
    """Refuse what a peer has no word for.

    Raises
    ------
    ConfigError
        Saying which part is missing.
    """
    for wanted, has, part in (
        (memory, bool(sheet.memory), "a memory outside the dies"),
        (l2, sheet.l2 > 0, "a shared SRAM"),
        (stationary, sheet.weight_stationary, "weight-stationary arrays"),
    ):
        if wanted and not has:
            raise ConfigError(f"{peer} cannot describe this design", expected=f"{part}")
