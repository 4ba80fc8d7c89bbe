"""The command line: a thin shell over the Python functions, one verb each.

Heavy imports happen inside the verbs, so that ``--help`` and completion answer at once.
"""

from __future__ import annotations

import dataclasses
import sys
from contextlib import nullcontext
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from search.console import Terminal

if TYPE_CHECKING:
    from search.session import Summary
    from search.study import Study

RESULTS = Path("results")
GLOBAL_FLAGS = {"--json", "-v", "--verbose", "-q", "--quiet", "--no-color", "--debug"}
"""These work before and after the verb."""


class Verbs(TyperGroup):
    """Takes global flags anywhere; turns errors meant for people into one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move global flags before the verb."""
        stop = args.index("--") if "--" in args else len(args)
        head, tail = args[:stop], args[stop:]
        front = [word for word in head if word in GLOBAL_FLAGS]
        rest = [word for word in head if word not in GLOBAL_FLAGS]
        return super().parse_args(ctx, front + rest + tail)

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; a `ScovilleError` becomes its text and its exit status."""
        from costmodel.errors import ScovilleError

        try:
            return super().invoke(ctx)
        except ScovilleError as error:
            if ctx.params.get("debug"):
                raise
            Terminal(colour=not ctx.params.get("no_color")).fail(f"scoville: {error}")
            raise typer.Exit(error.exit_code) from error


def _help(text: str, *examples: str, after: str = "") -> str:
    """Help text that opens with lines to copy."""
    lines = "\n".join(f"  {example}" for example in examples)
    return f"{text}\n\n\b\n{lines}\n\n{after}"


app = typer.Typer(
    cls=Verbs,
    help=_help(
        "Find AI accelerators that stay cool.",
        "scoville run experiments/quickstart.yaml",
        "scoville evaluate --chip h100 --model llama-3.1-70b --scenario interactive",
        "scoville export results/quickstart --pick knee --to yaml,json -o best/",
        after="Results go to stdout, talk to stderr. --json, -v, -q, --no-color and --debug work "
        "anywhere. Exit status: 0 done, 1 internal error, 2 wrong input, 3 no design meets the "
        "limits, 4 conflict with a results folder, 130 interrupted and saved.",
    ),
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


class Mapping(StrEnum):
    """How well the software maps a model onto the machine."""

    OPTIMAL = "optimal"
    SHIPPED = "shipped"


class Money(StrEnum):
    """What a package costs its buyer."""

    MANUFACTURING = "manufacturing"
    MARKET = "market"


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            number = metadata.version("scoville")
        except metadata.PackageNotFoundError:
            number = "not installed"
        typer.echo(f"scoville {number}")
        raise typer.Exit


@app.callback()
def options(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")] = False,
    verbose: Annotated[int, typer.Option("-v", "--verbose", count=True, help="Say more.")] = 0,
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Say only errors.")] = False,
    no_color: Annotated[bool, typer.Option("--no-color", help="Plain text.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Tracebacks for all errors.")] = False,
    version: Annotated[  # noqa: ARG001 (its callback answers)
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Version, exit."),
    ] = False,
) -> None:
    """Keep the global flags for the verb."""
    ctx.obj = Terminal(as_json, -1 if quiet else verbose, not no_color)
    ctx.params["debug"] = debug


StudyFolder = Annotated[Path, typer.Argument(metavar="STUDY", help="e.g. results/quickstart")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("-S", "--set", metavar="KEY=VALUE", help="e.g. budget.evaluations=+1000"),
]
Results = Annotated[Path, typer.Option("--results", help="Folder of all studies.")]
NoReport = Annotated[bool, typer.Option("--no-report", help="Write no report.html.")]


@app.command(
    help=_help(
        "Search: run an experiment into results/<name>/.",
        "scoville run experiments/quickstart.yaml",
        "scoville run experiments/quickstart.yaml -S budget.evaluations=5000 --name short",
        after="Ctrl-C finishes the round, saves and says how to go on; a second one stops at once.",
    )
)
def run(
    ctx: typer.Context,
    experiment: Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="A YAML file.")],
    overrides: Overrides = None,
    name: Annotated[str | None, typer.Option(help="Instead of the experiment's name.")] = None,
    results: Results = RESULTS,
    force: Annotated[bool, typer.Option("--force", help="Rename a folder in the way.")] = False,
    warm_start: Annotated[Path | None, typer.Option(help="Study to begin from.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what it would do.")] = False,
    no_report: NoReport = False,
) -> None:
    """Run an experiment."""
    from search import session, tables
    from search.study import Study

    terminal = _terminal(ctx)
    if dry_run:
        plan = session.preview(experiment, overrides or [], results, name)
        terminal.show(plan, tables.preview_table(plan))
        return
    study = Study.create(
        experiment, overrides or [], results=results, name=name, force=force, warm_start=warm_start
    )
    _search(terminal, study, report=not no_report)


@app.command(
    help=_help(
        "Go on after a stop, or with more budget.",
        "scoville resume results/quickstart",
        "scoville resume results/quickstart -S budget.evaluations=+100000",
        after="A study that is finished is printed.",
    )
)
def resume(
    ctx: typer.Context,
    study: StudyFolder,
    overrides: Overrides = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Evaluate the old designs under the new model.")
    ] = False,
    no_report: NoReport = False,
) -> None:
    """Go on with a study."""
    from search import session
    from search.study import Study

    found = Study.resume(study, overrides or [], rescore=rescore)
    done = None if overrides or rescore else session.finished(found, report=not no_report)
    if done is None:
        _search(_terminal(ctx), found, report=not no_report)
    else:
        _conclude(_terminal(ctx), done)


@app.command(
    help=_help(
        "Where a study stands, or all studies of a folder.",
        "scoville status",
        "scoville status results/quickstart --json",
    )
)
def status(
    ctx: typer.Context,
    study: Annotated[Path | None, typer.Argument(metavar="[STUDY]", help="A study.")] = None,
    results: Results = RESULTS,
) -> None:
    """Show where studies stand."""
    from search import session, tables
    from search.study import status as study_status

    if study is None:
        found = session.studies(results)
        _terminal(ctx).show({"studies": found}, tables.studies_table(found))
        return
    state = study_status(study)
    _terminal(ctx).show(state, *tables.status_tables(state))


@app.command(
    help=_help(
        "Where one machine's time, energy and money go.",
        "scoville evaluate --chip h100 --model llama-3.1-70b --scenario interactive",
        "scoville evaluate --design best/knee.yaml --model llama-3.1-70b --scenario interactive",
    )
)
def evaluate(
    ctx: typer.Context,
    model: Annotated[str, typer.Option(help="Shipped model, or path to a config.json.")],
    scenario: Annotated[str, typer.Option(help="Shipped scenario, or path to a YAML file.")],
    chip: Annotated[str | None, typer.Option(help="Known chip: `scoville list chips`.")] = None,
    design: Annotated[Path | None, typer.Option(help="System file, e.g. best/knee.yaml.")] = None,
    number_format: Annotated[str | None, typer.Option("--format", help="e.g. bf16")] = None,
    tensor_parallel: Annotated[int | None, typer.Option(help="Packages to a layer.")] = None,
    pipeline_parallel: Annotated[int | None, typer.Option(help="Stages.")] = None,
    batch: Annotated[int | None, typer.Option(help="Sequences in flight in decode.")] = None,
    mapping: Annotated[Mapping | None, typer.Option(help="Default: the machine's own.")] = None,
    money: Annotated[Money, typer.Option(help="What a package costs.")] = Money.MANUFACTURING,
) -> None:
    """Evaluate one machine."""
    from costmodel.hardware.loading import load_technology
    from search import evaluation, tables

    answer = evaluation.answer(
        evaluation.load_machine(chip, design, load_technology()),
        model,
        scenario,
        mapping=mapping.value if mapping else None,
        money=money.value,
        format=number_format,
        tensor_parallel=tensor_parallel,
        pipeline_parallel=pipeline_parallel,
        batch=batch,
    )
    _terminal(ctx).show(answer.record(), *tables.answer_tables(answer))


@app.command(
    help=_help(
        "Write picked designs for people and tools.",
        "scoville export results/quickstart --pick knee --to yaml,json -o best/",
        "scoville export results/quickstart --pick pareto --to csv",
        after="Picks: knee, pareto, best:<objective>, or the number of an evaluation. "
        "Formats: yaml, json, csv, parquet.",
    )
)
def export(
    ctx: typer.Context,
    study: StudyFolder,
    pick: Annotated[list[str] | None, typer.Option(help="Default: knee.")] = None,
    to: Annotated[str, typer.Option(help="Formats, separated by commas.")] = "yaml",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder.")] = Path("best"),
    count: Annotated[int, typer.Option(min=1, help="How many for best:<objective>.")] = 1,
) -> None:
    """Write picked designs."""
    from search import tables
    from search.export import export as write
    from search.study import Study

    formats = [name.strip() for name in to.split(",") if name.strip()]
    paths = [
        str(path) for path in write(Study.open(study), pick or ["knee"], formats, output, count)
    ]
    _terminal(ctx).show({"written": paths}, tables.lines(paths))


@app.command(
    help=_help(
        "Write a report again: one HTML page.",
        "scoville report results/quickstart",
    )
)
def report(
    ctx: typer.Context,
    study: StudyFolder,
    rivals: Annotated[bool, typer.Option(help="Evaluate the experiment's rivals.")] = True,
) -> None:
    """Write the report."""
    from search import tables
    from search.report.build import write_report
    from search.study import Study

    path = str(write_report(Study.open(study), rivals))
    _terminal(ctx).show({"report": path}, tables.lines([path]))


@app.command(
    "list",
    help=_help(
        "What is shipped, by name.",
        "scoville list chips",
        "scoville list technology node",
        after="Subjects: chips, models, scenarios, samplers, technology, metrics, limits.",
    ),
)
def list_names(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="WHAT", help="One of the subjects.")],
    table: Annotated[str | None, typer.Argument(help="A table of the technology.")] = None,
) -> None:
    """List what is shipped."""
    from search import catalogue, tables

    listing = catalogue.listing(what, table)
    _terminal(ctx).show(listing.record(), tables.listing_table(listing))


@app.command(
    help=_help(
        "Validate experiments without running them.",
        "scoville check experiments/*.yaml",
    )
)
def check(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Experiments.")],
) -> None:
    """Validate experiments."""
    from costmodel.errors import ScovilleError
    from search import session, tables

    terminal = _terminal(ctx)
    good, wrong = [], []
    for path in files:
        try:
            good.append(session.check(path))
        except ScovilleError as error:
            terminal.fail(f"scoville: {error}")
            wrong.append({"file": str(path), "error": str(error)})
    terminal.show({"valid": good, "wrong": wrong}, tables.checked_table(good))
    if wrong:
        raise typer.Exit(2)


@app.command(
    help=_help(
        "Is this installation sound?",
        "scoville doctor",
        after="Versions, the right packages, a place to write, one evaluation of a known chip.",
    )
)
def doctor(ctx: typer.Context) -> None:
    """Examine the installation."""
    from search import tables
    from search.doctor import examine

    findings = examine()
    record = {"findings": [dataclasses.asdict(finding) for finding in findings]}
    _terminal(ctx).show(record, tables.finding_table(findings))
    if any(finding.passed is False for finding in findings):
        raise typer.Exit(1)


def _terminal(ctx: typer.Context) -> Terminal:
    terminal: Terminal = ctx.obj
    return terminal


def _search(terminal: Terminal, study: Study, report: bool) -> None:
    """Run a study with progress on stderr, and show how it ended."""
    from search import session
    from search.progress import Display

    for text in study.resolved.warnings if study.resolved else ():
        terminal.say(f"note: {text}")
    with Display(terminal.talk) if not terminal.quiet else nullcontext() as watch:
        summary = session.run_study(study, watch, report)
    _conclude(terminal, summary)


def _conclude(terminal: Terminal, summary: Summary) -> None:
    from search import tables

    terminal.show(summary.record(), *tables.summary_tables(summary))
    for line in summary.reasons:
        terminal.say(line)
    for step in summary.next_steps:
        terminal.say(f"next: {step}")
    if summary.exit_code:
        raise typer.Exit(summary.exit_code)


def main() -> None:
    """Entry point of the ``scoville`` command."""
    try:
        app(prog_name="scoville")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
