"""Do prompts use one circuit? Their own scores of the edges that matter, in groups by which edges they use.

1. Each prompt is the square root of |score| of some edges, made of length 1. So it is which edges it uses that counts,
   not how much of the metric it has, nor the sign, which may turn with the words (names in another order) while the
   edges stay. The cosine of two prompts is the Bhattacharyya coefficient of their |scores| as shares of a whole.
2. k-means for k = 2, 3, ...; the k of largest mean silhouette by cosine distance (Rousseeuw 1987) is taken. A prompt
   or two are no kind: where a group has fewer than three prompts, or than a tenth of all, the silhouette counts as 0.
3. The same of scores that are permuted among prompts, each edge by itself: as large a silhouette comes by chance with
   probability p.

They are said to be several groups where p is small and the silhouette is not: a mean below .25 is "no substantial
structure" (Kaufman and Rousseeuw 1990, table 4), and with many prompts even that may be improbable by chance.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from edgewise.errors import DataError
from edgewise.graph.arrays import FloatArray

Labels = npt.NDArray[np.int64]
STRUCTURE = 0.25
CHANCE = 0.05
FEWEST = 6
LEAST, LEAST_SHARE = 3, 0.1
_STARTS = 5


@dataclass(frozen=True)
class Grouping:
    """Prompts in groups.

    Args:
        labels: the group of each prompt, from 0, the largest group first, ``[n]``.
        silhouette: mean over prompts, from -1 to 1.
        silhouettes: of each number of groups that was tried, by that number.
        p: how probable as large a one is by chance; None where nobody asked.
        chance: the largest by chance.
    """

    labels: Labels
    silhouette: float
    silhouettes: dict[int, float]
    p: float | None
    chance: float | None

    @property
    def n_groups(self) -> int:
        """How many there are."""
        return int(self.labels.max()) + 1

    @property
    def several(self) -> bool:
        """Whether the prompts are of several kinds, as far as this tells."""
        return self.silhouette >= STRUCTURE and (self.p is None or self.p <= CHANCE)


def grouped(
    vectors: FloatArray,
    *,
    n_groups: int | None = None,
    most: int = 6,
    permutations: int = 99,
    seed: int = 0,
    report: Callable[[int], None] = lambda done: None,
) -> Grouping:
    """Put prompts into groups by the edges that they use.

    Args:
        vectors: scores, ``[n_prompts, n_edges]``.
        n_groups: how many groups; by default the number of the largest silhouette.
        most: the largest number that is tried.
        permutations: how often scores are permuted; 0 for no test of chance.
        seed: of starts and permutations.
        report: told how many permutations are done.

    Raises:
        DataError: too few prompts, or too few that any of the edges does something for.
    """
    numbers = _numbers(len(vectors), n_groups, most)
    units = directions(vectors)
    labels, silhouettes = _best(units, numbers, seed)
    found = max(silhouettes.values())
    rng = np.random.default_rng(abs(seed))
    by_chance = []
    for number in range(permutations):
        permuted = rng.permuted(units, axis=0)
        _, one = _best(permuted / np.linalg.norm(permuted, axis=1, keepdims=True), numbers, seed)
        by_chance.append(max(one.values()))
        report(number + 1)
    p = (1 + sum(value >= found for value in by_chance)) / (1 + permutations) if permutations else None
    return Grouping(_by_size(labels), found, silhouettes, p, max(by_chance, default=None))


def directions(scores: FloatArray) -> FloatArray:
    """The square root of |score|, each prompt's of length 1. Raises DataError where all of a prompt's are 0."""
    sizes = np.abs(scores)
    wholes = sizes.sum(1, keepdims=True)
    if not (wholes > 0).all():
        row = int(np.flatnonzero(wholes[:, 0] == 0)[0]) + 1
        raise DataError(f"prompt {row}: all of its scores are 0, so it uses none of the edges; leave it out")
    return np.asarray(np.sqrt(sizes / wholes), dtype=np.float64)


def purity(labels: Labels, kinds: Sequence[int]) -> float:
    """Share of prompts that are of the commonest kind of their group (Manning et al. 2008, section 16.3)."""
    of_kind = np.asarray(kinds)
    commonest = (np.bincount(of_kind[labels == group]).max() for group in np.unique(labels))
    return float(sum(commonest) / len(labels))


def _numbers(n: int, n_groups: int | None, most: int) -> range:
    if n < FEWEST:
        raise DataError(f"{n} prompts are too few to be put into groups; give at least {FEWEST}")
    if n_groups is not None and not 2 <= n_groups <= n // 2:
        raise DataError(f"{n_groups} groups of {n} prompts; give 2 to {n // 2}")
    return range(2, min(most, n // 3) + 1) if n_groups is None else range(n_groups, n_groups + 1)


def _best(units: FloatArray, numbers: range, seed: int) -> tuple[Labels, dict[int, float]]:
    """The groups of the number whose silhouette is largest, and that of each number."""
    learn = _sklearn()
    silhouettes: dict[int, float] = {}
    best: tuple[float, Labels] | None = None
    for number in numbers:
        labels = learn.cluster.KMeans(number, n_init=_STARTS, random_state=abs(seed)).fit_predict(units)
        counts = np.bincount(labels)
        if len(counts) < 2:
            continue
        silhouettes[number] = 0.0
        if len(numbers) == 1 or counts.min() >= max(LEAST, LEAST_SHARE * len(units)):
            silhouettes[number] = float(learn.metrics.silhouette_score(units, labels, metric="cosine"))
        if best is None or silhouettes[number] > best[0]:
            best = silhouettes[number], labels.astype(np.int64)
    if best is None:
        raise DataError("the scores of all prompts are the same, so there are no groups to tell apart")
    return best[1], silhouettes


def _by_size(labels: Labels) -> Labels:
    """The same groups, numbered from the largest on."""
    _, first, counts = np.unique(labels, return_index=True, return_counts=True)
    order = np.lexsort((first, -counts))
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return place[np.unique(labels, return_inverse=True)[1]]


def _sklearn() -> Any:
    try:
        import sklearn.cluster
        import sklearn.metrics
    except ImportError as error:
        raise DataError(
            "groups of prompts need scikit-learn; install it with: pip install 'edgewise[clusters]'"
        ) from error
    return sklearn
