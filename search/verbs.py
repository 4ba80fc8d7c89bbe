"""The group of verbs: global flags anywhere, and every failure one line with its exit status.

With ``--json`` a failure is one JSON document on standard output too (key ``error``), so that a
program reads standard output whatever happens; the line on standard error stays.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from search.console import Terminal

if TYPE_CHECKING:
    from costmodel.errors import ConfigError, ScovilleError

GLOBAL_FLAGS = {"--json", "-v", "--verbose", "-q", "--quiet", "--no-color", "--debug"}
"""These work before and after the verb."""


USAGE_ERROR: type[Exception] = typer.BadParameter.__mro__[1]
"""What the parser of the command line raises about words that it does not understand."""


class Verbs(TyperGroup):
    """Takes global flags anywhere; turns errors meant for people into one line."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Move global flags before the verb; with no words at all, help."""
        stop = args.index("--") if "--" in args else len(args)
        head, tail = args[:stop], args[stop:]
        front = [word for word in head if word in GLOBAL_FLAGS]
        rest = [word for word in head if word not in GLOBAL_FLAGS]
        return super().parse_args(ctx, [*front, *rest, *tail] or ["--help"])

    def invoke(self, ctx: Any) -> Any:
        """Run a verb; Ctrl-C and a reader that has left are endings like others."""
        from search import endings

        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise endings.stopped() from error
        except BrokenPipeError as error:
            endings.drop_standard_output()
            raise typer.Exit(endings.READER_GONE) from error
        except OSError as error:
            if error.filename is None:
                endings.drop_standard_output()
            raise endings.refused(error) from error

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the command line; errors become one line, and a JSON document if asked for one."""
        from costmodel.errors import ScovilleError

        words = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except ScovilleError as error:
            if "--debug" in words or not standalone_mode:
                raise
            code = _fail(error, words)
        except USAGE_ERROR as error:
            if not standalone_mode:
                raise
            code = _fail(_usage(error), words)
        if standalone_mode:
            sys.exit(code if isinstance(code, int) else 0)
        return code


def _fail(error: ScovilleError, words: list[str]) -> int:
    """Say what went wrong on one line, and as a document for ``--json``; its exit status."""
    from search import endings

    terminal = Terminal("--json" in words, colour="--no-color" not in words)
    if terminal.as_json:
        terminal.show(endings.record(error))
    terminal.fail(f"scoville: {error}")
    return error.exit_code


def _usage(error: Any) -> ConfigError:
    """What the parser found wrong, in the house's order of parts."""
    from costmodel.errors import ConfigError, nearest

    text = " ".join(error.format_message().split()).partition(" (Possible options")[0]
    found, _, meant = text.partition(". Did you mean ")
    option = getattr(error, "option_name", None)
    parts = error.ctx.command.params if error.ctx else ()
    known = [*GLOBAL_FLAGS, *(name for part in parts for name in part.opts)]
    if option and not meant:
        long = sorted(name for name in known if name.startswith("--"))
        suggestions = nearest(option, long, 1)
    else:
        suggestions = tuple(re.findall(r"'([^']+)'", meant))
    found = found.rstrip(".").replace(": Input should be ", "; expected ")
    found = found.replace(": Value error, ", ": ")
    command = error.ctx.command_path if error.ctx else "scoville"
    return ConfigError(
        found[:1].lower() + found[1:],
        suggestions=[] if option in suggestions else suggestions,
        next_step=f"see `{command} --help`",
    )
