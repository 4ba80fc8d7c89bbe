"""Picked designs of a study for people and other tools.

What is exported was evaluated again a moment before, and says where it comes from: study and
evaluation, fingerprints of model and data, units, the entries of the technology tables that it
rests on, and their sources.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from costmodel.errors import ConfigError, InfeasibleError, StudyError, nearest
from search.executors.local import single_threaded
from search.exporters import accelforge, genz, llmcompass, scalesim, zigzag
from search.exporters.datasheet import datasheets
from search.exporters.own import write_csv, write_json, write_parquet, write_yaml
from search.exporters.peer import Peer, render
from search.exporters.picked import File, Picked
from search.exporters.verification import verify
from search.results import Design, design_at, picks
from search.storage import write_atomically
from search.study import Study

NUMBER = re.compile(r"(?:evaluation:)?(\d+)")
SUCCESSORS = {"timeloop": "accelforge"}
"""Tools that are asked for under the name of what they replaced."""

Writer = Callable[[Picked], list[File]]


def export(
    study: Study,
    wanted: str | Sequence[str],
    formats: str | Sequence[str],
    folder: str | Path,
    count: int = 1,
) -> list[Path]:
    """Evaluate picked designs again and write them.

    Parameters
    ----------
    study : Study
    wanted : str or sequence of str
        ``knee``, ``pareto``, ``best:<objective>`` (the best `count` of it), or the number of an
        evaluation.
    formats : str or sequence of str
        Of `FORMATS`; a text may name several with commas between. ``csv`` and ``parquet`` give
        one table of all, the others a file for each design (and pool, where there are several).
    folder : str or Path
        Made when it is missing; files of the same names are replaced.
    count : int
        How many designs ``best:`` picks.

    Returns
    -------
    list of Path
        Files written.

    Raises
    ------
    ConfigError
        An unknown pick or format, with the nearest one; a design that a peer has no words for.
    InfeasibleError
        When no design of the study is feasible.
    StudyError
        When the figures cannot be confirmed: nothing is written then.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> results = TemporaryDirectory()
    >>> changes = {"budget.evaluations": 256, "sampler": {"name": "quasi_random"}}
    >>> study = Study.create("experiments/quickstart.yaml", changes, results=results.name)
    >>> study.run().exit_code
    0
    >>> [path.name for path in export(study, "knee", "yaml,json", f"{results.name}/best")]
    ['knee.yaml', 'knee.json']
    >>> results.cleanup()
    """
    folder = Path(folder)
    found = files(study, _listed(wanted), _listed(formats), count)
    folder.mkdir(parents=True, exist_ok=True)
    for file in found:
        write_atomically(folder / file.name, file.content)
    return [folder / file.name for file in found]


def _listed(names: str | Sequence[str]) -> list[str]:
    """Names one by one, whether they came in one text or in several."""
    texts = [names] if isinstance(names, str) else names
    return [name.strip() for text in texts for name in text.split(",") if name.strip()]


def files(
    study: Study, wanted: Sequence[str], formats: Sequence[str], count: int = 1
) -> list[File]:
    """What `export` would write, with what each file cannot say."""
    writers = [_writer(name) for name in formats]
    designs: dict[str, Design] = {}
    for pick in wanted:
        designs |= select(study, pick, count)
    verify(study, designs.values())
    picked = Picked(study, designs)
    with single_threaded():
        return [file for write in writers for file in write(picked)]


def write_best(study: Study) -> list[Path]:
    """Write the designs put forward into ``best/`` of a study, with what their figures rest on."""
    study.pareto()  # reads what is committed
    chosen = picks(study.problem)
    designs = {name: design_at(study.problem, row) for name, row in chosen.items()}
    folder = study.folder / "best"
    paths = []
    with single_threaded():
        for file in write_yaml(Picked(study, designs)):
            write_atomically(folder / file.name, file.content)
            paths.append(folder / file.name)
    return paths


def select(study: Study, pick: str, count: int = 1) -> dict[str, Design]:
    """Designs of one pick by the name that their files get."""
    number = NUMBER.fullmatch(pick)
    if number:
        return {f"evaluation-{int(number[1])}": _numbered(study, int(number[1]))}
    names = study.problem.objective_names
    known = ["knee", "pareto", *(f"best:{name}" for name in names)]
    if pick not in known:
        raise ConfigError(
            f"cannot pick {pick!r}",
            expected=f"one of {', '.join(known)}, or the number of an evaluation",
            suggestions=nearest(pick, known),
        )
    if pick == "pareto":
        found = study.pareto()
        chosen = {f"pareto-{place:03d}": item for place, item in enumerate(found, start=1)}
    elif pick == "knee":
        chosen = dict(zip(["knee"], study.best("knee"), strict=False))
    else:
        name = pick.removeprefix("best:")
        best = study.best(name, count)
        chosen = {f"{name}-{place}": item for place, item in enumerate(best, start=1)}
    if not chosen:
        diagnosis = study.diagnosis()
        reason = diagnosis.lines()[0] if diagnosis else "nothing was evaluated"
        raise InfeasibleError(
            f"{study.folder}: {reason}", next_step=f"scoville status {study.folder}"
        )
    return chosen


def _numbered(study: Study, number: int) -> Design:
    study.pareto()  # reads what is committed
    count = study.problem.archive.count
    if number >= count:
        raise StudyError(f"{study.folder} has no evaluation {number}", expected=f"0 to {count - 1}")
    return design_at(study.problem, number)


def _writer(name: str) -> Writer:
    if name not in FORMATS:
        successor = SUCCESSORS.get(name.casefold())
        raise ConfigError(
            f"cannot write {name!r}",
            expected="one or several of " + ",".join(FORMATS),
            suggestions=(successor,) if successor else nearest(name, FORMATS),
        )
    return FORMATS[name]


def write_peer(peer: Peer, picked: Picked) -> list[File]:
    """One file for each design and pool, in a peer's words."""
    technology, found = picked.model.technology, []
    for name in picked.designs:
        hardware = picked.hardware(name)
        sheets = datasheets(hardware, technology)
        origin = picked.origin(name, partial(datasheets, hardware))
        for sheet in sheets:
            title = f"{name}-{sheet.role}" if len(sheets) > 1 else name
            body = peer.write(sheet, title)
            text = render(peer, body, origin)
            found.append(File(title + peer.suffix, text.encode(), body.notes))
    return found


PEERS: dict[str, Peer] = {
    "accelforge": accelforge.PEER,
    "zigzag": zigzag.PEER,
    "scalesim": scalesim.PEER,
    "llmcompass": llmcompass.PEER,
    "genz": genz.PEER,
}

FORMATS: dict[str, Writer] = {
    "yaml": write_yaml,
    "json": write_json,
    "csv": write_csv,
    "parquet": write_parquet,
    **{name: partial(write_peer, peer) for name, peer in PEERS.items()},
}
