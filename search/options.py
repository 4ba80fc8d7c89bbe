"""Options and arguments that several verbs share, with what a shell completes for them."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from search import completion

RESULTS = Path(completion.RESULTS)


class Mapping(StrEnum):
    """How well the software maps a model onto the machine."""

    OPTIMAL = "optimal"
    LIBRARY = "library"


class Money(StrEnum):
    """What a package costs its buyer."""

    MANUFACTURING = "manufacturing"
    MARKET = "market"


Experiment = Annotated[
    Path,
    typer.Argument(
        metavar="EXPERIMENT", help="A YAML file.", autocompletion=completion.files(".yaml", ".yml")
    ),
]
Experiments = Annotated[
    list[Path],
    typer.Argument(
        metavar="FILE...", help="Experiments.", autocompletion=completion.files(".yaml", ".yml")
    ),
]
StudyFolder = Annotated[
    Path,
    typer.Argument(
        metavar="STUDY", help="e.g. results/quickstart", autocompletion=completion.studies
    ),
]
AnyStudy = Annotated[
    Path | None,
    typer.Argument(metavar="[STUDY]", help="A study.", autocompletion=completion.studies),
]
WarmStart = Annotated[
    Path | None, typer.Option(help="Study to begin from.", autocompletion=completion.studies)
]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "-S",
        "--set",
        metavar="KEY=VALUE",
        help="e.g. budget.evaluations=+1000",
        autocompletion=completion.overrides,
    ),
]
Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "-S",
        "--set",
        metavar="KEY=VALUE",
        help="e.g. budget.evaluations=+1000",
        autocompletion=completion.budgets,
    ),
]
Results = Annotated[Path, typer.Option("--results", help="Folder of all studies.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what it would do and cost.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write no report.html.")]
Model = Annotated[
    str,
    typer.Option(
        help="Shipped model, or path to a config.json.",
        autocompletion=completion.shipped("models", ".json"),
    ),
]
Scenario = Annotated[
    str,
    typer.Option(
        help="Shipped scenario, or path to a YAML file.",
        autocompletion=completion.shipped("scenarios", ".yaml", ".yml"),
    ),
]
Chip = Annotated[
    str | None,
    typer.Option(
        help="Known chip: `scoville list chips`.", autocompletion=completion.shipped("chips")
    ),
]
SystemFile = Annotated[
    Path | None,
    typer.Option(
        help="System file, e.g. best/knee.yaml.", autocompletion=completion.files(".yaml", ".yml")
    ),
]
NumberFormat = Annotated[
    str | None,
    typer.Option("--format", help="e.g. bf16", autocompletion=completion.known("number_formats")),
]
Objectives = Annotated[
    list[str] | None,
    typer.Option(help="Metric; several give a front.", autocompletion=completion.known("metrics")),
]
Picks = Annotated[
    list[str] | None, typer.Option(help="Default: knee.", autocompletion=completion.picks)
]
Formats = Annotated[
    str,
    typer.Option(help="Formats, separated by commas.", autocompletion=completion.listed("formats")),
]
Subject = Annotated[
    str,
    typer.Argument(
        metavar="WHAT", help="One of the subjects.", autocompletion=completion.known("subjects")
    ),
]
Table = Annotated[
    str | None,
    typer.Argument(help="A table of the technology.", autocompletion=completion.known("tables")),
]
