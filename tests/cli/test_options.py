"""One declaration a setting: the same option in every verb, and none missing by accident."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from cli.conftest import Cli
from edgewise.cli.groups import BATCH, CIRCUIT, MEMORY, METHOD_SETTINGS, MODEL, NUMBERS, PROMPTS, SCORES
from edgewise.cli.main import app
from edgewise.methods import method_names, settings_class
from edgewise.report.page.command import command, command_line
from edgewise.runs.config import RunConfig
from edgewise.search import score_edges
from edgewise.settings import described
from edgewise.settings.scoring import DEFAULT_METHOD
from edgewise.settings.selection import Selection

VERBS: dict[str, Any] = dict(get_command(app).commands)  # type: ignore[attr-defined]
GROUPS = (MODEL, PROMPTS, SCORES, METHOD_SETTINGS, CIRCUIT, NUMBERS, BATCH, MEMORY)
SETTINGS = {one.flag: one for group in GROUPS for one in group.settings}
# Verbs that load a model, and which of its settings they cannot have: those of several models name files of none.
LOADING = {
    "discover": set(),
    "evaluate": set(),
    "prompts": set(),
    "roc": set(),
    "check": {"--model"},
    "league": {"--model", "--config", "--gguf-file", "--adapter"},
    "paper": {"--config", "--gguf-file", "--adapter"},
}


def options_of(verb: str) -> dict[str, Any]:
    return {flag: one for one in VERBS[verb].params for flag in one.opts if flag.startswith("--")}


def test_an_option_means_the_same_in_every_verb() -> None:
    """Same words in front of the default, same kind of value, same number of them."""
    seen: dict[str, tuple[str, Any]] = {}
    for verb in VERBS:
        for flag, option in options_of(verb).items():
            said = (
                (option.help or "").partition("; by default")[0].rstrip("."),
                option.metavar,
                option.multiple,
                option.is_flag,
                tuple(option.secondary_opts),
            )
            if flag in {"--out", "--format", "--model", "--methods", "--json", "--help"} and flag not in SETTINGS:
                continue
            # One model for all figures, in the place of the paper's; files of pictures, and files for other programs;
            # several sets of prompts; as many prompts as a plan is of; a circuit to hold runs against.
            if (flag, verb) in {
                ("--model", "paper"),
                ("--format", "draw"),
                ("--format", "export"),
                ("--format", "import"),
                ("--task", "discover"),
                ("--data", "discover"),
                ("--rows", "plan"),
                ("--circuit", "compare"),
            }:
                continue
            first, before = seen.setdefault(flag, (verb, said))
            assert said == before, f"{flag} of {verb} and {first}"


@pytest.mark.parametrize("verb", sorted(LOADING))
def test_every_verb_that_loads_a_model_takes_all_that_say_how(verb: str) -> None:
    expected = {one.flag for one in (*MODEL.settings, *MEMORY.settings)} - LOADING[verb]
    if verb != "check":
        expected |= {one.flag for one in BATCH.settings}
    else:
        expected -= {"--max-memory"}
    assert expected <= set(options_of(verb))


def test_no_verb_has_an_option_of_a_settings_name_by_hand() -> None:
    """`--top` of a circuit is no number of rows: what means another thing has another name."""
    for verb in VERBS:
        for flag, option in options_of(verb).items():
            if flag in SETTINGS and (flag, verb) != ("--model", "paper"):
                assert (option.help or "").startswith(SETTINGS[flag].setting.help.rstrip(".")[:20])


def other_values(one: Any) -> list[Any]:
    """Values of a setting that are not its default."""
    if one.kind is bool:
        return [value for value in (True, False) if value != one.default]
    if one.choices:
        return [choice for choice in one.choices if choice != one.default]
    if one.kind is dict:
        return [{"order": "abba"}]
    if one.many:
        return [("a->b", "c->*")]
    if one.kind is str:
        return ["a b"]
    low = 0.25 if one.setting.most is not None else 7
    return [one.kind(low)] if one.kind is int else [low, 1e-05]


def configs() -> list[RunConfig]:
    """A config for every other value of every setting of a run and of every method."""
    found = []
    for one in described(RunConfig):
        if one.name in {"model", "task", "data", "method"}:
            continue
        level = {"level": "neuron"} if one.name == "neuron_edges" else {}
        prompts = {"data": "rows.csv"} if one.name in {"hold_out", "columns", "answer_tokens"} else {"task": "ioi"}
        prompts |= {"positions": "spans"} if one.name == "readers" else {}
        found += [RunConfig("demo", **prompts, **level, **{one.name: value}) for value in other_values(one)]
    needed: dict[str, dict[str, Any]] = {
        "acdc": {"tau": 0.5},
        "eap-acdc": {"tau": 0.5, "eap_top": 3},
        "subnetwork-probing": {"lambda_": 2.0},
    }
    for method in method_names():
        for one in described(settings_class(method)):
            for value in other_values(one):
                own = {**needed.get(method, {}), one.name: value}
                if one.name in {"eap_threshold", "eap_fraction"}:
                    del own["eap_top"]
                plain = {name: list(x) if isinstance(x, tuple) else x for name, x in own.items()}
                found.append(RunConfig("demo", task="ioi", method=method, settings=plain))
    return found


ODD = (
    "my models/a model",
    'it\'s "quoted" `here` $HOME',
    "*->logits",
    "a0.h?<q> [x] {y,z} !1 #2 ; & |",
    "Übergröße/模型",
    "two\nlines\tand a tab",
    "back\\slash\\",
    "-begins like an option",
    "--top",
    "-",
    "~/models",
    "a=b=c",
    " ends with a blank ",
)


def odd_configs() -> list[tuple[RunConfig, str]]:
    """Every text that a run can be given, as each odd one; numbers below zero; and the folder of the result."""
    found = [
        (RunConfig(word, data=word, adapter=word, config=word, ignore_config=(word, "x"), attention=word), word)
        for word in ODD
    ]
    for word in ODD:
        named = {"text": word, word.replace("=", ""): -1, "list": [word, 1.5, None], "json": json.dumps(word)}
        patched = {"method": "activation-patching", "settings": {"only": [word, "a->b"]}}
        found.append((RunConfig("demo", task=word, options=named, **patched), word))
    below = Selection(threshold=-0.5, by="signed")
    return [
        *found,
        (RunConfig("demo", task="ioi", seed=-3, selection=below), "out"),
        *((one, "x") for one in configs()),
    ]


def caught_by(cli: Cli, monkeypatch: pytest.MonkeyPatch, words: Sequence[str]) -> RunConfig:
    """What `discover` is asked by these words of a command line."""
    from edgewise.errors import RunError

    asked: list[RunConfig] = []

    def caught(given: RunConfig, *_: Any, **__: Any) -> None:
        asked.append(given)
        raise RunError("enough")

    monkeypatch.setattr("edgewise.verbs.discover.discover_run", caught)
    monkeypatch.setattr("edgewise.verbs.neurons.find_neurons", caught)
    monkeypatch.setattr("edgewise.cli.discover.refuse_unreadable", lambda _: None)
    said = cli(*words)
    assert "enough" in said.err, said
    return asked[0]


@pytest.mark.slow
def test_a_shell_reads_the_printed_command_as_it_was_meant(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """All lines as a shell reads them, at once, in a folder whose files no glob may find; and each asks for its run."""
    every = odd_configs()
    lines = "\n".join(f"{command_line(config, out)}\nprintf '\\1'" for config, out in every)
    script = f"set -e\nedgewise() {{ printf '%s\\0' \"$@\"; }}\n{lines}\n"
    done = subprocess.run(["sh", "-c", script], capture_output=True, check=True, cwd=Path(__file__).parent)
    read = [part.split("\0")[:-1] for part in done.stdout.decode().split("\1")[:-1]]
    assert len(read) == len(every)
    for words, (config, out) in zip(read, every, strict=True):
        assert words == list(command(config, out)[1:])
        assert shlex.split(command_line(config, out).replace(" \\\n  ", " ")) == ["edgewise", *words]
        assert (words[-1] == out and words[-2] == "--out") or words[-1] == f"--out={out}"
    for words, (config, _) in zip(read[: 2 * len(ODD) + 1], every, strict=False):
        found = caught_by(cli, monkeypatch, words)
        assert replace(found, settings={}) == replace(config, settings={})
        assert {name: list(value) for name, value in found.settings.items()} == dict(config.settings)


@pytest.mark.slow
@pytest.mark.parametrize("config", configs(), ids=lambda one: " ".join(command(one, "x")[2:-2]))
def test_the_printed_command_asks_for_the_same_run(
    config: RunConfig, cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The command of the page, run, gives the very config back: no option is dropped or misspelt."""
    from edgewise.runs.methods import settled

    asked = caught_by(cli, monkeypatch, command(config, str(tmp_path))[1:])
    # What neurons leave open is settled elsewhere.
    both = (asked, config) if config.level == "neuron" else (settled(asked), settled(config))
    assert both[0] == both[1]


def test_help_of_every_verb_comes_without_torch() -> None:
    code = (
        "import sys\nfrom edgewise.cli.main import run\n"
        f"codes = [run([verb, '--help']) for verb in {sorted(VERBS)!r}]\n"
        "assert not any(codes), codes\nassert 'torch' not in sys.modules and 'numpy' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


PLUGIN = '''
"""A method of somebody's own: edges by the size of EAP's score to some power."""

from dataclasses import dataclass, replace

from edgewise.attribution import Method
from edgewise.attribution.eap import EAP
from edgewise.engine.run.passes import Passes
from edgewise.metrics import Metric
from edgewise.settings import setting


@dataclass(frozen=True)
class Power:
    power: float = setting(1.0, help="what |EAP| is raised to", above=0)


def score(model, batch, logit_gradient, buffers, *, settings):
    found = EAP.score(model, batch, logit_gradient, buffers)
    return replace(found, edges=found.edges.sign() * found.edges.abs() ** settings.power)


OWN = Metric("own-metric", lambda logits, batch: logits[:, 0, 0], "a metric of somebody's own")
POWER = Method("eap-power", "EAP to some power", score, Power, passes=Passes(2.0, 1.0))
'''


def test_a_method_of_another_package_is_one_file_and_one_row(tmp_path: Path) -> None:
    """Listed, with its option in help, run, and refused with a value out of range, as those that come along."""
    (tmp_path / "powered.py").write_text(PLUGIN, encoding="utf-8")
    about = tmp_path / "powered-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: powered\nVersion: 1.0\n", encoding="utf-8")
    rows = "[edgewise.estimates]\neap-power = powered:POWER\n[edgewise.metrics]\nown-metric = powered:OWN\n"
    (about / "entry_points.txt").write_text(rows, encoding="utf-8")
    code = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\nfrom edgewise.cli.main import run\n"
        "assert run(['list', 'methods']) == 0\nassert run(['list', 'metrics']) == 0\n"
        "assert run(['discover', '--help']) == 0\n"
        "asked = ['discover', '--model', 'demo', '--task', 'ioi', '--n', '2', '--no-pictures', '--json',\n"
        "         '--method', 'eap-power', '--out']\n"
        f"out = {str(tmp_path / 'run')!r}\n"
        "assert run([*asked, out, '--power', '-1']) == 2\n"
        "assert run([*asked, out, '--power', '2']) == 0\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "eap-power" in done.stdout
    assert "a metric of somebody's own" in done.stdout
    assert "EAP to some power" in done.stdout
    assert "--power" in done.stdout
    assert "--power is -1.0; give a number above 0" in done.stderr
    assert json.loads((tmp_path / "run" / "run.json").read_text())["config"]["settings"] == {"power": 2.0}


def test_top_keeps_edges_and_nothing_else() -> None:
    """In the words of help, as a user reads them: rows, samples and recalls have other names."""
    said = {
        verb: " ".join((options_of(verb)["--top"].help or "").split()) for verb in VERBS if "--top" in options_of(verb)
    }
    assert set(said) == {"discover", "import", "plan", "select", "shared"}
    assert set(said.values()) == {"Keep so many edges (or nodes)."}


def test_every_way_to_score_begins_with_the_same_method() -> None:
    """In Python, in a config, and in each verb that takes a method."""
    assert inspect.signature(score_edges).parameters["method"].default == DEFAULT_METHOD
    assert RunConfig("demo", task="ioi").method == DEFAULT_METHOD
    for verb in VERBS:
        if "--method" in options_of(verb):
            assert options_of(verb)["--method"].help.endswith(f"by default {DEFAULT_METHOD}.")


@pytest.mark.parametrize("verb", ["", *sorted(VERBS)])
def test_help_says_what_is_written_and_no_emoji(verb: str, cli: Cli) -> None:
    """`:x:` and `[name]` in a text would be taken for an emoji and for a style."""
    said = cli(*([verb] if verb else []), "--help")
    assert said.code == 0
    assert {letter for letter in said.out if ord(letter) > 126} <= set("╭╮╰╯─│")
    drawn = "".join(letter for letter in said.out if letter.isalnum() or letter in ".:[]")
    for option in VERBS[verb].params if verb else ():
        for word in (option.help or "").split():
            assert "".join(letter for letter in word if letter.isalnum() or letter in ".:[]") in drawn, word


def test_the_version_has_two_names(cli: Cli) -> None:
    long, short = cli("--version"), cli("-V")
    assert (short.code, short.out) == (0, long.out)
    assert long.out == f"edgewise {version('edgewise')}\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("edgewise ver", ["verify"]),
        ("edgewise list met", ["metrics", "methods"]),
        ("edgewise discover --method eap-s", ["eap-secant"]),
        ("edgewise discover --dtype float", ["float32", "float64", "float16"]),
        ("edgewise evaluate --task gr", ["greater-than"]),
        ("edgewise evaluate --metric kl", ["kl", "kl-from-corrupted"]),
        ("edgewise select --by he", ["helpful"]),
        ("edgewise paper fig1", ["fig10", "fig11"]),
        ("edgewise check --dev", ["--device", "--device-map"]),
    ],
)
def test_a_shell_completes_names_and_values(typed: str, offered: list[str]) -> None:
    """As bash asks for it, and without torch."""
    words = typed.split()
    asked = {"_EDGEWISE_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words) - 1)}
    code = "import sys\nfrom edgewise.cli.main import run\nrun()\nassert 'torch' not in sys.modules\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env={**os.environ, **asked}
    )
    assert done.stderr == ""
    assert done.stdout.split() == offered
