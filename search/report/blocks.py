"""Rectangles of a package for the drawing, from the areas and sides that the cost model found.

Sides of dies and stacks and the area of every part are the model's; where a part lies inside its
die is only drawn: interfaces on the sides that they use, the rest as slices.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from costmodel.hardware.system import Package
from costmodel.hardware.technology import Technology
from costmodel.physics.area import DieArea
from costmodel.physics.floorplan import Floorplan
from search.report.content import Block

CORE_PARTS = ("mac", "vector", "control", "l1", "interconnect")
SLICES = (
    ("link_phy", "links", ("link_phy",)),
    ("die_to_die", "die to die", ("die_to_die",)),
    ("other", "other", ("other",)),
    ("l2", "L2", ("l2",)),
    ("core", "cores", CORE_PARTS),
)
GAP = 0.5e-3
"""Drawn between neighbouring dies and stacks [m]."""


@dataclass(frozen=True)
class DieShape:
    """One kind of die, in plain numbers."""

    role: str
    count: int
    width: float  # [m]
    height: float  # [m]
    areas: dict[str, float]  # part -> [m2]


@dataclass(frozen=True)
class StackShape:
    """One kind of memory stack beside the dies."""

    label: str
    count: int
    width: float  # across the die's side [m]
    height: float  # along the die's side [m]


def package_blocks(
    technology: Technology, package: Package, areas: Sequence[DieArea], plan: Floorplan
) -> tuple[Block, ...]:
    """Rectangles of one package; every leaf has batch ``()``."""
    dies = [
        DieShape(
            die.role,
            round(float(die.count)),
            float(plan.width[..., index]),
            float(plan.height[..., index]),
            {
                part: float(getattr(area, part))
                for part in (*CORE_PARTS, "l2", "memory_phy", "memory_controller", "link_phy",
                             "die_to_die", "other")
            },
        )
        for index, (die, area) in enumerate(zip(package.dies, areas, strict=True))
    ]  # fmt: skip
    stacks = [
        StackShape(
            technology.names("memory")[int(tier.kind)],
            round(float(tier.stacks)),
            float(technology.at("memory", "width", tier.kind)),
            float(technology.at("memory", "height", tier.kind)),
        )
        for tier in package.memory
        if float(technology.at("memory", "stacked", tier.kind)) > 0
    ]
    stacked = float(technology.at("package", "stacked_dies", package.kind)) > 0
    return arrange(dies, stacks, stacked, float(plan.interposer_area))


def arrange(
    dies: Sequence[DieShape],
    stacks: Sequence[StackShape],
    stacked: bool,
    interposer_area: float,
) -> tuple[Block, ...]:
    """Place dies in the middle and memory on the two long sides.

    Parameters
    ----------
    dies : sequence of DieShape
        Kinds with a count of zero are left out.
    stacks : sequence of StackShape
    stacked : bool
        Whether compute dies lie on top of the io dies.
    interposer_area : float
        [m2]; drawn as a margin around everything.
    """
    present = [die for die in dies if die.count > 0]
    on_top = [die for die in present if die.role == "compute"] if stacked else []
    base = [die for die in present if die not in on_top] or present
    on_top = [die for die in on_top if die not in base]
    blocks: list[Block] = []
    x = 0.0
    for die in base:
        placed, width = _group(die, x)
        blocks += placed
        x += width + GAP
    width = x - GAP
    height = max(block.y + block.height for block in blocks)
    for die in on_top:
        blocks += _spread(die, width, height)
    beside = _beside(stacks, width, height)
    blocks += beside
    return (_interposer(blocks, interposer_area), *blocks)


def _group(die: DieShape, x: float) -> tuple[list[Block], float]:
    """Dies of one kind in one column, or in two when there are more than two."""
    columns = 2 if die.count > 2 else 1
    blocks: list[Block] = []
    for number in range(die.count):
        row, column = divmod(number, columns)
        left, bottom = x + column * (die.width + GAP), row * (die.height + GAP)
        blocks += _inside(die, left, bottom)
    return blocks, columns * (die.width + GAP) - GAP


def _spread(die: DieShape, width: float, height: float) -> list[Block]:
    """Dies on top of others, spread evenly over a width and a height."""

    def room(columns: int) -> float:
        rows = math.ceil(die.count / columns)
        return min(width / (columns * die.width), height / (rows * die.height))

    columns = max(range(1, die.count + 1), key=room)
    rows = math.ceil(die.count / columns)
    blocks: list[Block] = []
    for number in range(die.count):
        row, column = divmod(number, columns)
        left = (column + 0.5) * width / columns - die.width / 2
        bottom = (row + 0.5) * height / rows - die.height / 2
        blocks += _inside(die, left, bottom)
    return blocks


def _inside(die: DieShape, x: float, y: float) -> list[Block]:
    """A die and its parts: memory interfaces along the long sides, slices between them."""
    name = f"{die.role} die"
    blocks = [
        Block("compute" if die.role == "compute" else "io", name, x, y, die.width, die.height)
    ]
    memory = die.areas["memory_phy"] + die.areas["memory_controller"]
    strip = memory / 2 / die.height
    if strip > 0:
        for left in (x, x + die.width - strip):
            blocks.append(Block("memory_phy", "memory interface", left, y, strip, die.height))
    middle = die.width - 2 * strip
    bottom = y
    for kind, label, parts in SLICES:
        area = sum(die.areas[part] for part in parts)
        if area > 0 and middle > 0:
            blocks.append(Block(kind, label, x + strip, bottom, middle, area / middle))
            bottom += area / middle
    return blocks


def _beside(stacks: Sequence[StackShape], width: float, height: float) -> list[Block]:
    """Memory stacks in one row on each side, centred."""
    blocks: list[Block] = []
    for side in (0, 1):
        row = [stack for stack in stacks for _ in range((stack.count + 1 - side) // 2)]
        length = sum(stack.height + GAP for stack in row) - GAP
        y = (height - length) / 2
        for stack in row:
            x = -GAP - stack.width if side == 0 else width + GAP
            blocks.append(Block("memory", stack.label, x, y, stack.width, stack.height))
            y += stack.height + GAP
    return blocks


def _interposer(blocks: Sequence[Block], area: float) -> Block:
    """The rectangle under everything: the bounding box, widened evenly to the area it has."""
    left = min(block.x for block in blocks)
    bottom = min(block.y for block in blocks)
    width = max(block.x + block.width for block in blocks) - left
    height = max(block.y + block.height for block in blocks) - bottom
    # (width + 2 m)(height + 2 m) = area
    half = (width + height) / 2
    margin = max(0.0, (math.sqrt(half**2 - width * height + max(area, width * height)) - half) / 2)
    return Block(
        "interposer", "interposer",
        left - margin, bottom - margin, width + 2 * margin, height + 2 * margin,
    )  # fmt: skip
