"""``python -m experiments.shows [N.K ...]``: run shows, or list them."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.markup import escape

from costmodel.errors import ScovilleError
from experiments.shows import harness

WIDTH = 120
"""Columns of the table in a file or a pipe."""


def main(arguments: list[str]) -> int:
    """Run the shows named; exit status 0 when all their floors hold."""
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    try:
        if not arguments:
            for number in harness.numbers():
                console.print(f"{number}  {escape(harness.load(number).title)}", highlight=False)
            return 0
        shows = [(number, harness.load(number)) for number in arguments]
        passed = [harness.present(number, show, console) for number, show in shows]
    except ScovilleError as error:
        Console(stderr=True).print(str(error), highlight=False, markup=False, soft_wrap=True)
        return error.exit_code
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
