"""Packages seen from above, to one scale, as SVG drawings with axes in millimetres."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment
from markupsafe import Markup

from search.report.content import Block, Drawing
from search.report.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW

COLOURS = {
    "interposer": "#EFEFEF",
    "compute": SKY,
    "io": PURPLE,
    "memory": GREEN,
    "core": BLUE,
    "l2": YELLOW,
    "memory_phy": ORANGE,
    "link_phy": VERMILION,
    "die_to_die": "#7F7F7F",
}
NAMES = {
    "interposer": "interposer or substrate",
    "compute": "compute die",
    "io": "io die",
    "memory": "memory stack",
    "core": "cores",
    "l2": "shared SRAM (L2)",
    "memory_phy": "memory interface",
    "link_phy": "links",
    "die_to_die": "die to die",
    "other": "other",
}
DARK = {"core", "memory", "link_phy", "die_to_die"}
"""Blocks whose names are written in white."""
UNNAMED = ("interposer", "compute", "io")
"""Blocks under others: their name would show through the gaps."""
MARGIN_PX, AXIS_PX = 12, 34
LARGEST_PX = 500.0
"""Longer side of the largest package."""
LETTER_PX = 6.6
"""Width of a letter of a block's name."""
TICK_M = 10e-3

_DRAWING = Environment(autoescape=True).from_string(
    """<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ title }}" \
class="floorplan" style="max-width:{{ width }}px" xmlns="http://www.w3.org/2000/svg">\
<title>{{ title }}</title>
{% for block in blocks %}<g><title>{{ block.label }}: {{ block.size }}</title>\
<rect x="{{ block.x }}" y="{{ block.y }}" width="{{ block.width }}" height="{{ block.height }}" \
fill="{{ block.colour }}" stroke="#333" stroke-width="0.7"/>\
{% if block.named %}<text x="{{ block.middle }}" y="{{ block.centre }}" text-anchor="middle" \
dominant-baseline="middle" font-size="11" fill="{{ block.ink }}">{{ block.label }}</text>\
{% endif %}</g>
{% endfor %}<g class="axis" font-size="11">
{% for tick in across %}<line x1="{{ tick.at }}" y1="{{ foot }}" x2="{{ tick.at }}" \
y2="{{ foot + 5 }}" stroke="currentColor"/><text x="{{ tick.at }}" y="{{ foot + 17 }}" \
text-anchor="middle" fill="currentColor">{{ tick.text }}</text>
{% endfor %}{% for tick in upward %}<line x1="{{ left - 5 }}" y1="{{ tick.at }}" x2="{{ left }}" \
y2="{{ tick.at }}" stroke="currentColor"/><text x="{{ left - 7 }}" y="{{ tick.at + 4 }}" \
text-anchor="end" fill="currentColor">{{ tick.text }}</text>
{% endfor %}<text x="{{ left }}" y="{{ foot + 31 }}" fill="currentColor">[mm]</text></g></svg>"""
)


@dataclass(frozen=True)
class _Extent:
    left: float
    bottom: float
    right: float
    top: float

    @property
    def longest(self) -> float:
        return max(self.right - self.left, self.top - self.bottom)


def draw_floorplans(drawings: Sequence[Drawing]) -> list[Markup]:
    """Packages beside each other, all to the same scale.

    Parameters
    ----------
    drawings : sequence of Drawing
        Blocks [m], those below first; the y axis points up.

    Returns
    -------
    list of markupsafe.Markup
        An ``<svg>`` for each drawing; empty for one without blocks.
    """
    extents = [_extent(drawing.blocks) for drawing in drawings]
    longest = max((extent.longest for extent in extents if extent), default=1.0)
    return [
        _draw(drawing, extent, LARGEST_PX / longest) if extent else Markup("")
        for drawing, extent in zip(drawings, extents, strict=True)
    ]


def draw_floorplan(blocks: Sequence[Block], title: str = "Package, to scale") -> Markup:
    """One package alone."""
    return draw_floorplans([Drawing(title, tuple(blocks))])[0]


def legend(drawings: Sequence[Drawing]) -> list[tuple[str, str]]:
    """Name and colour of the kinds of block that the drawings hold."""
    kinds = dict.fromkeys(block.kind for drawing in drawings for block in drawing.blocks)
    return [(NAMES.get(kind, kind), COLOURS.get(kind, GREY)) for kind in kinds]


def _extent(blocks: Sequence[Block]) -> _Extent | None:
    if not blocks:
        return None
    return _Extent(
        min(block.x for block in blocks),
        min(block.y for block in blocks),
        max(block.x + block.width for block in blocks),
        max(block.y + block.height for block in blocks),
    )


def _draw(drawing: Drawing, extent: _Extent, scale: float) -> Markup:
    foot = MARGIN_PX + (extent.top - extent.bottom) * scale
    blocks = [_placed(block, extent, scale) for block in drawing.blocks]
    return Markup(  # the template escapes every value it is given
        _DRAWING.render(
            blocks=blocks,
            title=f"Package of {drawing.title} from above, "
            f"{1e3 * (extent.right - extent.left):.0f} by "
            f"{1e3 * (extent.top - extent.bottom):.0f} mm",
            width=round(AXIS_PX + (extent.right - extent.left) * scale + MARGIN_PX, 1),
            height=round(foot + 36, 1),
            left=AXIS_PX,
            foot=round(foot, 1),
            across=[
                {"at": round(AXIS_PX + place * scale, 1), "text": text}
                for place, text in _ticks(extent.right - extent.left)
            ],
            upward=[
                {"at": round(foot - place * scale, 1), "text": text}
                for place, text in _ticks(extent.top - extent.bottom)
            ],
        )
    )


def _ticks(length: float) -> list[tuple[float, str]]:
    return [
        (number * TICK_M, f"{1e3 * number * TICK_M:.0f}")
        for number in range(math.floor(length / TICK_M + 1e-9) + 1)
    ]


def _placed(block: Block, extent: _Extent, scale: float) -> dict[str, Any]:
    x = AXIS_PX + (block.x - extent.left) * scale
    y = MARGIN_PX + (extent.top - block.y - block.height) * scale
    width, height = block.width * scale, block.height * scale
    label = block.label.replace("_", " ")
    return {
        "x": round(x, 2),
        "y": round(y, 2),
        "width": round(width, 2),
        "height": round(height, 2),
        "middle": round(x + width / 2, 2),
        "centre": round(y + height / 2, 2),
        "colour": COLOURS.get(block.kind, GREY),
        "ink": "#fff" if block.kind in DARK else "#000",
        "label": label,
        "named": block.kind not in UNNAMED and width > LETTER_PX * len(label) and height > 14,
        "size": f"{block.width * 1e3:.1f} x {block.height * 1e3:.1f} mm",
    }
