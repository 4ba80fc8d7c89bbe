"""Ctrl-C, SIGTERM and a closed terminal as a request to stop after the round in progress."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STOPPING = "finishing this round, saving; Ctrl-C again stops at once (nothing committed is lost)"
"""What is said at once after the first request."""

REQUESTS = tuple(
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
)


@contextmanager
def interruptible(announce: Callable[[], None] | None = None) -> Iterator[Callable[[], bool]]:
    """Turn the first signal into a request to stop; a second one stops at once.

    Parameters
    ----------
    announce : callable, optional
        Called inside the signal's handler by the first one: it must not wait for anything.

    Yields
    ------
    callable
        Whether somebody asked to stop.
    """
    caught: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        del frame
        caught.append(number)
        if len(caught) > 1:
            raise KeyboardInterrupt
        if announce is not None:
            announce()

    previous = {}
    for number in REQUESTS:
        if signal.getsignal(number) is signal.SIG_IGN:  # nohup: whoever began us wants it so
            continue
        try:
            previous[number] = signal.signal(number, note)
        except ValueError:  # not the main thread: whoever runs us handles signals
            break
    try:
        yield lambda: bool(caught)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
