"""The command line that all fits share."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TypeVar

import torch

Values = TypeVar("Values")


def fit_command(title: str, run: Callable[[], Values], write: Callable[[Values], None]) -> None:
    """Run a fit; with ``--write`` put its values into the data files."""
    parser = argparse.ArgumentParser(description=title)
    parser.add_argument("--write", action="store_true", help="put the fit into the data files")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    values = run()
    if arguments.write:
        write(values)
