"""The hub where it cannot be reached: what is cached is taken at once, and nothing is asked for over and over.

``huggingface_hub`` asks six times for each file, over 23 seconds, before it looks into its cache.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit
from urllib.request import getproxies

from huggingface_hub import constants


@contextmanager
def asked_where_reachable() -> Iterator[None]:
    """While in force, ``huggingface_hub`` is offline where its server has no address here and no proxy is set."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = before or not _has_address()
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE = before


def _has_address() -> bool:
    server = urlsplit(constants.ENDPOINT)
    if getproxies().keys() & {server.scheme, "all"}:
        return True
    try:
        socket.getaddrinfo(server.hostname, server.port or server.scheme)
    except OSError:
        return False
    return True
