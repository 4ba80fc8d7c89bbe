"""Makes the folder of a new study."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from search import manifest, starts
from search.fingerprints import fingerprints
from search.folder import EXPERIMENT, experiment_digest, make_room, settle
from search.reading import Loaded, dump, load
from search.resolve import Resolved
from search.storage import TEMPORARY, saving, sync_folder, write_atomically


def make(
    loaded: Loaded,
    resolved: Resolved,
    results: Path,
    force: bool = False,
    warm_start: str | Path | None = None,
) -> Path:
    """Make ``results/<name>/`` and return it; a study is there as a whole, or not at all.

    Parameters
    ----------
    loaded, resolved : Loaded, Resolved
        The experiment.
    results : Path
        Folder of all studies.
    force : bool
        Rename an existing folder instead of refusing.
    warm_start : str or Path, optional
        Study whose best designs are evaluated first.

    Raises
    ------
    StudyError
    """
    folder = results / resolved.experiment.name
    if not force:
        make_room(folder, force)
    warm = starts.from_study(Path(warm_start), resolved.problem) if warm_start else None
    staged = folder.with_name(f".{folder.name}.{os.getpid()}{TEMPORARY}")
    with saving(folder):
        staged.mkdir(parents=True)
        try:
            experiment = settle(loaded, resolved.experiment, staged)
            write_atomically(staged / EXPERIMENT, dump(experiment).encode())
            if warm is not None:
                starts.write(staged / starts.STARTS, *warm)
            digest = experiment_digest(load(staged / EXPERIMENT))
            identity = {**fingerprints(), "experiment": digest}
            manifest.write(staged, manifest.of(experiment, identity))
            make_room(folder, force)
            staged.replace(folder)
            sync_folder(results)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
    return folder
