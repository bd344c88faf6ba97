"""`edgewise.clusters`: do these prompts use one circuit?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from edgewise.runs.clusters import Clusters, write_clusters
from edgewise.runs.clusters import clusters as find
from edgewise.runs.store.folder import Run
from edgewise.verbs.asked import folders_of
from edgewise.verbs.carried_out import carried_out


def clusters(
    runs: str | Path | Run | Sequence[str | Path | Run],
    *,
    clusters: int | None = None,
    most: int = 6,
    considered: int = 200,
    permutations: int = 99,
    seed: int = 0,
    out: str | Path | None = None,
    progress: bool = True,
) -> Clusters:
    r"""Tell whether the prompts of a run use one circuit, or are of several kinds, as `edgewise clusters` does.

    Each prompt is the square root of its own \|scores\|, ``[prompts, considered]``, made of length 1; k-means of these
    gives as many groups as the mean silhouette by cosine distance says (Rousseeuw 1987), held against those of scores
    that are permuted among prompts. No model is run.

    Args:
        runs: a run made with ``per_prompt=True``, or several of one model, or their folders.
        clusters: how many groups; as many as the silhouette says by default.
        most: the largest number of groups that is tried.
        considered: how many edges (or nodes) are looked at, those of largest mean \|score\|.
        permutations: how often scores are permuted, to tell what comes by chance.
        seed: of starts and permutations.
        out: JSON file for the numbers.
        progress: show what is waited for.

    Returns:
        The groups with their prompts and the edges that tell them apart, silhouette and p; of several runs the purity.

    Raises:
        RunError: no finished run, one without scores of single prompts, or runs of several models.
        DataError: too few prompts, or one that uses none of the edges.

    Example:
        ``edgewise.clusters(edgewise.discover(..., per_prompt=True)).groups``
    """
    with carried_out({}, overwrite=False, progress=progress, stop="nothing is kept") as execution:
        found = find(
            folders_of(runs),
            n_edges=considered,
            n_groups=clusters,
            most=most,
            permutations=permutations,
            seed=seed,
            execution=execution,
        )
    if out is not None:
        write_clusters(found, Path(out))
    return found
