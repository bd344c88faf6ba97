"""JSON of other people's files is read within bounds."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgewise import json_text
from edgewise.errors import EdgewiseError
from edgewise.json_text import json_bytes, parse_json
from edgewise.models import load_model
from edgewise.runs.store.codec import read_json
from edgewise.runs.store.files import read_circuit


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.json"
    with path.open("wb") as file:
        file.truncate(2**28 + 1)  # a hole: no byte is stored
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read"))
    with pytest.raises(ValueError, match="256 MiB, and no more than 256 are read"):
        json_bytes(path)


def test_whoever_reads_one_says_so_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_text, "MOST_BYTES", 10)
    for name in ("config.json", "circuit.json"):
        (tmp_path / name).write_text('{"a": "more than ten"}')
    for read in (
        lambda: load_model(tmp_path),
        lambda: read_json(tmp_path / "circuit.json"),
        lambda: read_circuit(tmp_path / "circuit.json"),
    ):
        with pytest.raises(EdgewiseError, match=r"(config|circuit)\.json.*no more than 0 are read"):
            read()


@pytest.mark.parametrize("text", ["[" * 100_000, "9" * 5000, b"\xff", "{", ""])
def test_whatever_is_wrong_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"^(nested too deep|a number has thousands|not UTF-8|Expecting)"):
        parse_json(text)
