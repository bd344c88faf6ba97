"""`edgewise check`: whether a model obeys what every method relies on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

import typer

from edgewise.cli import output
from edgewise.cli.options import AsJson
from edgewise.cli.progress import ShownProgress

EXAMPLES = """Examples:

edgewise check demo

edgewise check gpt2 --dtype float64

edgewise check ./my-model --json

edgewise check weights.pth --config config.json
"""


def check(
    model: Annotated[str, typer.Argument(help="Bundled name, folder, hub name or weights file.", metavar="MODEL")],
    config: Annotated[
        str | None,
        typer.Option("--config", help="Config of weights in TransformerLens's format, if not beside them."),
    ] = None,
    dtype: Annotated[str, typer.Option("--dtype", help="float32, float64, bfloat16 or float16.")] = "float32",
    device: Annotated[str, typer.Option("--device", help="cpu, cuda, cuda:1, mps.")] = "cpu",
    ignore_config: Annotated[
        list[str] | None,
        typer.Option("--ignore-config", help="A config attribute you vouch for; repeatable."),
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run code that the hub repository carries.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Load a model and measure the invariants that scores rest on; the exit code is 1 when one fails.

    Sources sum to the residual stream, no edge patched gives the clean logits, and all edges patched give the
    corrupted ones.
    """
    from edgewise.cli.quiet import quiet_transformers
    from edgewise.engine.check import check_model
    from edgewise.models import load_model
    from edgewise.runs.steps import Progress

    quiet_transformers()
    with ShownProgress() as shown:
        shown(Progress(f"loading {model}"))
        loaded = load_model(
            model,
            config=config,
            dtype=dtype,
            device=device,
            ignore_config=tuple(ignore_config or ()),
            trust_remote_code=trust_remote_code,
        )
        shown(Progress(f"checking {model}"))
        rows = check_model(loaded)
    passed = all(row.passed for row in rows)
    if as_json:
        output.document({"model": model, "passed": passed, "rows": [asdict(row) for row in rows]})
    else:
        output.result(_table(rows))
    if not passed:
        raise typer.Exit(1)


def _table(rows: Any) -> str:
    from edgewise.report.table import table

    cells = [
        (row.name, "pass" if row.passed else "FAIL", f"{row.error:.1e}", f"{row.tolerance:.1e}", row.detail)
        for row in rows
    ]
    return table(("check", "result", "error", "tolerance", "detail"), cells, right=(2, 3))
