"""`edgewise open` and `edgewise report`: a page in a browser, from a port that gives nothing else, of several runs."""

from __future__ import annotations

import http.client
import json
import threading
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from cli.test_bad_input import refused
from edgewise.report.page.serve import server
from shown_page import document

if TYPE_CHECKING:
    from cli.conftest import Cli

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def runs(model: Path, data: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    from edgewise.cli.main import run

    folder = tmp_path_factory.mktemp("open")
    for name in ("a", "b"):
        words = (
            "discover",
            "--model",
            model,
            "--data",
            data,
            "--method",
            "eap",
            "--no-evaluate",
            "--out",
            folder / name,
        )
        assert run([str(word) for word in (*words, *(("--seed", 1) if name == "b" else ()))]) == 0
    return [folder / "a", folder / "b"]


def test_the_page_is_opened(cli: Cli, runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    result = cli("open", runs[0])
    assert (result.code, result.out, result.err) == (0, f"{runs[0] / 'report.html'}\n", "")
    assert opened == [(runs[0] / "report.html").resolve().as_uri()]


def test_one_that_is_missing_is_made(cli: Cli, runs: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda address: False)
    before = (runs[1] / "report.html").read_bytes()
    (runs[1] / "report.html").unlink()
    assert "no browser was found" in cli("open", runs[1]).err
    assert (runs[1] / "report.html").read_bytes() == before
    refused(cli("open", runs[0].parent / "none"), "no such run folder")


@pytest.fixture
def port(runs: list[Path], tmp_path: Path) -> Iterator[int]:
    (runs[0] / "deeper").mkdir(exist_ok=True)
    (runs[0] / "deeper" / "secret").write_text("secret")
    (runs[0].parent / "secret").write_text("secret")
    (runs[0] / "leads-out").unlink(missing_ok=True)
    (runs[0] / "leads-out").symlink_to(runs[0].parent / "secret")
    running = server(runs[0])
    thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield running.server_port
    running.shutdown()
    running.server_close()
    thread.join()
    (runs[0] / "leads-out").unlink()


def ask(port: int, method: str, path: str, host: str | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.putrequest(method, path, skip_host=True)
        connection.putheader("Host", host or f"127.0.0.1:{port}")
        connection.endheaders()
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def test_files_of_the_folder_are_served(port: int, runs: list[Path]) -> None:
    page = (runs[0] / "report.html").read_bytes()
    assert ask(port, "GET", "/") == (200, page)
    assert ask(port, "GET", "/report.html?x=1") == (200, page)
    assert ask(port, "GET", "/run.json") == (200, (runs[0] / "run.json").read_bytes())
    assert ask(port, "HEAD", "/") == (200, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/../secret",
        "/..%2fsecret",
        "/%2e%2e/secret",
        "//etc/passwd",
        "/etc/passwd",
        "/deeper/secret",
        "/deeper/",
        "/deeper",
        "/leads-out",
        "/.edgewise.lock",
        "/none",
        "/.",
        "/..",
        "/%00",
    ],
)
def test_nothing_else_is(port: int, path: str) -> None:
    status, body = ask(port, "GET", path)
    assert status in (403, 404, 400)
    assert b"secret" not in body.lower() or b"secret" in path.encode()
    assert b"root:" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_nothing_can_be_changed(port: int, method: str, runs: list[Path]) -> None:
    assert ask(port, method, "/run.json")[0] == 501
    assert (runs[0] / "run.json").is_file()


def test_a_strangers_page_may_not_ask(port: int) -> None:
    assert ask(port, "GET", "/", host=f"evil.example:{port}")[0] == 403
    assert ask(port, "GET", "/", host=f"localhost:{port}")[0] == 200


def test_several_runs_on_one_page(cli: Cli, runs: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "new" / "both.html"
    result = cli("report", *runs, "--out", out)
    assert (result.code, result.out) == (0, f"Wrote {out}: 2 runs\n")
    assert [run["folder"] for run in document(out.read_text())["runs"]] == ["a", "b"]
    said = json.loads(cli("report", runs[0], "--out", out, "--json").out)
    assert said == {"schema": "edgewise-report/1", "file": str(out), "runs": [str(runs[0])]}
    assert len(document(out.read_text())["runs"]) == 1


@pytest.mark.parametrize(
    ("arguments", "parts"),
    [
        (lambda runs: (runs[0], runs[0], "--out", "x.html"), ["given twice"]),
        (lambda runs: (runs[0], "--out", "x.txt"), ["no HTML file"]),
        (lambda runs: (*[f"r{i}" for i in range(13)], "--out", "x.html"), ["13 runs", "12 at most"]),
        (lambda runs: (runs[0].parent, "--out", "x.html"), ["holds no run"]),
    ],
)
def test_what_makes_no_page(cli: Cli, runs: list[Path], arguments: Any, parts: list[str]) -> None:
    refused(cli("report", *arguments(runs)), *parts)
