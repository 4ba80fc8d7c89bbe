"""What a look-up of mappings is given: the tiles of kernel libraries, and the lattice's version.

Mappings of compiled machines need no table: the blocks of a GEMM are enumerated with bounds when
it is looked up (`costmodel.timing.kernel_search`), which is quicker than reading them from memory.
"""

from __future__ import annotations

from dataclasses import dataclass

from costmodel.timing.lattice import LATTICE_VERSION
from costmodel.timing.library import TileSet, tile_set


@dataclass(frozen=True, repr=False)
class Tables:
    """Candidate mappings."""

    library: TileSet
    version: int = LATTICE_VERSION

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
