"""One folder over HTTP on this machine alone, for a browser on another one behind a tunnel: to look, not to change."""

from __future__ import annotations

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from edgewise.runs.store.names import PAGE

HOST = "127.0.0.1"
_REFUSED = "Only GET and HEAD of files of this folder"


class Handler(SimpleHTTPRequestHandler):
    """Files of the folder itself: no other method, no folder within it or above it, no list of what there is."""

    def do_GET(self) -> None:
        """A file of the folder."""
        if self._is_allowed():
            super().do_GET()

    def do_HEAD(self) -> None:
        """Its headers."""
        if self._is_allowed():
            super().do_HEAD()

    def end_headers(self) -> None:
        """What is shown is never older than the file, and its kind is what we say."""
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing of each request."""

    def _is_allowed(self) -> bool:
        """Whether a plain file of the folder is asked for, by its name; else it is refused. ``/`` asks for the page."""
        if not self._is_local():
            self.send_error(403, _REFUSED)
            return False
        asked = unquote(self.path.partition("?")[0]).removeprefix("/") or PAGE
        if asked not in _names(Path(self.directory)):
            self.send_error(404, "No such file")
            return False
        self.path = f"/{quote(asked)}"
        return True

    def _is_local(self) -> bool:
        """Whether the request names this machine: a page of a stranger, under a name of its own, may not read ours."""
        return self.headers.get("Host", "").rsplit(":", 1)[0] in (HOST, "localhost")


def _names(folder: Path) -> set[str]:
    """Of the files that may be given: no link, which may lead elsewhere, and none that is hidden."""
    every = (path for path in folder.iterdir() if not path.name.startswith("."))
    return {path.name for path in every if path.is_file() and not path.is_symlink()}


def server(folder: Path, port: int = 0) -> ThreadingHTTPServer:
    """Return a server of a folder, which does not run yet.

    Args:
        folder: whose files it gives.
        port: on this machine; any that is free by default.

    Raises:
        OSError: the port is taken.
    """
    return ThreadingHTTPServer((HOST, port), partial(Handler, directory=str(folder)))
