"""Vector operations that one element of an operator costs, from ``data/operations.yaml``."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field
from ruamel.yaml import YAML

PATH = Path(__file__).resolve().parent.parent / "data" / "operations.yaml"

WIDE_BYTES = 2.0
"""Outputs narrower than this are quantised [byte]."""


class ElementCost(BaseModel):
    """Operations of one element [op]."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    operations: float = Field(ge=0.0)
    exponentials: float = Field(default=0.0, ge=0.0)
    range: tuple[float, float]
    note: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = Field(ge=1, le=1)
    title: str
    unit: str
    kind: str
    source: str
    rows: dict[str, ElementCost]


@lru_cache(maxsize=1)
def element_costs() -> dict[str, ElementCost]:
    """Every row of the file.

    >>> element_costs()["softmax"].operations, element_costs()["softmax"].exponentials
    (4.0, 1.0)
    """
    content = YAML(typ="safe").load(PATH.read_text(encoding="utf-8"))
    return _File.model_validate(content).rows


COSTS = element_costs()
"""Read once, when the package is imported: evaluation opens no file."""
