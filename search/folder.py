"""The folder of a study: making room for it, its own copies of input files, its identity."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from costmodel.errors import StudyError
from search import manifest
from search.experiment import Experiment
from search.reading import Loaded

EXPERIMENT = "experiment.yaml"


def make_room(folder: Path, force: bool) -> None:
    """Refuse an existing folder, or rename it; nothing is ever deleted.

    Raises
    ------
    StudyError
        Exit status 4, with the command that resumes the study there.
    """
    if not folder.exists():
        return
    if not force:
        known = (folder / manifest.MANIFEST).exists()
        raise StudyError(
            f"{folder} exists",
            next_step=(
                f"go on with it by `scoville resume {folder}`, choose another --name, or rename it "
                "with --force"
                if known
                else "choose another --name, or rename it with --force"
            ),
        )
    number = 1
    while (aside := folder.with_name(f"{folder.name}.{number}")).exists():
        number += 1
    folder.replace(aside)


def settle(loaded: Loaded, experiment: Experiment, folder: Path) -> Experiment:
    """Copy the user's own input files into a study, so that it runs again from its folder."""
    changes: dict[str, Any] = {}
    for key in ("model", "scenario", "template"):
        path = loaded.input_file(getattr(experiment, key))
        if path is not None:
            changes[key] = f"{key}{path.suffix}"
            shutil.copyfile(path, folder / changes[key])
    rivals = []
    for number, rival in enumerate(experiment.rivals):
        path = loaded.input_file(rival)
        if path is not None:
            rival = f"rival-{number}{path.suffix}"
            shutil.copyfile(path, folder / rival)
        rivals.append(rival)
    return experiment.model_copy(update={**changes, "rivals": tuple(rivals)})


def experiment_digest(loaded: Loaded) -> str:
    """Digest of all that decides a search but its budget."""
    content = loaded.experiment.model_dump(mode="json", exclude={"budget", "title", "rivals"})
    digest = hashlib.blake2b(json.dumps(content, sort_keys=True).encode(), digest_size=16)
    for key in ("model", "scenario", "template"):
        path = loaded.input_file(getattr(loaded.experiment, key))
        if path is not None:
            digest.update(path.read_bytes())
    return digest.hexdigest()
