"""A design written as YAML reads back as the same design."""

from __future__ import annotations

import pytest
import torch

from costmodel.hardware.catalog import build_system, list_chips, load_chip
from costmodel.hardware.documents import parse_document
from costmodel.hardware.export import at_index, dump_system
from costmodel.hardware.loading import load_technology
from costmodel.hardware.system import leaves, map_leaves, replace_at

TECHNOLOGY = load_technology()


@pytest.mark.parametrize("name", list_chips())
def test_round_trip(name: str) -> None:
    designs = load_chip(name, TECHNOLOGY).designs
    text = dump_system(designs, TECHNOLOGY, name=name, title="x: y", notes=["as built"])
    back = build_system(parse_document(text), TECHNOLOGY)
    assert (back.name, back.title, back.notes) == (name, "x: y", ("as built",))
    for before, after in zip(leaves(designs), leaves(back.designs), strict=True):
        assert before.dtype == after.dtype
        assert torch.allclose(before.double(), after.double(), rtol=1e-14, atol=0)
    again = dump_system(back.designs, TECHNOLOGY, name=name, title="x: y", notes=["as built"])
    assert again == text


def test_one_design_of_a_batch() -> None:
    designs = load_chip("h100", TECHNOLOGY).designs
    wide = replace_at(
        designs, "pools.0.package.dies.0.cores_enabled", torch.tensor([[100, 110], [120, 130]])
    )
    text = dump_system(wide, TECHNOLOGY, index=(1, 0))
    assert "cores_enabled: 120" in text
    assert at_index(wide, (1, 0)).batch_shape == ()


def test_names_not_row_numbers() -> None:
    text = dump_system(load_chip("groq-lpu", TECHNOLOGY).designs, TECHNOLOGY)
    for word in ("node: gf14", "kind: organic", "topology: fully_connected", "memory: []"):
        assert word in text


def test_gradients_do_not_stand_in_the_way() -> None:
    designs = load_chip("a100", TECHNOLOGY).designs
    tracked = map_leaves(
        designs, lambda leaf: leaf.clone().requires_grad_() if leaf.is_floating_point() else leaf
    )
    assert dump_system(tracked, TECHNOLOGY) == dump_system(designs, TECHNOLOGY)
