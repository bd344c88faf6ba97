"""Prompts, edges and circuits over processes: what one process finds, to the last bit, whatever their number."""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import tiny
from edgewise import processes
from edgewise.attribution import estimate_edges, loop
from edgewise.errors import ProcessError, RunError, ScoreError
from edgewise.evaluation.evaluate import evaluate_circuit
from edgewise.graph.selection import top_n
from edgewise.models import load_model
from edgewise.runs import resume
from edgewise.runs.config import RunConfig
from edgewise.runs.discover import discover
from edgewise.runs.steps import Execution, Progress
from edgewise.runs.store.checkpoint import PROGRESS
from edgewise.runs.store.folder import SCORES, load_run
from edgewise.runs.store.lock import writing
from edgewise.runs.verify import verify
from edgewise.search import patch_edges, score_edges
from edgewise.search.fading.search import Fading, fade
from edgewise.search.probing.openings import Openings
from edgewise.search.probing.probe import Training, probe
from edgewise.settings.conditions import Conditions
from edgewise.settings.selection import Selection
from edgewise.verbs.evaluate import evaluate
from stored import id_rows, save_model, write_rows
from together import together

pytestmark = pytest.mark.slow


def found() -> dict[str, Any]:
    """Scores, exact effects and an evaluation, of a model made the same in every process."""
    torch.set_num_threads(1)
    model, prompts = load_model(tiny.gpt2(n_layer=2)), tiny.prompts(11)
    few = Conditions(batch_size=2)
    scores = estimate_edges(
        model, prompts, method="eap", metric="logit-diff", bootstrap=20, per_prompt=True, conditions=few
    )
    both = score_edges(model, prompts, metric="logit-diff", exact=7, conditions=few)
    exact = patch_edges(model, prompts, metric="logit-diff", only=["*->logits", "input->*"], conditions=few)
    judged = evaluate_circuit(
        model, prompts, top_n(scores, 9), metric="logit-diff", scores=scores, random=1, conditions=few
    )
    return {
        "values": scores.values,
        "stderr": scores.stderr,
        "resampled": scores.resampled,
        "per_prompt": scores.per_prompt,
        "both": both.values,
        "exact": exact.values,
        "faithfulness": judged.faithfulness,
        "curve": [point.faithfulness for point in judged.curve.points],
    }


def runs(folder: Path) -> dict[str, bytes]:
    """The files of a run that is found, verified and evaluated, by all processes in one folder."""
    asked = RunConfig("demo", task="ioi", n=5, batch_size=2, selection=Selection(top=40))
    discover(asked, folder)
    verify(folder, edges=30)
    evaluate(folder, random=1, progress=False)
    discover(replace(asked, method="acdc", metric="kl", settings={"tau": 0.05}, selection=Selection()), folder / "acdc")
    names = ("scores.safetensors", "circuit.json", "verification.json", "evaluation-resample.json", "faithfulness.json")
    # Candidates are tried in other company, so that its numbers are the same but for rounding.
    kept = load_run(folder / "acdc").circuit.mask.tobytes()
    return {name: (folder / name).read_bytes() for name in names} | {"acdc": kept}


PATCHED = RunConfig(
    "demo", task="ioi", n=4, batch_size=2, method="activation-patching", evaluate=False, selection=Selection(top=40)
)


def begin(folder: Path) -> None:
    """Half of a run, its last state stored; each process sees as much of it."""

    def report(progress: Progress) -> None:
        if progress.total and 2 * progress.done >= progress.total and progress.step != "preparing prompts":
            raise BrokenPipeError

    resume.Saver = lambda save: SimpleNamespace(offer=save)
    with pytest.raises(BrokenPipeError):
        discover(PATCHED, folder, Execution(report=report))


def both(folder: Path, half: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    done = found(), runs(folder)
    begin(half)
    return done


def test_parts_make_the_same_bits(tmp_path: Path) -> None:
    alone, files = found(), runs(tmp_path / "alone")
    for every, theirs in together(3, both, tmp_path, tmp_path / "shared", tmp_path / "half"):
        for name, value in alone.items():
            np.testing.assert_array_equal(np.asarray(every[name]), np.asarray(value), err_msg=name)
        for name, content in files.items():
            assert theirs[name] == content, name
    assert load_run(tmp_path / "shared").record.processes == 3
    # What three processes began, one goes on with.
    assert (tmp_path / "half" / PROGRESS).is_file()
    whole, half = (discover(PATCHED, tmp_path / name).folder for name in ("whole", "half"))
    assert (half / SCORES).read_bytes() == (whole / SCORES).read_bytes()


def lacking(folder: Path, rank: int) -> str:
    """What is raised in each process where one of them fails, or works on other data."""
    said = []

    def fail(error: Exception) -> None:
        if processes.rank() == rank:
            raise error

    for error in (ScoreError("row 7 is not finite"), MemoryError("full"), TypeError("a slip")):
        with pytest.raises((ScoreError, MemoryError, TypeError, ProcessError)) as raised:
            processes.agree(partial(fail, error))
        said.append(f"{raised.typename}: {raised.value}")
    with pytest.raises(ProcessError) as differs:
        processes.require_alike({"model": "same", "prompts": f"of {processes.rank()}"})
    said.append(str(differs.value))
    (folder / f"done-{processes.rank()}").touch()
    processes.in_first(lambda: (folder / "by-the-first").write_text(str(processes.size())))
    assert (folder / "by-the-first").read_text() == "1"
    return "; ".join(said)


def test_a_failure_of_one_is_raised_in_all(tmp_path: Path) -> None:
    first, second = together(2, lacking, tmp_path, tmp_path, 1)
    assert first == (
        "ScoreError: row 7 is not finite; MemoryError: out of memory in process 1: full;"
        " ProcessError: process 1: TypeError: a slip; process 1 has another prompts than the first; give all the"
        " same files and versions"
    )
    assert "TypeError: a slip" in second


def mishaps(folder: Path) -> dict[str, Any]:
    """What two processes say of set-ups that are no good, and what they find where memory runs out in one."""
    torch.set_num_threads(1)
    model, prompts, rank = load_model(tiny.gpt2(n_layer=2)), tiny.prompts(11), processes.rank()
    few, step, tried = Conditions(batch_size=4), loop._step, list[int]()

    def full(model: Any, pairs: Any, rows: list[int], *rest: Any) -> Any:
        tried.append(len(rows))
        if rank == 1 and len(rows) > 2:
            raise MemoryError("full")
        return step(model, pairs, rows, *rest)

    with pytest.MonkeyPatch.context() as patched, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        patched.setattr(loop, "_step", full)
        scores = estimate_edges(model, prompts, method="eap", metric="logit-diff", conditions=few)
        halved = [str(one.message) for one in said]
        del said[:]
        estimate_edges(model, prompts.pairs[:1], method="eap", metric="logit-diff")
        idle = [str(one.message) for one in said]
    own = folder / f"seen-by-{rank}"
    own.mkdir()
    write_rows(own / "data.jsonl", id_rows(7, seed=rank))
    with pytest.raises(RunError) as unseen, writing(own / "run"):
        pass
    os.chdir(own)
    asked = RunConfig(str(folder / "model"), data="data.jsonl", method="eap", batch_size=2, evaluate=False)
    with pytest.raises(ProcessError) as other:
        discover(asked, folder / "run")
    return {
        "values": scores.values,
        "tried": tried,
        "halved": halved,
        "idle": idle,
        "unseen": str(unseen.value).replace(str(own), "OWN"),
        "other": str(other.value),
    }


def test_mishaps_of_one_process_are_told_by_all(tmp_path: Path) -> None:
    save_model(tmp_path / "model")
    first, second = together(2, mishaps, tmp_path, tmp_path)
    alone = estimate_edges(
        load_model(tiny.gpt2(n_layer=2)),
        tiny.prompts(11),
        method="eap",
        metric="logit-diff",
        conditions=Conditions(batch_size=4),
    )
    for found in (first, second):
        np.testing.assert_allclose(found["values"], alone.values, rtol=0, atol=1e-12 * np.nanmax(np.abs(alone.values)))
        assert (found["tried"][0], max(found["tried"][1:])) == (4, 2)
        assert found["halved"] == ["out of memory with 4 prompts at a time; going on with 2, and no score changes"]
        assert found["idle"] == ["2 processes share 1 prompts, so 1 wait while prompts are scored"]
        assert found["unseen"].endswith("process 1 does not see it; give a folder that all machines share")
        assert found["other"] == "process 1 has another data than the first; give all the same files and versions"


def test_one_process_is_free() -> None:
    assert (processes.size(), processes.rank(), processes.first(), processes.here()) == (1, 0, True, 1)
    assert processes.each(lambda: 3) == [3]
    assert processes.gather(4) == [4]
    with pytest.raises(ProcessError, match="was not begun by torchrun"):
        processes.join()


def trained() -> dict[str, Any]:
    """Masks that are trained, and edges that fade, with how many micro-batches this process ran of its own."""
    torch.set_num_threads(1)
    model, prompts = load_model(tiny.gpt2(n_layer=2)), tiny.prompts(7, several_positions=False)
    few, opened = Conditions(batch_size=2), []
    with pytest.MonkeyPatch.context() as patched:
        before = Openings._open
        patched.setattr(Openings, "_open", lambda self, rows: opened.append(rows) or before(self, rows))
        masks = probe(model, prompts, Training(0.1, masks="edge", steps=3, rate=0.1), conditions=few)
        nodes = probe(model, prompts, Training(0.1, steps=3, rate=0.1), metric="logit-diff", conditions=few)
        own = set(opened)
        faded = fade(model, prompts, Fading(steps=4), conditions=few)
    return {"masks": masks.losses, "nodes": nodes.losses, "faded": faded.values, "own": own}


def test_prompts_of_trainings_are_shared_out(tmp_path: Path) -> None:
    alone, (first, second) = trained(), together(2, trained, tmp_path)
    for name in ("masks", "nodes", "faded"):
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
        np.testing.assert_allclose(first[name], alone[name], rtol=1e-9, atol=1e-12, err_msg=name)
    assert len(alone["own"]) == 4
    assert first["own"] | second["own"] == alone["own"]
    assert (len(first["own"]), first["own"] & second["own"]) == (2, set())
