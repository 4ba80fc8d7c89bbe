"""A search while it runs: lines without a terminal, rows on one, and an answer to Ctrl-C."""

from __future__ import annotations

import io
import os
import re
import select
import signal
import struct
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console

from experiments.bad_inputs.case import COMMAND, Place
from search.following import state
from search.interrupt import STOPPING, interruptible
from search.live import Display
from search.progress import Report, duration

REPORT = Report(
    round_number=36,
    sampler="coordinate_descent",
    evaluated=34_816,
    feasible=12_004,
    charged=40_000,
    budget=100_000,
    seconds=60.0,
    limit=150.0,
    best={"cost_per_mtoken": "0.0821 USD", "tokens_per_joule": "3.21 token/J"},
    hypervolume=0.8123,
)


def lines_of(display_options: dict[str, float], act: object) -> list[str]:
    text = io.StringIO()
    display = Display(Console(file=text, width=80), "results/a", **display_options)
    with display:
        act(display)  # type: ignore[operator]
    return text.getvalue().splitlines()


def test_first_round_at_once_and_the_last_one_at_the_end() -> None:
    later = Report(**{**REPORT.__dict__, "round_number": 40})

    def act(display: Display) -> None:
        display(REPORT)
        display(later)

    assert lines_of({}, act) == [REPORT.line(), later.line()]
    assert lines_of({}, lambda display: display(REPORT)) == [REPORT.line()]
    assert lines_of({}, id) == []


def test_a_long_round_is_not_silent() -> None:
    def act(display: Display) -> None:
        time.sleep(0.25)
        display(REPORT)
        time.sleep(0.25)

    first, *rest = lines_of({"first": 0.1, "interval": 0.1}, act)
    assert first.startswith("results/a: first round")
    assert REPORT.line() in rest
    assert rest[-1].endswith("into the next round")


def test_a_line_says_all_that_is_asked() -> None:
    for part in ("34,816 designs", "34.5% feasible", "0.0821 USD", "0.8123", "580 designs/s",
                 "90 s left"):  # fmt: skip
        assert part.replace("90 s", duration(90)) in REPORT.line()


@pytest.mark.parametrize("width", [80, 120])
def test_rows_fit_the_terminal(width: int) -> None:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=True)
    display = Display(console, "results/" + "long-name-" * 12)
    display(REPORT)
    display.stopping()
    text.truncate(0)
    text.seek(0)
    console.print(display.rows())
    rows = [row.rstrip() for row in re.sub(r"\x1b\[[0-9;]*m", "", text.getvalue()).splitlines()]
    assert all(len(row) <= width for row in rows)
    labels = [row.split("  ")[0] for row in rows]
    for label in ("round", "designs", "feasible", "hypervolume", "best"):
        assert labels.count(label) == 1
    starts = {re.match(r"\w+ +", row).end() for row in rows if re.match(r"(round|best)  ", row)}  # type: ignore[union-attr]
    assert len(starts) == 1, "aligned"


def test_the_first_signal_asks_and_the_second_one_stops() -> None:
    said: list[str] = []
    with interruptible(lambda: said.append("heard")) as asked:
        assert not asked()
        os.kill(os.getpid(), signal.SIGINT)
        assert asked()
        assert said == ["heard"]
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
    assert said == ["heard"]


def test_ignored_signals_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with interruptible() as asked:
            os.kill(os.getpid(), signal.SIGHUP)
            assert not asked()
    finally:
        signal.signal(signal.SIGHUP, before)


def on_terminal(words: list[str], folder: Path, columns: int, study: Path) -> tuple[int, str]:
    """Run a command on a terminal, press Ctrl-C after its second round; exit status and screen."""
    import fcntl
    import pty
    import termios

    process, terminal = pty.fork()
    if process == 0:
        os.chdir(folder)
        os.environ["TERM"] = "xterm"
        os.execv(sys.executable, [*COMMAND, *words])
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    screen, pressed, limit = b"", False, time.monotonic() + 120
    while time.monotonic() < limit:
        if select.select([terminal], [], [], 0.1)[0]:
            try:
                read = os.read(terminal, 65536)
            except OSError:  # the other side has left
                break
            if not read:
                break
            screen += read
        if not pressed and (study / "manifest.json").exists() and state(study)["rounds"] >= 2:
            os.write(terminal, b"\x03")
            pressed = True
    os.close(terminal)
    _, status = os.waitpid(process, 0)
    return os.waitstatus_to_exitcode(status), screen.decode()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize("columns", [80, 120])
def test_ctrl_c_on_a_terminal(columns: int, tmp_path: Path) -> None:
    place = Place(tmp_path, tmp_path)
    words = ["run", place.experiment(), "-S", "budget.evaluations=100000", "--no-report",
             "-S", "space.cores_built={range: [16, 640], step: 1}"]  # fmt: skip
    code, screen = on_terminal(words, tmp_path, columns, tmp_path / "results" / "small")
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", screen)
    assert code == 130
    said, _, again = STOPPING.partition("; ")
    for part in (said, again, "next: scoville resume results/small", "hypervolume"):
        assert part in plain
    assert all(len(row) <= columns for row in re.split(r"[\r\n]+", plain))
    assert state(tmp_path / "results" / "small")["status"] == "interrupted"
