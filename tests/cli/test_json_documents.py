"""`--json`: what every verb prints says what it is, in which version, and has the fields that docs/agents.md names."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from edgewise.cli.main import app, run
from edgewise.cli.output import SCHEMAS
from fake_hub import FakeHub

pytestmark = pytest.mark.slow

TEMPLATE = """
clean = "Then, {name} gave a ticket to"
answers = " {name}"
slots.name = { list = "names", corrupt = "resample" }
lists.names = { words = "names" }
"""
ROOT = Path(__file__).resolve().parents[2]
PLANTED = "--model planted:0 --task planted --n 8"
COMMANDS = (
    f"discover {PLANTED} --top 16 --per-prompt --no-pictures --out run",
    f"discover {PLANTED} --level node --top 3 --no-pictures --out nodes",
    f"discover {PLANTED} --level neuron --top 9 --out neurons",
    f"discover {PLANTED} --method acdc --tau 0.1,1 --no-pictures --out sweep",
    "show run",
    "select run --top 5 --out five.json",
    "export run --format csv --out run.csv",
    "import run.csv --graph run --out taken",
    "evaluate run --random 1",
    "evaluate run --protocol mib",
    "push run me/circuit",
    "evaluate neurons --random 1",
    "verify run --edges all",
    "compare run sweep/tau-0.1 --random 0 --out compared",
    f"roc {PLANTED} --methods eap --out roc",
    "league --models planted:0 --methods eap --n 8 --draws 1 --out league",
    f"prompts {PLANTED} --no-weights",
    f"plan {PLANTED} --on h100",
    "make-prompts mine.toml --model demo --n 2 --out made.jsonl",
    "specificity run --tasks planted --prompts 4",
    "shared run sweep/tau-0.1 --out shared",
    "clusters run --permutations 2",
    "check planted:0",
    "draw run --format svg",
    "report run nodes --out both.html",
    "paper list",
    *(f"list {kind}" for kind in ("models", "methods", "settings")),
)
# Verbs that print nothing but where something is.
WITHOUT_RESULT = {"open"}
# Fields of a kind that are not in every document of it.
SOMETIMES = {"names": {"classes", "advice"}}


@pytest.fixture(scope="module")
def documents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What each command printed, made in one folder."""
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("json"))
        hub = FakeHub()
        hub.put_in_force(patch)
        Path("mine.toml").write_text(TEMPLATE, encoding="utf-8")
        for command in COMMANDS:
            with redirect_stdout(StringIO()) as said:
                assert run([*command.split(), "--json"]) == 0, command
            found[command] = json.loads(said.getvalue())
        hub.close()
    return found


def described() -> Iterator[tuple[str, set[str]]]:
    """Kind and version, and fields, of each row of the page's table."""
    page = (ROOT / "docs/agents.md").read_text(encoding="utf-8")
    for name, fields in re.findall(r"^\| `edgewise-(\S+)` \| .* \| (.*) \|$", page, re.MULTILINE):
        yield name, set(re.findall(r"`(\w+)`", fields))


def test_the_page_names_every_kind_and_its_version() -> None:
    assert {name for name, _ in described()} == {f"{kind}/{number}" for kind, number in SCHEMAS.items()}


def test_every_verb_is_asked_for_json(documents: dict[str, dict[str, Any]]) -> None:
    verbs = get_command(app).commands.items()
    having = {name for name, verb in verbs if any("--json" in one.opts for one in verb.params)}
    assert having == {command.split()[0] for command in documents}
    assert {name for name, _ in verbs} - having <= WITHOUT_RESULT


def test_documents_have_the_fields_that_the_page_says(documents: dict[str, dict[str, Any]]) -> None:
    fields, kinds = dict(described()), set()
    for command, document in documents.items():
        first, *names = document
        name = document["schema"].removeprefix("edgewise-")
        kinds.add(name)
        assert first == "schema", command
        wanted = {"nodes" if one == "edges" and "nodes" in names else one for one in fields[name]}
        assert wanted - SOMETIMES.get(name.split("/")[0], set()) <= set(names) <= wanted, command
    assert kinds == set(fields)


def test_an_error_is_a_line_on_stderr_and_no_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["show", "nowhere", "--json"]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("edgewise: error: nowhere: no such run folder; ")
