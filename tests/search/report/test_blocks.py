"""Rectangles of a package: nothing overlaps that may not, areas are kept."""

from __future__ import annotations

from itertools import combinations

import pytest

from search.report.blocks import CORE_PARTS, DieShape, StackShape, arrange
from search.report.content import Block

PARTS = (*CORE_PARTS, "l2", "memory_phy", "memory_controller", "link_phy", "die_to_die", "other")


def die(count: int, width: float = 0.026, height: float = 0.03, role: str = "compute") -> DieShape:
    """Every part takes the same share of the die."""
    share = width * height / len(PARTS)
    return DieShape(role, count, width, height, dict.fromkeys(PARTS, share))


def overlap(a: Block, b: Block) -> bool:
    inside = 1e-9
    return (
        a.x + inside < b.x + b.width
        and b.x + inside < a.x + a.width
        and a.y + inside < b.y + b.height
        and b.y + inside < a.y + a.height
    )


@pytest.mark.parametrize("count", [1, 2, 4])
@pytest.mark.parametrize("stacks", [0, 5, 8])
def test_dies_and_stacks_do_not_overlap(count: int, stacks: int) -> None:
    blocks = arrange([die(count)], [StackShape("hbm", stacks, 0.011, 0.011)], False, 3e-3)
    bodies = [block for block in blocks if block.kind in ("compute", "memory")]
    assert len(bodies) == count + stacks
    assert not [pair for pair in combinations(bodies, 2) if overlap(*pair)]


def test_parts_fill_their_die() -> None:
    blocks = arrange([die(1)], [], False, 0.0)
    parts = [block for block in blocks if block.kind not in ("compute", "interposer")]
    assert not [pair for pair in combinations(parts, 2) if overlap(*pair)]
    assert sum(block.width * block.height for block in parts) == pytest.approx(0.026 * 0.03)


def test_interposer_has_its_area_and_holds_everything() -> None:
    blocks = arrange([die(2)], [StackShape("hbm", 8, 0.011, 0.011)], False, 6e-3)
    under, *rest = blocks
    assert under.kind == "interposer"
    assert under.width * under.height == pytest.approx(6e-3)
    for block in rest:
        assert under.x <= block.x
        assert block.x + block.width <= under.x + under.width


def test_stacked_compute_dies_lie_on_the_io_dies() -> None:
    dies = [die(8, 0.008, 0.012), die(4, 0.018, 0.022, role="io")]
    blocks = arrange(dies, [], True, 0.0)
    bases = [block for block in blocks if block.kind == "io"]
    tops = [block for block in blocks if block.kind == "compute"]
    assert (len(bases), len(tops)) == (4, 8)
    assert all(any(overlap(top, base) for base in bases) for top in tops)
    assert not [pair for pair in combinations(tops, 2) if overlap(*pair)]
