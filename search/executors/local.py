"""This machine: batches on threads, each single-threaded inside.

The model spends its time in tensor operations, which run side by side in one process. Splitting
the batches over threads is faster than splitting each small operation, and a batch gives the same
bits whoever evaluates it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Batch = TypeVar("Batch")
Result = TypeVar("Result")

TORCH_THREADS = 1
"""Threads inside one tensor operation while a study runs."""


def cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class LocalExecutor:
    """Threads of this process.

    Parameters
    ----------
    workers : int, optional
        Threads; one for each core by default.
    """

    def __init__(self, workers: int | None = None) -> None:
        self.workers = workers or cores()

    def map(self, function: Callable[[Batch], Result], batches: Sequence[Batch]) -> list[Result]:
        """Apply a pure function to batches; results in their order."""
        if self.workers == 1 or len(batches) == 1:
            return [function(batch) for batch in batches]
        with ThreadPoolExecutor(min(self.workers, len(batches))) as pool:
            return list(pool.map(function, batches))


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keep tensor operations on one thread each, for the time being."""
    before = torch.get_num_threads()
    torch.set_num_threads(TORCH_THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
