"""Quantities as people read them; the cost model's records are shown by the same functions."""

from costmodel.presentation.quantities import (
    MILLION,
    Number,
    Scale,
    number,
    percent,
    quantity,
    scale_of,
    words,
)

__all__ = ["MILLION", "Number", "Scale", "number", "percent", "quantity", "scale_of", "words"]
