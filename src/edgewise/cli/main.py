"""The command `edgewise`: its verbs, and errors as one line.

Exit codes: 0 done; 1 a check failed; 2 anything wrong with what the user gave; 130 interrupted.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import typer

from edgewise.cli import (
    check,
    clusters,
    compare,
    discover,
    draw,
    evaluate,
    export,
    import_file,
    league,
    listing,
    make_prompts,
    open_page,
    paper,
    plan,
    prompts,
    push,
    report,
    roc,
    select,
    shared,
    show,
    specificity,
    verify,
)
from edgewise.cli.launch import LOST, is_another, launch, launched_by_us, processes_asked, tell_launcher, together
from edgewise.cli.output import note, warn
from edgewise.cli.progress import loading
from edgewise.cli.quiet import quiet_libraries
from edgewise.cli.unforeseen import DEBUG, about_unforeseen, debugging, show_trace
from edgewise.cli.usage import about_usage, refuse_empty
from edgewise.disk import about_file, trouble
from edgewise.errors import EdgewiseError, EdgewiseWarning, LostProcessError

app = typer.Typer(
    name="edgewise",
    help="Find the edges of a language model's computational graph that carry a behaviour.",
    epilog="Begin with: edgewise discover --model demo --task ioi --out runs/demo",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _add(name: str, verb: Callable[..., None], examples: str) -> None:
    """Add a verb; paragraphs of its help are broken by the terminal's width, not by that of the source."""
    said = inspect.getdoc(verb) or ""
    paragraphs = (" ".join(paragraph.split()) for paragraph in said.split("\n\n"))
    app.command(name, help="\n\n".join(paragraphs), epilog=examples)(verb)


_add("clusters", clusters.clusters, clusters.EXAMPLES)
_add("compare", compare.compare, compare.EXAMPLES)
_add("discover", discover.discover, discover.EXAMPLES)
_add("draw", draw.draw, draw.EXAMPLES)
_add("evaluate", evaluate.evaluate, evaluate.EXAMPLES)
_add("export", export.export, export.EXAMPLES)
_add("import", import_file.import_file, import_file.EXAMPLES)
_add("league", league.league, league.EXAMPLES)
_add("list", listing.list_names, listing.EXAMPLES)
_add("make-prompts", make_prompts.make_prompts, make_prompts.EXAMPLES)
_add("open", open_page.open_page, open_page.EXAMPLES)
_add("paper", paper.paper, paper.EXAMPLES)
_add("plan", plan.plan, plan.EXAMPLES)
_add("prompts", prompts.prompts, prompts.EXAMPLES)
_add("push", push.push, push.EXAMPLES)
_add("report", report.report, report.EXAMPLES)
_add("roc", roc.roc, roc.EXAMPLES)
_add("select", select.select, select.EXAMPLES)
_add("shared", shared.shared, shared.EXAMPLES)
_add("show", show.show, show.EXAMPLES)
_add("specificity", specificity.specificity, specificity.EXAMPLES)
_add("verify", verify.verify, verify.EXAMPLES)
_add("check", check.check, check.EXAMPLES)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version as package_version

        typer.echo(f"edgewise {package_version('edgewise')}")
        raise typer.Exit


@app.callback()
def _edgewise(
    version: bool = typer.Option(
        False, "--version", "-V", callback=_print_version, is_eager=True, help="Print the version and stop."
    ),
    debug: bool = typer.Option(
        False, DEBUG, help="Show the full trace of an error that nobody foresaw; may stand behind the verb too."
    ),
) -> None:
    """Options that stand before the verb; each does its work in its callback."""


def run(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; a user's error is one line on stderr, without a traceback.

    Args:
        arguments: the command line after the program's name; that of the process by default.
    """
    given, debug = debugging(sys.argv[1:] if arguments is None else arguments)
    given = given or ["--help"]
    quiet_libraries()
    with warnings.catch_warnings():
        if not sys.warnoptions:
            warnings.simplefilter("ignore")
            warnings.simplefilter("default", EdgewiseWarning)
        warnings.showwarning = _show_warning
        try:
            refuse_empty(given)
            given, n = processes_asked(given) if given[0] in HOW_TO_GO_ON else (given, 1)
            if n > 1:
                return launch(given, n)
            with together() if given[0] in HOW_TO_GO_ON else nullcontext(), loading(given):
                code = app(given, standalone_mode=False, prog_name="edgewise")
        except LostProcessError as error:
            return LOST if launched_by_us() else _fail(str(error))
        except EdgewiseError as error:
            return _fail(str(error))
        except (KeyboardInterrupt, typer.Abort):
            code = 130
        except OSError as error:
            return _fail(about_file(error))
        except Exception as error:
            if (found := trouble(error)) is not None:
                return _fail(f"{'; '.join(found)} ({error})")
            said = about_usage(error, given, {command.name for command in app.registered_commands})
            if said is None and debug:
                show_trace(error)
                return 2
            return _fail(said or about_unforeseen(error, given))
    if code == 130:
        note(_interrupted(given))
    return code if isinstance(code, int) else 0


def _show_warning(message: Warning | str, category: type[Warning], *where: Any, **more: Any) -> None:
    """One line, without the place in the code."""
    warn([str(message) if issubclass(category, EdgewiseWarning) else f"{category.__name__}: {message}"])


def _fail(message: str) -> int:
    if is_another():
        tell_launcher(" ".join(message.split()))
        return 2
    note(f"error: {' '.join(message.split())}")
    return 2


def _interrupted(given: Sequence[str]) -> str:
    how = HOW_TO_GO_ON.get(given[0]) if given else None
    return f"interrupted; {how(given)}" if how else "interrupted"


def _again(given: Sequence[str]) -> str:
    return "start the same command again to go on from here"


def _again_if_kept(given: Sequence[str]) -> str:
    words = {word.partition("=")[0] for word in given}
    return "nothing is kept without --out" if "--circuit" in words and "--out" not in words else _again(given)


def _nothing_kept(given: Sequence[str]) -> str:
    return "nothing is kept"


# A long verb -> what to say, of its command line, when it was interrupted.
HOW_TO_GO_ON = {
    "compare": _again,
    "discover": _again,
    "evaluate": _again_if_kept,
    "league": _again,
    "paper": _again,
    "roc": _again,
    "shared": _again,
    "specificity": _nothing_kept,
    "verify": _again,
}
