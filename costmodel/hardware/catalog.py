"""Known chips and system files: YAML to `Designs` of batch ``()``, and back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from costmodel.errors import ConfigError, DataError, nearest
from costmodel.hardware.documents import Document, read_document
from costmodel.hardware.loading import DATA, load_technology
from costmodel.hardware.system import Designs
from costmodel.hardware.system_file import SystemFile
from costmodel.hardware.system_reading import Fact, Number, SystemReader
from costmodel.hardware.technology import Technology
from costmodel.numerics.units import split_suffix


@dataclass(frozen=True)
class Chip:
    """A known chip or a user's system."""

    name: str
    title: str
    designs: Designs
    facts: dict[str, Fact]
    notes: tuple[str, ...]
    numbers: tuple[Number, ...]


def list_chips() -> tuple[str, ...]:
    """Names of the shipped chips, as the command line spells them."""
    return tuple(sorted(path.stem for path in (DATA / "chips").glob("*.yaml")))


def load_chip(name: str, technology: Technology | None = None) -> Chip:
    """A shipped chip by name (dashes or underscores), or a system file by path.

    Raises
    ------
    ConfigError
        Unknown name, with the nearest one.
    """
    known = list_chips()
    folded = name.casefold().replace("_", "-")
    if folded in known:
        return load_system(DATA / "chips" / f"{folded}.yaml", technology)
    if name.endswith((".yaml", ".yml")):
        return load_system(Path(name), technology)
    raise ConfigError(
        f"unknown chip {name!r}",
        expected="one of " + ", ".join(known) + ", or a path to a system .yaml",
        suggestions=nearest(folded, known),
    )


def load_system(path: str | Path, technology: Technology | None = None) -> Chip:
    """Read a system YAML: a chip, a user's own system or an exported design.

    Parameters
    ----------
    path : str or Path
    technology : Technology, optional
        The shipped one by default.

    Returns
    -------
    Chip
        Its `designs` have batch ``()``.

    Raises
    ------
    ScovilleError
        One line with file, line and key path.
    """
    path = Path(path)
    shipped = DATA in path.resolve().parents
    return build_system(
        read_document(path, DataError if shipped else ConfigError), technology or load_technology()
    )


def build_system(document: Document, technology: Technology) -> Chip:
    """Turn a parsed system document into a `Chip`."""
    content = document.validate(SystemFile)
    reader = SystemReader(document, content, technology)
    pools = tuple(reader.pool(pool, ("pools", index)) for index, pool in enumerate(content.pools))
    facts = {}
    for key, fact in content.facts.items():
        stem, unit = split_suffix(key)
        facts[stem] = reader.fact(fact, unit, ("facts", key))
    return Chip(
        name=content.name,
        title=content.title,
        designs=Designs(pools),
        facts=facts,
        notes=(*content.notes, *reader.notes),
        numbers=tuple(reader.numbers()),
    )
