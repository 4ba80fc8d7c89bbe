"""The tiles that a shipped library of kernels offers, from ``data/kernel_library.yaml``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

PATH = Path(__file__).resolve().parent.parent / "data" / "kernel_library.yaml"


class KernelTile(BaseModel):
    """Output of one core [count]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    rows: int = Field(gt=0)
    columns: int = Field(gt=0)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = Field(ge=1, le=1)
    title: str
    unit: str
    kind: str
    source: str
    tiles: tuple[KernelTile, ...] = Field(min_length=1)


@lru_cache(maxsize=1)
def kernel_tiles() -> tuple[tuple[int, int], ...]:
    """Rows and columns of every tile, the smallest first.

    >>> (128, 256) in kernel_tiles(), kernel_tiles()[0]
    (True, (64, 16))
    """
    content = YAML(typ="safe").load(PATH.read_text(encoding="utf-8"))
    tiles = _File.model_validate(content).tiles
    pairs = [(tile.rows, tile.columns) for tile in tiles]
    return tuple(sorted(pairs, key=lambda pair: (pair[0] * pair[1], pair)))
