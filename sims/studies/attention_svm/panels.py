"""What the panels of `attention_svm` are made of: which runs, sizes, shares with intervals."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from matsense.judging.claims import Run
from matsense.judging.proportions import share
from sims.figures import drawing


def finished(runs: Sequence[Run], sweep: str, **fixed: Any) -> list[Run]:
    """Finished runs of a sweep with these parameters, whatever the others are."""
    return [
        run
        for run in runs
        if run.sweep == sweep
        and run.status == "ok"
        and all(run.params[axis] == value for axis, value in fixed.items())
    ]


def ticks(chosen: Sequence[Run]) -> np.ndarray:
    """The common ticks of runs."""
    return np.asarray(chosen[0].quantities["t"])


def stacked(chosen: Sequence[Run], name: str) -> np.ndarray:
    """One row a run."""
    return drawing.stack(chosen, lambda run: run.quantities[name])


def sizes(chosen: Sequence[Run]) -> str:
    """n, T, d of runs that share them."""
    p = chosen[0].params
    return f"n = {p['n']}, T = {p['T']}, d = {p['d']}"


def finish(ax: Axes, chosen: Sequence[Run], title: str | None = None) -> None:
    """A legend, or the remark that there is nothing to see."""
    drawing.legend(ax, title) if chosen else drawing.empty(ax)


def share_points(
    ax: Axes, places: Sequence[float], outcomes: Sequence[Sequence[float]], index: int, label: str
) -> None:
    """Shares of 1s with the Wilson intervals of as many independent runs; nothing for no places."""
    if not places:
        return
    found = [share(np.array(row) > 0, np.arange(len(row))) for row in outcomes]
    arms = np.array([[middle, middle - low, high - middle] for middle, (low, high) in found])
    ax.errorbar(
        places,
        arms[:, 0],
        yerr=arms[:, 1:].T,
        fmt=drawing.marker(index),
        color=drawing.colour(index),
        markerfacecolor="white",
        capsize=2,
        linewidth=0.8,
        label=label,
    )
