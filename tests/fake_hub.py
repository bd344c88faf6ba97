"""A Hugging Face hub on this machine: as much of its HTTP interface as making, filling and reading a repository takes.

What `huggingface_hub` asks of it: ``POST /api/repos/create``, ``/api/validate-yaml``, ``/api/models/R/preupload/main``
and ``/api/models/R/commit/main`` (lines of JSON, files in base64), and ``HEAD`` and ``GET`` of ``/R/resolve/REV/FILE``.
"""

from __future__ import annotations

import base64
import hashlib
import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any

import pytest

TOKEN = "hf_right"


class FakeHub:
    """The server and what it holds.

    Attributes:
        repositories: OWNER/NAME -> file -> content.
        private: those that were made so.
    """

    def __init__(self) -> None:
        self.repositories: dict[str, dict[str, bytes]] = {}
        self.private: set[str] = set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"
        self._cache = TemporaryDirectory()
        Thread(target=self._server.serve_forever, daemon=True).start()

    def put_in_force(self, patch: pytest.MonkeyPatch, token: str | None = TOKEN) -> None:
        """Let huggingface_hub ask this server, with a cache and a token of its own."""
        for name, value in {
            "ENDPOINT": self.endpoint,
            "HUGGINGFACE_CO_URL_TEMPLATE": f"{self.endpoint}/{{repo_id}}/resolve/{{revision}}/{{filename}}",
            "HF_HUB_OFFLINE": False,
            "HF_HUB_CACHE": self._cache.name,
            "HF_TOKEN_PATH": str(Path(self._cache.name) / "token"),
            "HF_STORED_TOKENS_PATH": str(Path(self._cache.name) / "tokens"),
        }.items():
            patch.setattr(f"huggingface_hub.constants.{name}", value)
        patch.delenv("HF_TOKEN", raising=False)
        patch.delenv("HUGGING_FACE_HUB_TOKEN", raising=False)
        if token is not None:
            patch.setenv("HF_TOKEN", token)

    def close(self) -> None:
        """Stop it."""
        self._server.shutdown()
        self._server.server_close()
        self._cache.cleanup()


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                self._answer(401, {"error": "Invalid username or password."})
            elif self.path == "/api/repos/create":
                asked = json.loads(body)
                name = f"{asked['organization']}/{asked['name']}" if asked.get("organization") else asked["name"]
                hub.repositories.setdefault(name, {})
                hub.private |= {name} if asked.get("private") or asked.get("visibility") == "private" else set()
                self._answer(200, {"url": f"{hub.endpoint}/{name}", "name": name})
            elif self.path == "/api/validate-yaml":
                self._answer(200, {"errors": [], "warnings": []})
            elif "/preupload/" in self.path:
                files = [{"path": x["path"], "uploadMode": "regular", "shouldIgnore": False} for x in json.loads(body)["files"]]  # fmt: skip  # noqa: E501
                self._answer(200, {"files": files})
            elif "/commit/" in self.path:
                name = self.path.removeprefix("/api/models/").split("/commit/")[0]
                lines = [json.loads(line) for line in body.splitlines()]
                added = [line["value"] for line in lines if line["key"] == "file"]
                hub.repositories[name] |= {one["path"]: base64.b64decode(one["content"]) for one in added}
                sha = hashlib.sha1(body).hexdigest()
                url = f"{hub.endpoint}/{name}/commit/{sha}"
                self._answer(200, {"commitUrl": url, "commitOid": sha, "success": True, "hookOutput": ""})
            else:
                self._answer(404, {"error": "not found"})

        def do_HEAD(self) -> None:
            self._file(body=False)

        def do_GET(self) -> None:
            if self.path.startswith("/api/models/"):
                self._listing()
            else:
                self._file(body=True)

        def _listing(self) -> None:
            name, _, rest = self.path.split("?")[0].removeprefix("/api/models/").partition("/tree/")
            name = name.split("/revision/")[0]
            if name not in hub.repositories:
                self._answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"})
                return
            files = hub.repositories[name]
            tree = [
                {"type": "file", "path": path, "size": len(x), "oid": hashlib.sha1(x).hexdigest()}
                for path, x in files.items()
            ]
            sha = hashlib.sha1(name.encode()).hexdigest()
            about = {"id": name, "sha": sha, "siblings": [{"rfilename": path} for path in files]}
            self._answer(200, tree if rest else about)

        def _file(self, body: bool) -> None:
            name, _, rest = self.path.split("?")[0].strip("/").partition("/resolve/")
            revision, _, file = rest.partition("/")
            if name not in hub.repositories:
                self._answer(401, {"error": "Repository not found"}, {"X-Error-Code": "RepoNotFound"}, body=body)
            elif revision not in ("main", "v1", hashlib.sha1(name.encode()).hexdigest()):
                self._answer(404, {"error": "Invalid rev id"}, {"X-Error-Code": "RevisionNotFound"}, body=body)
            elif file not in hub.repositories[name]:
                self._answer(404, {"error": "Entry not found"}, {"X-Error-Code": "EntryNotFound"}, body=body)
            else:
                content = hub.repositories[name][file]
                etag = hashlib.sha1(content).hexdigest()
                head = {"ETag": f'"{etag}"', "X-Repo-Commit": hashlib.sha1(name.encode()).hexdigest()}
                self._send(200, content, head, body)

        def _answer(self, status: int, values: Any, head: dict[str, str] | None = None, body: bool = True) -> None:
            self._send(status, json.dumps(values).encode(), {"Content-Type": "application/json", **(head or {})}, body)

        def _send(self, status: int, content: bytes, head: dict[str, str], body: bool) -> None:
            self.send_response(status)
            for key, value in {**head, "Content-Length": str(len(content))}.items():
                self.send_header(key, value)
            self.end_headers()
            if body:
                self.wfile.write(content)

    return Handler
