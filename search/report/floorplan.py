"""A package seen from above, to scale, as an SVG drawing."""

from __future__ import annotations

from collections.abc import Sequence

from jinja2 import Environment
from markupsafe import Markup

from search.report.content import Block
from search.report.plots.style import BLUE, GREEN, GREY, ORANGE, PURPLE, SKY, VERMILION, YELLOW

COLOURS = {
    "interposer": "#F2F2F2",
    "compute": SKY,
    "io": PURPLE,
    "memory": GREEN,
    "core": BLUE,
    "l2": YELLOW,
    "memory_phy": ORANGE,
    "link_phy": VERMILION,
    "die_to_die": VERMILION,
}
UNNAMED = ("interposer", "compute", "io")
"""Blocks under others: their name would show through the gaps."""
WIDTH_PX = 560
MARGIN_PX = 30
NAMED_PX = 46
"""Blocks narrower than this on the drawing carry their name only as a tooltip."""

_DRAWING = Environment(autoescape=True).from_string(
    """<svg viewBox="0 0 {{ width }} {{ height }}" role="img" aria-label="{{ title }}" \
class="floorplan" xmlns="http://www.w3.org/2000/svg"><title>{{ title }}</title>
{% for block in blocks %}<g><title>{{ block.label }}: {{ block.size }}</title>\
<rect x="{{ block.x }}" y="{{ block.y }}" width="{{ block.width }}" height="{{ block.height }}" \
fill="{{ block.colour }}" stroke="#333" stroke-width="0.8"/>\
{% if block.named %}<text x="{{ block.middle }}" y="{{ block.centre }}" text-anchor="middle" \
dominant-baseline="middle" font-size="11">{{ block.label }}</text>{% endif %}</g>
{% endfor %}<line x1="{{ margin }}" y1="{{ ruler }}" x2="{{ ruler_end }}" y2="{{ ruler }}" \
stroke="#000" stroke-width="2"/><text x="{{ margin }}" y="{{ ruler - 6 }}" font-size="12">10 mm\
</text></svg>"""
)


def draw_floorplan(blocks: Sequence[Block], title: str = "Package, to scale") -> Markup:
    """Rectangles of a package with their names and a 10 mm ruler.

    Parameters
    ----------
    blocks : sequence of Block
        Rectangles [m], those below first; the y axis points up.
    title : str
        Text for readers who cannot see the drawing.

    Returns
    -------
    markupsafe.Markup
        An ``<svg>`` element; empty without blocks.
    """
    if not blocks:
        return Markup("")
    left = min(block.x for block in blocks)
    right = max(block.x + block.width for block in blocks)
    bottom = min(block.y for block in blocks)
    top = max(block.y + block.height for block in blocks)
    scale = (WIDTH_PX - 2 * MARGIN_PX) / (right - left)
    height = (top - bottom) * scale + 3 * MARGIN_PX
    drawn = [
        {
            "x": round(MARGIN_PX + (block.x - left) * scale, 2),
            "y": round(MARGIN_PX + (top - block.y - block.height) * scale, 2),
            "width": round(block.width * scale, 2),
            "height": round(block.height * scale, 2),
            "middle": round(MARGIN_PX + (block.x - left + block.width / 2) * scale, 2),
            "centre": round(MARGIN_PX + (top - block.y - block.height / 2) * scale, 2),
            "colour": COLOURS.get(block.kind, GREY),
            "label": block.label,
            "named": block.kind not in UNNAMED
            and block.width * scale > NAMED_PX
            and block.height * scale > 14,
            "size": f"{block.width * 1e3:.1f} x {block.height * 1e3:.1f} mm",
        }
        for block in blocks
    ]
    ruler_end = MARGIN_PX + 0.01 * scale
    return Markup(  # the template escapes every value it is given
        _DRAWING.render(
            blocks=drawn,
            title=title,
            width=WIDTH_PX,
            height=round(height, 1),
            margin=MARGIN_PX,
            ruler=round(height - MARGIN_PX / 2, 1),
            ruler_end=round(ruler_end, 2),
        )
    )
