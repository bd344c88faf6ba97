"""A metric as a value: its function, what it needs, and what it must return."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from edgewise.errors import MetricError
from edgewise.metrics.batch import HasAnswers, MetricBatch

MetricFunction = Callable[[Tensor, MetricBatch], Tensor]


@dataclass(frozen=True, repr=False)
class Metric:
    """A function from logits to one number a prompt, with what has to be known about it.

    Args:
        name: what messages and results call it.
        fn: logits `[batch, n_positions, vocab]`, at least float32, and a `MetricBatch` to values `[batch]`.
        summary: one line for lists.
        needs: the fields of a prompt that must not be empty, of "answers" and "wrong_answers".
        needs_clean_logits: whether `MetricBatch.clean_logits` must be filled.
        needs_corrupted_logits: whether `MetricBatch.corrupted_logits` must be.
        flat_at_clean: why its gradient vanishes at the clean run, where gradient methods need it; None if it
            does not.
        flat_everywhere: whether it vanishes at any other run too.
        higher_is_better: False for a distance or a loss.
        answers_alone: whether it looks at the logits of the answers and wrong answers and at no others.
        one_a_position: whether the answers are no set, but the tokens that are right at each position read, in order.
    """

    name: str
    fn: MetricFunction
    summary: str
    needs: tuple[str, ...] = ()
    needs_clean_logits: bool = False
    needs_corrupted_logits: bool = False
    flat_at_clean: str | None = None
    flat_everywhere: bool = False
    higher_is_better: bool = True
    answers_alone: bool = False
    one_a_position: bool = False

    def __repr__(self) -> str:
        """Show its name and what it is."""
        return f"Metric({self.name!r}: {self.summary})"

    def check(self, pairs: Sequence[HasAnswers]) -> None:
        """Refuse prompts that lack a field the metric needs.

        Raises:
            MetricError: naming the first such row, the field and the fix.
        """
        for index, pair in enumerate(pairs):
            row = getattr(pair, "row", 0) or index + 1
            if self.one_a_position and len(pair.answers) != len(pair.positions):
                raise MetricError(
                    f"metric '{self.name}' reads an answer a position, and row {row} has {len(pair.answers)} of"
                    f" {len(pair.positions)}; read the file with --answer-tokens all, or use 'log-prob'"
                )
            for field in self.needs:
                if not getattr(pair, field):
                    raise MetricError(
                        f"metric '{self.name}' needs {field}, and row {row} has none; "
                        f"add {field} to the row or use {self._alternative(field)}"
                    )

    def __call__(self, logits: Float[Tensor, "batch n_positions vocab"], batch: MetricBatch) -> Float[Tensor, " batch"]:
        """Value of each prompt, computed in float32 or the logits' own precision where that is higher.

        Args:
            logits: at the positions each prompt reads, right-padded.
            batch: the answers.

        Raises:
            MetricError: logits of another run are needed and absent, or the result is not `[batch]` floats.
        """
        if self.needs_clean_logits:
            batch.require_clean(self.name)
        if self.needs_corrupted_logits:
            batch.require_corrupted(self.name)
        values = self.fn(logits.to(torch.promote_types(logits.dtype, torch.float32)), batch)
        self._check_result(values, logits)
        return values

    def _alternative(self, field: str) -> str:
        return "the metric 'log-prob'" if field == "wrong_answers" else "the metric 'kl'"

    def _check_result(self, values: object, logits: Tensor) -> None:
        expected = [logits.shape[0]]
        if not isinstance(values, Tensor):
            raise MetricError(
                f"metric '{self.name}' returned {type(values).__name__}; return a tensor of shape {expected}"
            )
        if list(values.shape) != expected or not values.is_floating_point():
            kind = str(values.dtype).removeprefix("torch.")
            raise MetricError(
                f"metric '{self.name}' returned {kind} of shape {list(values.shape)} for logits "
                f"{list(logits.shape)}; return one float a prompt, shape {expected}"
            )
