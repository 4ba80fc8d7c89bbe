"""The knee of a study in the peers' own tools: each loads its file and runs one GEMM on it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch

from costmodel.errors import InfeasibleError, ScovilleError, StudyError
from costmodel.hardware.system import Pool
from experiments.peers.split import split
from experiments.second_opinion import Gemm, Opinion, ask, ours, ours_of_array
from experiments.shows.harness import Line, Show
from search.export import PEERS, export
from search.exporters.datasheet import Datasheet, datasheets
from search.study import Study

QUICKSTART = Path("results/quickstart")
SHORT = ["budget.evaluations=6000", "budget.seconds=120"]
GEMM = Gemm(2048, 8192, 8192)
SLICE = 8
"""SCALE-Sim traces every word: it gets this part of the depth; its folds are all alike."""
CHECKOUT = "LLMCOMPASS"
"""Environment variable that names a checkout of LLMCompass, which no registry has."""

WHY = {
    "accelforge": "no fill and drain of arrays and perfect overlap, but one port of the shared "
    "SRAM for cores and memory, two in our model; its mapping is another one",
    "zigzag": "operands that cores share are read once from the shared SRAM, and a fold's fill is "
    "hidden but for the first; our model fetches for every core and hides part of each fill",
    "scalesim": "loads the weights of a fold before its rows stream and stalls on its prefetch "
    "order; our model loads the next weights meanwhile",
    "genz": "a roofline: every byte once, multipliers always full, less the software's efficiency",
    "llmcompass": "its roofline: every byte once, multipliers always full; no software efficiency",
}


@dataclass(frozen=True)
class Exported:
    """What the show exported, and the numbers behind it."""

    study: Study
    folder: Path
    pool: Pool
    sheet: Datasheet


def measure() -> Iterator[Line]:
    """Export, then one line a peer: theirs beside ours at the same scope, and why they differ."""
    with tempfile.TemporaryDirectory() as scratch:
        exported = _export(Path(scratch))
        sheet, study = exported.sheet, exported.study
        number = study.best("knee")[0].number
        yield Line(
            "design",
            "",
            f"{study.experiment.name}, evaluation {number}: {sheet.cores} cores of {sheet.arrays} "
            f"arrays {sheet.rows} x {sheet.columns}, {sheet.clock / 1e9:.2f} GHz, {sheet.format}",
        )
        yield Line("GEMM", "the same in all", str(GEMM))
        technology = study.resolved.model.technology if study.resolved else None
        assert technology is not None
        with torch.no_grad():
            whole = ours(exported.pool, sheet, technology, GEMM)
            yield Line("ours, package", "", _words(whole))
            for name in ("accelforge", "zigzag", "genz"):
                yield from _peer(name, exported, GEMM, whole, "package")
            checkout = os.environ.get(CHECKOUT)
            if checkout:
                yield from _peer("llmcompass", exported, GEMM, whole, "package", checkout)
            else:
                yield Line("LLMCompass", "", f"not asked: {CHECKOUT} names no checkout")
            part = _share(sheet)
            alone = ours_of_array(exported.pool, sheet, technology, part)
            bare = ours_of_array(exported.pool, sheet, technology, part, hidden=False)
        yield Line("ours, one array", "", f"{part}: {_words(alone)}")
        yield Line("ours, one array, no second weights", "", f"{part}: {_words(bare)}")
        yield from _peer("scalesim", exported, part, alone, "array")


def _export(scratch: Path) -> Exported:
    folder = scratch / "best"
    try:
        study = Study.open(QUICKSTART)
        export(study, ["knee"], list(PEERS), folder)
    except (StudyError, InfeasibleError):  # none there, or made by another version
        study = Study.create("experiments/quickstart.yaml", SHORT, results=scratch, name="short")
        study.run()
        export(study, ["knee"], list(PEERS), folder)
    assert study.resolved is not None
    model = study.resolved.model
    x = torch.tensor(study.best("knee")[0].x, dtype=torch.float64)
    designs = model.decoder.decode(x)
    return Exported(study, folder, designs.pools[0], datasheets(designs, model.technology)[0])


def _share(sheet: Datasheet) -> Gemm:
    """What one array computes of the GEMM, a slice of its depth."""
    down, across = split(sheet.cores, GEMM.rows, GEMM.columns, sheet.arrays * sheet.columns)
    return Gemm(
        rows=-(-GEMM.rows // down),
        depth=GEMM.depth // SLICE,
        columns=-(-GEMM.columns // (across * sheet.arrays)),
    )


def _peer(
    name: str, exported: Exported, gemm: Gemm, our: Opinion, scope: str, *arguments: str
) -> Iterator[Line]:
    peer = PEERS[name]
    file = exported.folder / f"knee{peer.suffix}"
    figure, asked = f"{peer.title}: loads and runs, {scope}", "runs"
    try:
        answer = ask(name, file, gemm, exported.sheet.clock, *arguments)
    except ScovilleError as error:
        yield Line(figure, asked, str(error), False)
        return
    energy = answer["energy_J"]
    their = Opinion(
        answer["seconds"], answer["cycles"], answer["utilisation"], energy, answer["parts"]
    )
    ratio = f"time {their.seconds / our.seconds:.2f} of ours"
    if stalls := answer["parts"].get("stall_cycles"):
        ratio += f", {their.cycles - stalls:,.0f} cycles without stalls"
    if energy is not None and our.energy is not None:
        ratio += f", energy {energy / our.energy:.2f}"
    ran = their.seconds > 0 and 0 < their.utilisation <= 1.0 + 1e-9
    yield Line(figure, asked, f"{_words(their)}; {ratio}; took {answer['wall_s']:.0f} s", bool(ran))
    yield Line("  why", "", f"{WHY[name]} ({'; '.join(answer['assumptions'])})")


def _words(opinion: Opinion) -> str:
    text = f"{1e6 * opinion.seconds:.1f} us, {opinion.cycles:,.0f} cycles, "
    text += f"{opinion.utilisation:.1%} used"
    if opinion.energy is not None:
        text += f", {1e3 * opinion.energy:.1f} mJ"
    return text


SHOW = Show("Exported files run in the peers' tools", measure)
