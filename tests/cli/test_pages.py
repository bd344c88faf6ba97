"""Every command, and every piece of Python, of README.md and docs/: a page in order, in one folder, as printed.

What is named there and is not here stands in the folder under that name: models of the hub are the bundled one, files
of prompts and weights are small ones, `runs/demo` is a finished run. What takes minutes is given some more options
(`SHORTER`). A block below ``<!-- not run: REASON -->`` is not run (`NOT_RUN` counts these), nor is what sets up or
fetches, but what that names must be there.
"""

from __future__ import annotations

import contextlib
import csv
import io
import re
import shlex
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.main import get_command

from cli.conftest import Cli
from edgewise import load_model, make_task
from edgewise.cli.main import app, run
from edgewise.models import catalogue
from stored import id_rows, write_rows
from tiny_lens import checkpoint, hub

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
PAGES = ("README.md", *sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")))
PROGRAMS = ("edgewise", "make", "pip", "python", "source")
BLOCK = re.compile(r"^(<!-- not run: [^\n]+ -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Languages of blocks that are shown and never run.
SHOWN = ("text", "json", "csv", "toml", "bibtex")
# Page -> how many of its blocks are marked as not run.
NOT_RUN = {
    "docs/data.md": 2,
    "docs/evaluation.md": 1,
    "docs/exchange.md": 1,
    "docs/models.md": 1,
    "docs/results.md": 2,
    "docs/scale.md": 3,
}
# Models that are fetched: a folder of that name comes before the hub.
OF_THE_HUB = ("gpt2", "attn-only-4l", "EleutherAI/pythia-160m")
# How a command begins -> what is added to it, and why. Of an option that is given twice the last one counts.
SHORTER = {
    "edgewise discover ": (
        "--n 6 --no-pictures",
        "a command is as right with few prompts; test_draw draws",
    ),
    "edgewise verify ": ("--edges 20", "all edges of a hundred prompts take a minute"),
    "edgewise evaluate runs/gpt2-ioi ": ("--n 4", "400 edges are removed in turn"),
    "edgewise roc --task ": ("--n 6 --methods eap,acdc:task --taus 0.1", "all methods and thresholds take minutes"),
    "edgewise roc --model gpt2 ": (
        "--n 6 --truth exact:2%",
        "the published circuit is of the model that another stands for",
    ),
    "edgewise league ": ("--models demo --tasks ioi --methods eap,secant --draws 1 --n 6", "all methods take minutes"),
    "edgewise discover --model attn-only-4l --task docstring --method subnetwork": ("--steps 20", "10,000 steps"),
    "edgewise discover --model demo --task ioi --n 32 --method fading": ("--steps 4", "252 steps"),
    "edgewise compare ": ("--n 4", "three circuits at ten sizes of a hundred prompts"),
}
# Pages whose Python is a part of a file.
FRAGMENTS = ("docs/adding-a-family.md",)


@dataclass(frozen=True)
class Piece:
    """A command or some Python, where it stands, and what is printed below it."""

    page: str
    line: int
    text: str
    python: bool = False
    printed: str = ""

    @property
    def words(self) -> list[str]:
        return shlex.split(self.text, comments=True)

    def __str__(self) -> str:
        return f"{self.page}:{self.line}: {self.text}"


def pieces(page: str) -> Iterator[Piece]:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = list(BLOCK.finditer(text))
    for number, block in enumerate(blocks):
        first = text[: block.start(3)].count("\n") + 1
        if block[1] or block[2] in SHOWN:
            continue
        if block[2] == "python":
            below = blocks[number + 1] if number + 1 < len(blocks) else None
            follows = below is not None and not text[block.end() : below.start()].strip() and below[2] in ("", "text")
            yield Piece(page, first, block[3], True, below[3] if below is not None and follows else "")
            continue
        lines = block[3].splitlines()
        bare = all(line.split(" ")[0] in PROGRAMS for line in lines if line)
        assert bare or block[2] != "bash", f"{page}:{first}: a block of bash has a line that is no command"
        for place, line in enumerate(lines):
            if line.startswith("$ ") or (bare and line):
                yield Piece(page, first + place, line.removeprefix("$ "))


@pytest.fixture(scope="module")
def stand_ins(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what the pages' commands name, besides the runs that they make."""
    folder = tmp_path_factory.mktemp("pages")
    for name in OF_THE_HUB:
        shutil.copytree(Path(catalogue.__file__).parent / "demo", folder / name)
    model = load_model("demo")
    assert model.tokenizer is not None
    fields = ("clean", "corrupted", "answers", "wrong_answers")
    with (folder / "prompts.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(fields)
        for pair in make_task("ioi", model, n=8):
            table.writerow(model.tokenizer.decode(list(getattr(pair, field))) for field in fields)
    checkpoint(hub()).write(folder, "weights.pth")
    write_rows(folder / "prompts.jsonl", id_rows())
    blocks = BLOCK.finditer((ROOT / "docs/prompts.md").read_text(encoding="utf-8"))
    own = BLOCK.finditer((ROOT / "docs/behaviours.md").read_text(encoding="utf-8"))
    (folder / "my.py").write_text(next(block[3] for block in own if block[2] == "python"), encoding="utf-8")
    (folder / "mine.toml").write_text(next(block[3] for block in blocks if block[2] == "toml"), encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        assert run(made_by("demo")) == 0
    return folder


def made_by(target: str) -> list[str]:
    """The words of the `edgewise` command of a target of the Makefile, shorter."""
    recipe = MAKEFILE.partition(f"\n{target}: ")[2]
    (line,) = re.findall(r"^\t\$\(BIN\)/edgewise (.*)$", recipe.partition("\n\n")[0], re.MULTILINE)
    values = dict(re.findall(r"^(\w+) \?= (.*)$", MAKEFILE, re.MULTILINE))
    return shorter("edgewise " + re.sub(r"\$\((\w+)\)", lambda found: values[found[1]], line))


def shorter(command: str) -> list[str]:
    """The words of a command, after its program's name, with those that make it shorter."""
    more = [words for begin, (words, _) in SHORTER.items() if f"{command} ".startswith(begin)]
    return [*shlex.split(command, comments=True)[1:], *shlex.split(" ".join(more))]


def names_what_is_there(piece: Piece) -> None:
    """A command that is not run: its target, its script, its extra."""
    program, *words = piece.words
    if program == "make":
        assert re.search(rf"^{words[0]}:", MAKEFILE, re.MULTILINE), piece
    elif program == "source":
        assert words == [".venv/bin/activate"], piece
        assert "-m venv .venv\n" in MAKEFILE
    elif program == "pip":
        assert words[:2] == ["install", "-e"], piece
        assert (ROOT / words[2] / "pyproject.toml").is_file(), piece
    else:
        path = next(word for word in words if word.endswith(".py"))
        assert (ROOT / path).is_file(), piece


def to_run(piece: Piece) -> list[str] | None:
    """The words of a command, after its program's name; None for one that is not run."""
    if piece.words[:2] == ["make", "demo"]:
        return made_by("demo")
    if piece.words[0] != "edgewise":
        return None
    return shorter(piece.text)


def runs_as_printed(piece: Piece, names: dict[str, object]) -> None:
    """A piece of Python prints what stands below it, numbers to a few parts in a thousand."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said):
        exec(piece.text, names)  # noqa: S102  the page's own
    words, expected = said.getvalue().split(), piece.printed.split()
    assert len(words) == len(expected), piece
    for word, printed in zip(words, expected, strict=True):
        assert word == printed or number(word) == pytest.approx(number(printed), rel=5e-3, abs=2e-3), piece


def number(word: str) -> float:
    """A word as the number that it is, or as none."""
    return float(word) if re.fullmatch(r"-?\d+(\.\d+)?", word) else float("nan")


@pytest.mark.parametrize("page", PAGES)
def test_every_command_of_a_page_runs_as_printed(
    page: str, stand_ins: Path, cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = shutil.copytree(stand_ins, tmp_path / "page")
    monkeypatch.chdir(folder)
    monkeypatch.setattr("webbrowser.open", lambda address: True)
    failed, names = [], dict[str, object]()
    for piece in pieces(page):
        if piece.python:
            if page not in FRAGMENTS:
                runs_as_printed(piece, names)
            continue
        words = to_run(piece)
        if words is None:
            names_what_is_there(piece)
            continue
        result = cli(*words)
        if result.code != 0:
            failed.append(f"{piece} -> {result.code}: {result.err}")
    assert failed == []


def test_blocks_that_are_not_run_are_counted() -> None:
    found = {page: sum(1 for block in BLOCK.finditer((ROOT / page).read_text("utf-8")) if block[1]) for page in PAGES}
    assert {page: count for page, count in found.items() if count} == NOT_RUN


def test_every_verb_stands_on_some_page() -> None:
    """And on README.md the first command of `edgewise` comes after the line that makes it one."""
    commands = [piece for page in PAGES for piece in pieces(page) if not piece.python]
    assert len(commands) >= 50
    programs = [piece.words[0] for piece in commands if piece.page == "README.md"]
    assert programs.index("make") < programs.index("source") < programs.index("edgewise")
    verbs = {piece.words[1] for piece in commands if piece.words[0] == "edgewise"}
    # It needs the hub, so its block is one of those that are not run.
    verbs |= {"push"} if "\nedgewise push " in (ROOT / "docs/exchange.md").read_text(encoding="utf-8") else set()
    assert verbs >= {command.name for command in app.registered_commands}


def test_the_examples_of_help_are_command_lines() -> None:
    """They are parsed, and not run."""
    examples = []
    for name, command in get_command(app).commands.items():
        examples += [line for line in (command.epilog or "").splitlines() if line.startswith("edgewise ")]
        for line in examples:
            if line.split()[1] == name:
                command.make_context(name, shlex.split(line)[2:])
    assert len(examples) >= 50
