"""Pages: the same content as text and as HTML that is whole, escaped and takes any background."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from costmodel.presentation import batches
from costmodel.presentation.sheets import Page, Sheet

TEXT = st.text(st.characters(min_codepoint=32, exclude_categories=("Cs", "Cc", "Cn")), max_size=12)
EXTERNAL = re.compile(r"<script|<link|<img|src=|href=|url\(|@import|https?:")


def cells(html: str) -> list[str]:
    """Texts of a page's cells; fails unless the HTML is well formed."""
    return ["".join(cell.itertext()) for cell in ElementTree.fromstring(html).iter("td")]


@given(TEXT, st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=4), TEXT)
def test_every_text_arrives_as_it_is(heading, rows, note):
    page = Page(heading, (note,), (Sheet(tuple(rows), ("a", "b"), note),), (note,))
    html = page.html()
    assert cells(html) == [cell for row in rows for cell in row]
    tree = ElementTree.fromstring(html)
    assert "".join(tree[0].itertext()) == heading
    assert {element.tag for element in tree.iter()} <= {
        "div", "table", "thead", "tbody", "tr", "th", "td",
    }  # fmt: skip
    for row in rows:
        for cell in row:
            assert cell in page.text()


def test_hostile_text_is_only_text():
    bad = '<script>alert(1)</script><img src=x onerror="alert(2)">'
    html = Page(bad, (bad,), (Sheet(((bad, bad),), (bad, bad), bad),), (bad,)).html()
    assert not EXTERNAL.search(html.replace("&lt;", "").replace("src=x", ""))
    assert html.count("&lt;script&gt;") == 8
    assert cells(html) == [bad, bad]


def test_html_brings_no_colours_of_its_own():
    """A notebook may be light or dark: text takes its colour, cells have no background."""
    html = Page("a", ("b",), (Sheet((("c", "d"),), ("e", "f"), "g"),), ("h",)).html()
    assert set(re.findall(r"(?<![-\w])color:([^;\"]+)", html)) == {"inherit"}
    assert set(re.findall(r"background:([^;\"]+)", html)) == {"none"}
    assert not EXTERNAL.search(html)


def test_columns_line_up_in_text():
    text = Page(
        "squares", (), (Sheet((("2", "four"), ("10", "x")), ("n", "n2"), align="rl"),)
    ).text()
    assert text.splitlines() == ["squares", "   n  n2", "   2  four", "  10  x"]


def test_an_empty_sheet_is_no_table():
    assert "<table" not in Page("a", (), (Sheet(()),)).html()


@pytest.mark.parametrize("count", [7, 8, 1001])
def test_a_large_batch_is_its_least_median_and_most(count):
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1)).double()
    shown = batches.numbers(order, (count,), lambda value: f"{value:.0f}")
    assert shown == ("0", str((count - 1) // 2), str(count - 1))
    assert len(batches.columns((count,))) == 3


@pytest.mark.parametrize("shape", [(), (1,), (6,), (2, 3), (0,)])
def test_a_small_batch_has_a_column_for_each_design(shape):
    value = torch.arange(torch.Size(shape).numel(), dtype=torch.float64).reshape(shape)
    shown = batches.numbers(value, shape, lambda number: f"{number:.0f}")
    assert shown == tuple(str(n) for n in range(value.numel()))
    assert len(batches.columns(shape)) == len(shown)


def test_what_is_the_same_for_all_is_said_once():
    assert batches.numbers(torch.tensor(2.0), (50,), str) == ("2.0", "", "")
    assert batches.choices(torch.tensor(1), (50,), ["a", "b"].__getitem__) == ("b", "", "")


def test_choices_of_a_large_batch_are_counted():
    rows = torch.tensor([0] * 6 + [1] * 5 + [2] * 4 + [3] * 3 + [4] * 2 + [5])
    listed, *rest = batches.choices(rows, (21,), "abcdef".__getitem__)
    assert listed == "a (6), b (5), c (4), d (3) and 2 more"
    assert rest == ["", ""]
