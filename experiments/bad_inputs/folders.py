"""Damaged studies and impossible exports."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from experiments.bad_inputs.case import NAME, Case, Place, Prepare

STUDY = f"results/{NAME}"
MORE = ("-S", "budget.evaluations=+64", "--no-report")


def damaged(damage: Callable[[Path], object], *command: str) -> Prepare:
    """Resume a copy of the good study (or do something else) after damage was done to it."""

    def prepare(place: Place) -> list[str]:
        damage(place.study())
        return [*(command or ("resume", STUDY, *MORE))]

    return prepare


def untouched(*command: str) -> Prepare:
    """A command on a copy of the good study."""
    return damaged(Path.exists, *command)


def manifest(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], object]:
    """Damage: change the manifest's content."""

    def damage(folder: Path) -> None:
        path = folder / "manifest.json"
        content = json.loads(path.read_text(encoding="utf-8"))
        change(content)
        path.write_text(json.dumps(content, indent=2), encoding="utf-8")

    return damage


def cut(name: str, share: float) -> Callable[[Path], object]:
    """Damage: keep only the first part of a file."""

    def damage(folder: Path) -> None:
        path = folder / name
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return damage


def garbage(name: str, place: float = 0.4) -> Callable[[Path], object]:
    """Damage: bytes in the middle of a file become others."""

    def damage(folder: Path) -> None:
        path = folder / name
        content = bytearray(path.read_bytes())
        start = int(place * len(content))
        content[start : start + 40] = bytes(range(200, 240))
        path.write_bytes(bytes(content))

    return damage


def missing(name: str) -> Callable[[Path], object]:
    """Damage: a file is gone."""
    return lambda folder: (folder / name).unlink()


def edited(old: str, new: str) -> Callable[[Path], object]:
    """Damage: somebody edited the study's experiment."""

    def damage(folder: Path) -> None:
        path = folder / "experiment.yaml"
        text = path.read_text(encoding="utf-8")
        if old not in text:
            raise ValueError(f"no {old!r} in {path}")
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    return damage


def last_state(folder: Path) -> Path:
    """The newest state of the sampler."""
    return max((folder / "state").glob("*.safetensors"))


def out_of_the_way(place: Place) -> list[str]:
    """Export into a file."""
    place.study()
    place.file("best", "not a folder")
    return ["export", STUDY, "-o", "best"]


def cases() -> Iterator[Case]:
    """Everything that can be wrong with a study, and with what is asked of it."""
    yield from _manifests()
    yield from _contents()
    yield from _exports()


def _manifests() -> Iterator[Case]:
    for title, damage, *parts in (
        ("torn manifest", cut("manifest.json", 0.5), "manifest.json", "not JSON"),
        ("empty manifest", cut("manifest.json", 0.0), "manifest.json", "not JSON"),
        ("binary manifest", garbage("manifest.json"), "manifest.json"),
        ("manifest of a newer version", manifest(lambda m: m.update(schema_version=2)),
         "manifest.json", "schema_version 2", "newer"),
        ("manifest without a part", manifest(lambda m: m.pop("fingerprints")), "manifest.json",
         "fingerprints"),
        ("another cost model", manifest(lambda m: m["fingerprints"].update(code="0")), "cost model",
         "--rescore"),
        ("other data", manifest(lambda m: m["fingerprints"].update(data="0")), "data", "--rescore"),
        ("other samplers", manifest(lambda m: m["fingerprints"].update(sampler="0")),
         "samplers", "--warm-start"),
        ("another version of a library", manifest(lambda m: m["environment"].update(torch="1.0")),
         "torch 1.0 ->", "--warm-start"),
    ):  # fmt: skip
        yield Case(title, damaged(damage), 4, tuple(parts))


def _contents() -> Iterator[Case]:
    chunk = "evaluations/round-000001.parquet"
    for title, damage, code, *parts in (
        ("garbage in the middle of the journal", garbage("study.journal"), 4, "study.journal:",
         "damaged", "restore"),
        ("journal gone", missing("study.journal"), 4, "study.journal", "missing"),
        ("evaluations of a round gone", missing(chunk), 4, "round-000001.parquet", "missing",
         "restore"),
        ("evaluations of a round corrupted", garbage(chunk), 4, "round-000001.parquet", "restore"),
        ("evaluations of a round cut", cut(chunk, 0.7), 4, "round-000001.parquet", "restore"),
        ("state gone", lambda folder: last_state(folder).unlink(), 4, "state", "missing"),
        ("state corrupted", lambda folder: last_state(folder).write_bytes(b"x"), 4, "state",
         "restore"),
        ("experiment edited since", edited("seed: 0", "seed: 1"), 4, "experiment.yaml", "changed",
         "--warm-start"),
        ("experiment edited into nonsense", edited("seed: 0", "sed: 0"), 2, "experiment.yaml:",
         "'sed'", "seed?"),
        ("experiment gone", missing("experiment.yaml"), 2, "experiment.yaml", "no such file"),
    ):  # fmt: skip
        yield Case(title, damaged(damage), code, tuple(parts))
    yield Case(
        "resume with another seed",
        untouched("resume", STUDY, "-S", "seed=2"),
        4,
        ("seed=2", "budget", "--warm-start"),
    )
    yield Case(
        "resume with a misspelt budget",
        untouched("resume", STUDY, "-S", "budget.evaluation=+5"),
        2,
        ("budget.evaluation", "evaluations?"),
    )
    yield Case(
        "a study in the way",
        lambda place: (place.study(), ["run", place.experiment()])[1],
        4,
        (f"{STUDY} exists", f"scoville resume {STUDY}", "--force"),
    )


def _exports() -> Iterator[Case]:
    for title, given, code, *parts in (
        ("export to an unknown format", ("--to", "ymal"), 2, "'ymal'", "yaml?"),
        ("export to no format", ("--to", ","), 2, "no format", "yaml"),
        ("unknown pick", ("--pick", "kne"), 2, "'kne'", "knee?"),
        ("unknown objective", ("--pick", "best:tpott"), 2, "best:tpott"),
        ("number beyond the last evaluation", ("--pick", "999999"), 4, "999999", "0 to 1"),
        ("negative number", ("--pick", "-3"), 2, "-3"),
        ("none of the best", ("--count", "0"), 2, "--count", "1"),
    ):
        yield Case(title, untouched("export", STUDY, *given), code, tuple(parts))
    yield Case("a file where designs go", out_of_the_way, 4, ("best", "a folder", "-o"))
