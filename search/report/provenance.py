"""What was counted, which versions ran, and the commands that give the same again."""

from __future__ import annotations

from search import manifest
from search.study import Study

COUNTS = {
    "evaluated": "distinct designs evaluated, every metric",
    "repeated": "proposed twice in a batch, evaluated once",
    "cached": "proposed again later, answered from the study",
    "pruned": "discarded by a bound",
    "gradient_steps": "forward and backward passes of a design",
    "mappings": "mappings of operators weighed",
}


def counts(study: Study) -> dict[str, str]:
    """What the search spent and found, in words."""
    status = study.status()
    found = {
        text: f"{status['meter'].get(name, 0):,}"
        for name, text in COUNTS.items()
        if status["meter"].get(name, 0)
    }
    found["designs that meet every limit"] = f"{status['feasible']:,}"
    size = study.problem.space.size
    found["designs in the space"] = f"{size:.3g}"
    found["rounds"] = f"{status['rounds']:,}"
    found["time of the search"] = f"{status['seconds']:.0f} s"
    return found


def provenance(study: Study) -> dict[str, str]:
    """Versions, seed, fingerprints and sessions."""
    content = manifest.read(study.folder)
    facts = {key: content.get(key) for key in ("scoville", "commit", "seed", "created")}
    facts |= {f"fingerprint of {key}": value for key, value in content["fingerprints"].items()}
    facts |= content["environment"]
    for number, session in enumerate(content["sessions"], start=1):
        machine = session.get("machine", {})
        facts[f"session {number}"] = (
            f"{session.get('status', 'running')}, {session.get('seconds', 0)} s, "
            f"{machine.get('cores')} cores, {machine.get('system')}"
        )
    return {key: str(value) for key, value in facts.items() if value not in (None, "")}


def reproduce(study: Study) -> tuple[tuple[str, str], ...]:
    """What a command is for, and the command."""
    version = manifest.read(study.folder).get("scoville", "")
    folder = study.folder
    lines = [
        ("the version that made this", f"scoville --version   # {version}"),
        (
            f"the same search again, seed {study.experiment.seed}",
            f"scoville run {folder / 'experiment.yaml'} --name again",
        ),
        ("more of it", f"scoville resume {folder} -S budget.evaluations=+100000"),
        ("any design by its number", f"scoville export {folder} --pick NUMBER -o best/"),
        ("this page", f"scoville report {folder}"),
    ]
    if study.status()["feasible"]:
        first = ("the design to look at first", f"scoville export {folder} --pick knee -o best/")
        lines.insert(3, first)
    return tuple(lines)
