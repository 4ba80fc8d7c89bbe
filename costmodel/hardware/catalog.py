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


@dataclass(frozen=True, repr=False)
class Chip:
    """A known chip or a user's system: its hardware, and what is published of it.

    >>> h100 = load_chip("h100")
    >>> h100.title
    'NVIDIA H100 SXM5 80 GB'
    >>> h100.facts["memory_bandwidth"].value, h100.facts["tdp"].value  # SI: byte/s, W
    (3350000000000.0, 700.0)
    """

    name: str
    title: str
    designs: Designs
    facts: dict[str, Fact]
    notes: tuple[str, ...]
    numbers: tuple[Number, ...]

    def __repr__(self) -> str:
        from costmodel.presentation.hardware import chip_page

        return chip_page(self).text()

    def _repr_html_(self) -> str:
        from costmodel.presentation.hardware import chip_page

        return chip_page(self).html()


def list_chips() -> tuple[str, ...]:
    """Names of the shipped chips, as the command line spells them.

    >>> {"h100", "mi300x", "tpu-v5p"} <= set(list_chips())
    True
    """
    return tuple(sorted(path.stem for path in (DATA / "chips").glob("*.yaml")))


def load_chip(name: str, technology: Technology | None = None) -> Chip:
    """A shipped chip by name (dashes or underscores), or a system file by path.

    Raises
    ------
    ConfigError
        Unknown name, with the nearest one.

    Examples
    --------
    >>> load_chip("tpu_v5p").name
    'tpu-v5p'
    >>> load_chip("h10")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    costmodel.errors.ConfigError: unknown chip 'h10'; ... did you mean h100 or ...
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
