"""Without a network nothing waits for one: a name that is not here is refused, or found in the cache, at once."""

from __future__ import annotations

import socket
from typing import Any

import pytest
from huggingface_hub import constants

from edgewise.errors import UnknownNameError
from edgewise.models import open_model
from edgewise.models.pretrained.hub import asked_where_reachable


@pytest.fixture
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def nowhere(*_: Any) -> Any:
    raise socket.gaierror(-2, "Name or service not known")


@pytest.mark.usefixtures("_no_proxy")
def test_a_name_that_is_nowhere_is_refused_without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    monkeypatch.setattr("time.sleep", waited.append)
    with pytest.raises(UnknownNameError, match="unknown model 'dmeo'; did you mean 'demo'"):
        open_model("dmeo")
    assert waited == []
    assert not constants.HF_HUB_OFFLINE


@pytest.mark.usefixtures("_no_proxy")
def test_the_hub_is_asked_where_it_has_an_address_or_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    with asked_where_reachable():
        assert not constants.HF_HUB_OFFLINE
    monkeypatch.setattr(socket, "getaddrinfo", nowhere)
    with asked_where_reachable():
        assert constants.HF_HUB_OFFLINE
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    with asked_where_reachable():
        assert not constants.HF_HUB_OFFLINE


@pytest.mark.usefixtures("_no_proxy")
def test_who_is_offline_stays_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_: [])
    with asked_where_reachable():
        assert constants.HF_HUB_OFFLINE
    assert constants.HF_HUB_OFFLINE
