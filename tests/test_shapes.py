"""The checks of shapes are at work in these tests, and in every test from its first call on."""

from __future__ import annotations

import pytest
import torch
from jaxtyping import TypeCheckError

from edgewise.engine.run.answers import Answers

POSITIONS = torch.tensor([[3, 4], [1, 4]])
WRONG = torch.tensor([[True], [True]])


@pytest.mark.parametrize("again", range(2))
def test_a_wrong_shape_is_an_error(again: int) -> None:
    with pytest.raises(TypeCheckError, match="Answers"):
        Answers(POSITIONS, WRONG)


def test_functions_are_checked_too() -> None:
    answers = Answers(POSITIONS, WRONG.expand(2, 2))
    assert answers.read(torch.zeros(2, 5, 1)).shape == (2, 2, 1)
    with pytest.raises(TypeCheckError, match="read"):
        answers.read(torch.zeros(2, 5))
