"""Tables with a heading and notes, as text for a terminal and as HTML for a notebook.

A record says what it shows once, as a `Page`; the HTML holds its own style, takes the colours of
the notebook around it, light or dark, and escapes every text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

LINE = "1px solid rgba(128,128,128,.35)"
PAGE = "font-family:system-ui,sans-serif;font-size:13px;line-height:1.4;color:inherit"
TITLE = "font-weight:600;margin-top:6px"
CELL = "padding:1px 10px 1px 0;border:0;vertical-align:top;background:none;color:inherit"
SIDES = {"l": "text-align:left", "r": "text-align:right;white-space:nowrap"}


@dataclass(frozen=True)
class Sheet:
    """A table of texts.

    Parameters
    ----------
    rows : tuple of tuple of str
        Lines of equal length.
    headings : tuple of str
        One a column, or none.
    title : str
    align : str
        ``l`` or ``r`` for each column; the last one holds for all that follow.
    """

    rows: tuple[tuple[str, ...], ...]
    headings: tuple[str, ...] = ()
    title: str = ""
    align: str = "l"

    def side(self, column: int) -> str:
        """``l`` or ``r``."""
        return self.align[min(column, len(self.align) - 1)]


@dataclass(frozen=True)
class Page:
    """What a record shows: a heading, lines, tables, notes."""

    heading: str
    lines: tuple[str, ...] = ()
    sheets: tuple[Sheet, ...] = ()
    notes: tuple[str, ...] = ()

    def text(self) -> str:
        """The page for a terminal.

        >>> print(Page("two squares", (), (Sheet((("2", "4"), ("10", "100")), align="r"),)).text())
        two squares
           2    4
          10  100
        """
        blocks = [self.heading, *self.lines]
        for sheet in self.sheets:
            blocks += ([f"{sheet.title}:"] if sheet.title else []) + _text_rows(sheet)
        return "\n".join([*blocks, *self.notes])

    def html(self) -> str:
        """The page for a notebook: one element that needs nothing from anywhere.

        >>> "<script>" in Page("<script>").html()
        False
        """
        parts = [f'<div style="font-weight:600">{escape(self.heading)}</div>']
        parts += [f"<div>{escape(line)}</div>" for line in self.lines]
        parts += [_html_table(sheet) for sheet in self.sheets if sheet.rows]
        parts += [f'<div style="opacity:.75">{escape(note)}</div>' for note in self.notes]
        return f'<div style="{PAGE}">{"".join(parts)}</div>'


def _text_rows(sheet: Sheet) -> list[str]:
    """Lines of a table, columns two blanks apart."""
    rows = [*([sheet.headings] if sheet.headings else []), *sheet.rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [_text_row(row, widths, sheet) for row in rows]


def _text_row(row: Sequence[str], widths: Sequence[int], sheet: Sheet) -> str:
    cells = (
        cell.rjust(width) if sheet.side(column) == "r" else cell.ljust(width)
        for column, (cell, width) in enumerate(zip(row, widths, strict=True))
    )
    return ("  " + "  ".join(cells)).rstrip()


def _html_table(sheet: Sheet) -> str:
    title = f'<div style="{TITLE}">{escape(sheet.title)}</div>' if sheet.title else ""
    head = _html_row(sheet, sheet.headings, "th", f"border-bottom:{LINE}") if sheet.headings else ""
    body = "".join(_html_row(sheet, row, "td") for row in sheet.rows)
    return (
        f'{title}<div style="overflow-x:auto;margin:2px 0 6px"><table style="border-collapse:'
        'collapse;border:0;margin:0;background:none;color:inherit">'
        f"<thead>{head}</thead><tbody>{body}</tbody></table></div>"
    )


def _html_row(sheet: Sheet, cells: Sequence[str], tag: str, style: str = "") -> str:
    content = "".join(
        f'<{tag} style="{CELL};{SIDES[sheet.side(column)]}">{escape(cell)}</{tag}>'
        for column, cell in enumerate(cells)
    )
    return f'<tr style="background:none;{style}">{content}</tr>'
