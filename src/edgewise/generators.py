"""Long methods are generators of states; here they are run to their end.

What runs a generator to its end takes the arguments of the generator, which alone describes them.
"""

from __future__ import annotations

import functools
import inspect
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import ParamSpec, TypeVar

Asked = ParamSpec("Asked")
State = TypeVar("State")
Result = TypeVar("Result")


def last_of(states: Iterable[State]) -> State:
    """The last state of a method. One is held at a time: each may hold arrays of the graph's size."""
    (last,) = deque(states, maxlen=1)
    return last


def at_the_end_of(
    begin: Callable[Asked, Iterator[State]],
) -> Callable[[Callable[[State], Result]], Callable[Asked, Result]]:
    """Make of what is done with the last state a function that takes the generator's arguments and runs it to its end.

    Its help is its own, then the generator's from the arguments on.

    Args:
        begin: the method.

    Example:
        ``@at_the_end_of(attribute)`` above ``def score_edges(last: AttributionState) -> EdgeScores: ...``
    """

    def of(result: Callable[[State], Result]) -> Callable[Asked, Result]:
        @functools.wraps(result)
        def run(*args: Asked.args, **kwargs: Asked.kwargs) -> Result:
            return result(last_of(begin(*args, **kwargs)))

        returned = result.__annotations__.get("return")
        _, heading, described = inspect.cleandoc(begin.__doc__ or "").partition("\nArgs:\n")
        run.__doc__ = f"{inspect.cleandoc(result.__doc__ or '')}\n{heading}{described}"
        run.__annotations__ = begin.__annotations__ | {"return": returned}
        run.__signature__ = inspect.signature(begin).replace(return_annotation=returned)  # type: ignore[attr-defined]
        return run

    return of
