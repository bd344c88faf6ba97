"""What libraries say of a model that cannot be had, without their advice and never cut within it."""

from __future__ import annotations

import pytest

from edgewise.errors import ModelError, UnknownNameError
from edgewise.models.pretrained.library import told

OFFLINE = (
    "We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the cached files.\n"
    "Check your internet connection or see how to run the library in offline mode at"
    " 'https://huggingface.co/docs/transformers/installation#offline-mode'."
)


@pytest.mark.parametrize("name", ["gpt2", "someone/nothing"])
def test_a_hub_that_is_not_reached(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught, told(name, name):
        raise OSError(OFFLINE)
    said = str(caught.value)
    assert said.endswith("to load the files, and couldn't find them in the cached files")
    assert "see how to run" not in said


def test_nothing_but_advice() -> None:
    with pytest.raises(UnknownNameError, match=r"it cannot be reached$"), told("a/b", "a/b"):
        raise OSError("Check your internet connection.")


def test_a_folder_needs_no_network(tmp_path: object) -> None:
    with (
        pytest.raises(ModelError, match=r"one of its files is missing or damaged; get the folder again$"),
        told("m", str(tmp_path)),
    ):
        raise OSError(OFFLINE)
