"""The command `edgewise`: its verbs, and errors as one line.

Exit codes: 0 done; 1 a check failed; 2 anything wrong with what the user gave; 130 interrupted.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer

from edgewise.cli import (
    check,
    compare,
    discover,
    draw,
    evaluate,
    league,
    listing,
    paper,
    prompts,
    roc,
    select,
    show,
    verify,
)
from edgewise.cli.output import note, warn
from edgewise.cli.quiet import quiet_libraries
from edgewise.errors import EdgewiseError, EdgewiseWarning

app = typer.Typer(
    name="edgewise",
    help="Find the edges of a language model's computational graph that carry a behaviour.",
    epilog="Begin with: edgewise discover --model demo --task ioi --out runs/demo",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("compare", epilog=compare.EXAMPLES)(compare.compare)
app.command("discover", epilog=discover.EXAMPLES)(discover.discover)
app.command("draw", epilog=draw.EXAMPLES)(draw.draw)
app.command("evaluate", epilog=evaluate.EXAMPLES)(evaluate.evaluate)
app.command("league", epilog=league.EXAMPLES)(league.league)
app.command("list", epilog=listing.EXAMPLES)(listing.list_names)
app.command("paper", epilog=paper.EXAMPLES)(paper.paper)
app.command("prompts", epilog=prompts.EXAMPLES)(prompts.prompts)
app.command("roc", epilog=roc.EXAMPLES)(roc.roc)
app.command("select", epilog=select.EXAMPLES)(select.select)
app.command("show", epilog=show.EXAMPLES)(show.show)
app.command("verify", epilog=verify.EXAMPLES)(verify.verify)
app.command("check", epilog=check.EXAMPLES)(check.check)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as package_version

        typer.echo(f"edgewise {package_version('edgewise')}")
        raise typer.Exit


@app.callback()
def _edgewise(
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
) -> None:
    """Options that stand before the verb; each does its work in its callback."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's error is one line on stderr, without a traceback.

    Args:
        arguments: the command line after the program's name; that of the process by default.
    """
    given = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    quiet_libraries()
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", EdgewiseWarning)
        warnings.showwarning = _show_warning
        try:
            code = app(given, standalone_mode=False, prog_name="edgewise")
        except EdgewiseError as error:
            return _fail(str(error))
        except (KeyboardInterrupt, typer.Abort):
            code = 130
        except OSError as error:
            return _fail(_about_file(error))
        except Exception as error:
            return _fail(_about_usage(error, given))
    if code == 130:
        note(_interrupted(given))
    return code if isinstance(code, int) else 0


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """One line, without the place in the code."""
    warn([str(message) if issubclass(category, EdgewiseWarning) else f"{category.__name__}: {message}"])


def _fail(message: str) -> int:
    note(f"error: {' '.join(message.split())}")
    return 2


def _about_file(error: OSError) -> str:
    if error.filename is None:
        return f"{error.strerror or error}; check the paths given, and the space left on the disk"
    return f"{error.filename}: {error.strerror}; check the path and its permissions"


def _about_usage(error: Exception, given: Sequence[str]) -> str:
    """One line for typer's own usage errors; raises again what is no usage error."""
    message = getattr(error, "format_message", None)
    if message is None:
        raise error
    verb = next((word for word in given if not word.startswith("-")), "")
    known = {command.name for command in app.registered_commands}
    return f"{message().rstrip('.')}; see `edgewise {f'{verb} ' if verb in known else ''}--help`"


def _interrupted(given: Sequence[str]) -> str:
    how = HOW_TO_GO_ON.get(given[0]) if given else None
    return f"interrupted; {how(given)}" if how else "interrupted"


def _again(given: Sequence[str]) -> str:
    return "start the same command again to go on from here"


def _again_if_kept(given: Sequence[str]) -> str:
    words = {word.partition("=")[0] for word in given}
    return "nothing is kept without --out" if "--circuit" in words and "--out" not in words else _again(given)


# A long verb -> what to say, of its command line, when it was interrupted.
HOW_TO_GO_ON = {
    "compare": _again,
    "discover": _again,
    "evaluate": _again_if_kept,
    "league": _again,
    "paper": _again,
    "roc": _again,
    "verify": _again,
}
