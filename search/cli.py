"""The command line: a thin shell over the Python functions, one verb each.

Heavy imports happen inside the verbs, so that ``--help`` and completion answer at once.
"""

from __future__ import annotations

import dataclasses
import sys
from enum import StrEnum
from importlib import metadata
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from search.console import Terminal

GLOBAL_FLAGS = {"--json", "-v", "--verbose", "-q", "--quiet", "--no-color", "--debug"}
"""These work before and after the verb."""

HELP = """Find AI accelerators that stay cool.

\b
  scoville run experiments/quickstart.yaml
  scoville evaluate --chip h100 --model llama-3.1-70b --scenario interactive
  scoville export results/quickstart --pick knee --to yaml,json -o best/

Results go to stdout, talk to stderr. Exit status: 0 done, 1 internal error, 2 wrong input,
3 no design meets the limits, 4 conflict with a results folder, 130 interrupted and saved.
"""


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


app = typer.Typer(
    cls=Verbs,
    help=HELP,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=True,
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
        typer.echo(f"scoville {metadata.version('scoville')}")
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


Overrides = Annotated[
    list[str] | None,
    typer.Option("-S", "--set", metavar="KEY=VALUE", help="-S budget.evaluations=+1000"),
]


@app.command()
def evaluate(
    ctx: typer.Context,
    model: Annotated[str, typer.Option(help="Shipped model, or path to a config.json.")],
    scenario: Annotated[str, typer.Option(help="Shipped scenario, or path to a YAML file.")],
    chip: Annotated[str | None, typer.Option(help="Known chip, see `scoville list chips`.")] = None,
    design: Annotated[Path | None, typer.Option(help="System file, e.g. best/knee.yaml.")] = None,
    number_format: Annotated[str | None, typer.Option("--format", help="e.g. bf16.")] = None,
    tensor_parallel: Annotated[int | None, typer.Option(help="Packages to a layer.")] = None,
    pipeline_parallel: Annotated[int | None, typer.Option(help="Stages.")] = None,
    batch: Annotated[int | None, typer.Option(help="Sequences in flight in decode.")] = None,
    mapping: Annotated[Mapping | None, typer.Option(help="Default: the machine's own.")] = None,
    money: Annotated[Money, typer.Option(help="What a package costs.")] = Money.MANUFACTURING,
) -> None:
    """One machine on one workload: where time, energy, area and money go.

    \b
      scoville evaluate --chip h100 --model llama-3.1-70b --scenario interactive
      scoville evaluate --design best/knee.yaml --model llama-3.1-70b --scenario interactive
    """
    from costmodel.hardware.loading import load_technology
    from search import evaluation, tables

    machine = evaluation.load_machine(chip, design, load_technology())
    answer = evaluation.answer(
        machine,
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


@app.command("list")
def list_names(
    ctx: typer.Context,
    what: Annotated[str, typer.Argument(metavar="WHAT", help="One of the subjects above.")],
    table: Annotated[str | None, typer.Argument(help="A table of the technology.")] = None,
) -> None:
    """What is shipped: chips, models, scenarios, samplers, technology, metrics, limits.

    \b
      scoville list chips
      scoville list technology node
    """
    from search import catalogue, tables

    listing = catalogue.listing(what, table)
    _terminal(ctx).show(listing.record(), tables.listing_table(listing))


@app.command()
def doctor(ctx: typer.Context) -> None:
    """Is this installation sound? Versions, packages, a place to write, one evaluation.

    \b
      scoville doctor
    """
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


def main() -> None:
    """Entry point of the ``scoville`` command."""
    try:
        app(prog_name="scoville")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
