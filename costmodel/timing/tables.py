"""What a look-up of mappings is given: the tiles of kernel libraries, and the mapper's version.

Mappings of compiled machines need no table: `costmodel.timing.kernel_search` finds them when they
are asked for, quicker than they could be read from memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.timing.library import TileSet, tile_set

MAPPER_VERSION = 4


@dataclass(frozen=True, repr=False)
class Tables:
    """Candidate mappings."""

    library: TileSet
    version: int = MAPPER_VERSION

    @property
    def mappings(self) -> int:
        """Mappings of a kernel library weighed for one GEMM."""
        return self.library.mappings

    def __repr__(self) -> str:
        return f"Tables(version {self.version}: {self.mappings:,} mappings of a GEMM)"


def build_tables() -> Tables:
    """The tables of a look-up.

    >>> build_tables().library.mappings  # tiles of kernel libraries, the depth split or not
    1428
    """
    return Tables(tile_set())
