"""The command line: a thin shell over the Python functions, one verb each.

Heavy imports happen inside the verbs, so that ``--help`` and completion answer at once.
"""

from __future__ import annotations

import dataclasses
import sys
from contextlib import AbstractContextManager, nullcontext
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from search import options
from search.console import Terminal
from search.endings import INTERRUPTED
from search.verbs import Verbs

if TYPE_CHECKING:
    from search.session import Summary
    from search.study import Study


COMPILING = "compiling the look-up of mappings (once for each version, under a minute)"


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
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            number = metadata.version("scoville")
        except metadata.PackageNotFoundError:
            number = "not installed"
        typer.echo(f"scoville {number}")
        raise typer.Exit


@app.callback()
def keep_flags(
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
    del debug  # the group reads it from the words themselves
    ctx.obj = Terminal(as_json, -1 if quiet else verbose, not no_color)


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
    experiment: options.Experiment,
    overrides: options.Overrides = None,
    name: Annotated[str | None, typer.Option(help="Instead of the experiment's name.")] = None,
    results: options.Results = options.RESULTS,
    force: Annotated[bool, typer.Option("--force", help="Rename a folder in the way.")] = False,
    warm_start: options.WarmStart = None,
    dry_run: options.DryRun = False,
    no_report: options.NoReport = False,
) -> None:
    """Run an experiment."""
    terminal = _terminal(ctx)
    with terminal.busy(f"reading {experiment}"):
        from search import session, tables
        from search.study import Study

        if dry_run:
            plan = session.preview(experiment, overrides or [], results, name)
        else:
            study = Study.create(
                experiment,
                overrides or [],
                results=results,
                name=name,
                force=force,
                warm_start=warm_start,
            )
    if dry_run:
        terminal.show(plan, tables.preview_table(plan))
        return
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
    study: options.StudyFolder,
    overrides: options.Budgets = None,
    rescore: Annotated[
        bool, typer.Option("--rescore", help="Evaluate the old designs under the new model.")
    ] = False,
    dry_run: options.DryRun = False,
    no_report: options.NoReport = False,
) -> None:
    """Go on with a study."""
    terminal = _terminal(ctx)
    with terminal.busy(f"reading {study}"):
        from search import session, tables
        from search.study import Study

        if dry_run:
            plan = session.preview_resume(study, overrides or [])
            terminal.show(plan, tables.preview_table(plan))
            return
        found = Study.resume(study, overrides or [], rescore=rescore)
        done = None if overrides or rescore else session.finished(found, report=not no_report)
    if done is None:
        _search(terminal, found, report=not no_report)
    else:
        _conclude(terminal, done)


@app.command(
    help=_help(
        "Where a study stands, or all studies of a folder.",
        "scoville status",
        "scoville status results/quickstart --watch",
        after="--watch ends with the study or with Ctrl-C; with --json one document a line.",
    )
)
def status(
    ctx: typer.Context,
    study: options.AnyStudy = None,
    results: options.Results = options.RESULTS,
    watch: Annotated[bool, typer.Option("--watch", help="Follow it until it ends.")] = False,
) -> None:
    """Show where studies stand."""
    from search import following, tables

    terminal = _terminal(ctx)
    if watch:
        _watch(terminal, study or following.only_running(results))
    elif study is None:
        found = following.states(results)
        terminal.show({"studies": found}, tables.studies_table(found))
        for state in found:
            if "error" in state:
                terminal.say(state["error"])
    else:
        state = following.state(study)
        terminal.show(state, *tables.status_tables(state))


@app.command(
    help=_help(
        "Where one machine's time, energy and money go.",
        "scoville evaluate --chip h100 --model llama-3.1-70b --scenario interactive",
        "scoville evaluate --design best/knee.yaml --model llama-3.1-70b --scenario interactive",
    )
)
def evaluate(
    ctx: typer.Context,
    model: options.Model,
    scenario: options.Scenario,
    chip: options.Chip = None,
    design: options.SystemFile = None,
    number_format: options.NumberFormat = None,
    tensor_parallel: Annotated[int | None, typer.Option(help="Packages to a layer.")] = None,
    pipeline_parallel: Annotated[int | None, typer.Option(help="Stages.")] = None,
    batch: Annotated[int | None, typer.Option(help="Sequences in flight in decode.")] = None,
    mapping: Annotated[
        options.Mapping | None, typer.Option(help="Default: the machine's own.")
    ] = None,
    money: Annotated[
        options.Money, typer.Option(help="What a package costs.")
    ] = options.Money.MANUFACTURING,
) -> None:
    """Evaluate one machine."""
    from costmodel.hardware.loading import load_technology
    from search import evaluation, tables

    terminal = _terminal(ctx)
    with _compiling(terminal):
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
    terminal.show(answer.record(), *tables.answer_tables(answer))


@app.command(
    help=_help(
        "Write picked designs for people and tools.",
        "scoville export results/quickstart --pick knee --to yaml,json -o best/",
        "scoville export results/quickstart --pick pareto --to csv",
        after="Picks: knee, pareto, best:<objective>, or the number of an evaluation. "
        "Formats: yaml, json, csv, parquet; for other tools accelforge, zigzag, scalesim, "
        "llmcompass, genz.",
    )
)
def export(
    ctx: typer.Context,
    study: options.StudyFolder,
    pick: options.Picks = None,
    to: options.Formats = "yaml",
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder.")] = Path("best"),
    count: Annotated[int, typer.Option(min=1, help="How many for best:<objective>.")] = 1,
) -> None:
    """Write picked designs."""
    from costmodel.errors import ConfigError
    from search import tables
    from search.export import export as write
    from search.study import Study

    formats = [name.strip() for name in to.split(",") if name.strip()]
    if not formats:
        raise ConfigError(
            f"--to {to}: no format", expected="e.g. yaml,json; see `scoville export --help`"
        )
    paths = [
        str(path) for path in write(Study.open(study), pick or ["knee"], formats, output, count)
    ]
    _terminal(ctx).show({"written": paths}, tables.lines(paths))


@app.command(
    help=_help(
        "Write a report again: one HTML page.",
        "scoville report results/quickstart",
        "scoville report results/quickstart --open",
    )
)
def report(
    ctx: typer.Context,
    study: options.StudyFolder,
    rivals: Annotated[bool, typer.Option(help="Evaluate the experiment's rivals.")] = True,
    show: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
) -> None:
    """Write the report."""
    from search import tables
    from search.report.build import write_report
    from search.report.opening import open_page
    from search.study import Study

    path = write_report(Study.open(study), rivals)
    _terminal(ctx).show({"report": str(path)}, tables.lines([str(path)]))
    if show:
        open_page(path)


@app.command(
    help=_help(
        "Write a commented experiment for a model.",
        "scoville init --model llama-3.1-70b",
        "scoville init --model mine/config.json --scenario interactive -o experiments/mine.yaml",
        after="The file explains every key and is checked; change it, then run it.",
    )
)
def init(
    ctx: typer.Context,
    model: options.Model,
    scenario: options.Scenario = "interactive",
    objective: options.Objectives = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Default: experiments/<model>.yaml.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file.")] = False,
) -> None:
    """Write an experiment."""
    terminal = _terminal(ctx)
    with terminal.busy(f"writing an experiment for {model}"):
        from search import starting, tables

        started = starting.start(
            model, scenario, objective or starting.OBJECTIVES, output, force=force
        )
    terminal.show(started.record(), tables.lines([str(started.experiment)]))
    for step in started.next_steps:
        terminal.say(f"next: {step}")


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
    what: options.Subject,
    table: options.Table = None,
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
    files: options.Experiments,
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


def _compiling(terminal: Terminal) -> AbstractContextManager[object]:
    """Say that the look-up is compiled while this lasts, where this version never was."""
    from costmodel.timing.mapper import is_ready

    if is_ready():
        return nullcontext()
    if not terminal.talk.is_terminal:
        terminal.say(COMPILING)
    return terminal.busy(COMPILING)


def _search(terminal: Terminal, study: Study, report: bool) -> None:
    """Run a study with progress on stderr, and show how it ended."""
    from costmodel.timing.mapper import make_ready
    from search import session
    from search.endings import of_study
    from search.live import Display

    with _compiling(terminal):
        make_ready()
    for text in study.notes:
        terminal.say(f"note: {text}")
    with of_study(study.folder):
        if terminal.quiet:
            outcome = study.run()
        else:
            with Display(terminal.talk, str(study.folder)) as display:
                outcome = study.run(display, announce=display.stopping)
        with terminal.busy("writing the best designs and the report"):
            summary = session.conclude(study, outcome, report)
    _conclude(terminal, summary)


def _watch(terminal: Terminal, folder: Path) -> None:
    """Follow a study: rows or lines for people, a JSON document a line for programs."""
    from search import following, tables
    from search.live import Display
    from search.study import metric_units

    state = following.state(folder)
    try:
        if terminal.as_json:
            for state in following.follow(folder):
                terminal.show_line(state)
            return
        with Display(terminal.out, str(folder)) as display:
            for state in following.follow(folder):
                report = following.report(state, metric_units())
                if report is not None:
                    display(report)
    except KeyboardInterrupt:  # the way to leave: the study goes on
        pass
    if not terminal.as_json:
        terminal.show(state, *tables.status_tables(state))


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
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
