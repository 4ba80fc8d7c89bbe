"""Published figures, one a module: what was asked, what was got, on which machine.

``python -m experiments.shows 1.3`` (or ``make show N=1.3``) runs ``show_1_3.py``, which defines
``SHOW``. The command exits 1 when a figure is below its floor.
"""

from experiments.shows.harness import Line, Show

__all__ = ["Line", "Show"]
