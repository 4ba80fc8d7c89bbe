"""One GEMM at the scope of a peer: bounds, limits, and a peer that is not there."""

import sys
from pathlib import Path

import pytest

from costmodel.errors import ScovilleError
from costmodel.hardware.catalog import load_system
from costmodel.hardware.loading import load_technology
from experiments import second_opinion
from experiments.peers import install
from experiments.second_opinion import Gemm, ask, ours, ours_of_array
from search.exporters.datasheet import datasheets

TEMPLATE = Path(__file__).parents[2] / "experiments" / "templates" / "systolic.yaml"


@pytest.fixture(scope="module")
def machine():
    technology = load_technology()
    designs = load_system(TEMPLATE, technology).designs
    return designs.pools[0], datasheets(designs, technology)[0], technology


@pytest.mark.parametrize("gemm", [Gemm(2048, 8192, 8192), Gemm(8, 8192, 1024), Gemm(1, 64, 64)])
def test_nothing_beats_the_bounds(machine, gemm):
    _, sheet, _ = machine
    found = ours(*machine, gemm)
    least = gemm.rows * gemm.depth + gemm.depth * gemm.columns + gemm.rows * gemm.columns
    assert found.seconds >= 2 * gemm.macs / sheet.peak
    assert found.seconds >= least * sheet.element / sheet.memory_bandwidth
    assert 0 < found.utilisation <= 1
    assert found.energy >= gemm.macs * sheet.energies.mac + 8 * least * sheet.energies.memory_bit
    assert found.parts["bytes"]["memory"] >= least * sheet.element * (1 - 1e-12)


def test_a_big_product_fills_the_arrays(machine):
    assert ours(*machine, Gemm(8192, 8192, 8192)).utilisation > 0.8


def test_one_array_without_second_weights_is_scale_sim_in_closed_form(machine):
    """Its runtime for weights that stay: folds of m + 2R + C - 2 cycles, less one tile's edge."""
    _, sheet, _ = machine
    gemm = Gemm(512, 1024, 128)
    found = ours_of_array(*machine, gemm, hidden=False)
    folds = (gemm.depth // sheet.rows) * (gemm.columns // sheet.columns)
    closed = folds * (gemm.rows + 2 * sheet.rows + sheet.columns - 2)
    array = found.parts["seconds"]["array"] * sheet.clock
    assert array == pytest.approx(closed)
    assert ours_of_array(*machine, gemm).cycles < found.cycles


def test_a_peer_that_is_not_installed_says_what_builds_it(monkeypatch, tmp_path):
    monkeypatch.setattr(second_opinion, "ENVIRONMENTS", tmp_path)
    with pytest.raises(ScovilleError, match="zigzag is not installed; `make peers`"):
        ask("zigzag", tmp_path / "knee.zigzag.yaml", Gemm(1, 1, 1), 1e9)


def test_a_peer_that_fails_or_answers(monkeypatch, tmp_path):
    """A stand-in interpreter environment: the script's last line counts, cycles become seconds."""
    (tmp_path / "toy" / "bin").mkdir(parents=True)
    (tmp_path / "toy" / "bin" / "python").symlink_to(sys.executable)
    (tmp_path / "toy" / "installed").touch()
    monkeypatch.setattr(second_opinion, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(second_opinion, "SCRIPTS", tmp_path)
    script = tmp_path / "run_toy.py"
    script.write_text("import json, sys; print(json.dumps({'cycles': int(sys.argv[2])}))")
    assert ask("toy", tmp_path, Gemm(50, 2, 3), 1e9) == {"cycles": 50, "seconds": 5e-8}
    script.write_text("raise SystemExit('no such field')")
    with pytest.raises(ScovilleError, match="toy failed: no such field"):
        ask("toy", tmp_path, Gemm(1, 1, 1), 1e9)


def test_an_environment_needs_a_python_and_a_registry(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(install, "ENVIRONMENTS", tmp_path)
    monkeypatch.setattr(install, "interpreter", lambda *_: None)
    assert not install.install("accelforge", ("accelforge",))
    assert "no Python 3.12 or newer" in capsys.readouterr().err
    monkeypatch.setattr(install, "interpreter", lambda *_: sys.executable)
    monkeypatch.setattr(install, "run", lambda *_: False)
    monkeypatch.setattr(install.subprocess, "run", lambda *_, **__: None)
    assert not install.install("zigzag", ("zigzag-dse",))
    assert not (tmp_path / "zigzag" / "installed").exists()


def test_pip_without_a_registry_is_one_line(capsys):
    wrong = [sys.executable, "-c", "import sys; sys.exit('ERROR: no matching distribution')"]
    assert not install.run("genz", wrong)
    line = capsys.readouterr().err.strip()
    assert line == (
        "peers: genz: pip failed: ERROR: no matching distribution; "
        "is the package registry reachable?"
    )


def test_every_peer_is_pinned():
    text = (Path(install.__file__).parent / "constraints.txt").read_text(encoding="utf-8")
    pinned = {line.split("==")[0].lower().replace("_", "-") for line in text.splitlines()}
    for packages in [*install.PEERS.values(), *install.CHECKOUT.values()]:
        assert {name.lower() for name in packages} <= pinned
    assert install.TORCH in text
