"""Panels of `attention_svm` on traps, on the landscape, and on Polyak's step."""

import numpy as np
from matplotlib.axes import Axes

from matsense.judging.claims import Run
from matsense.theory import attention as theory
from sims.figures import drawing
from sims.studies.attention_svm import laws
from sims.studies.attention_svm.panels import finish, finished, share_points, sizes, stacked, ticks


def traps(ax: Axes, runs: list[Run]) -> None:
    """(k) Equal other scores: who misses the best tokens, against the lag of the deepest trap."""
    drawing.panel(
        ax, "k", "traps (a finding here): equal other scores", "lag c of the inputs left",
        "share that misses the best tokens",
    )  # fmt: skip
    chosen = [run for run in finished(runs, "equal") if "lag" in run.quantities]
    forced = finished(runs, "trap")
    edges = np.arange(-0.25, 2.51, 0.25)
    kinds = ((chosen, "lag", "from W = 0: deepest trap"), (forced, "own_lag", "from far out"))
    for index, (same, name, label) in enumerate(kinds):
        lag = np.array([float(run.quantities[name]) for run in same])
        missed = np.array([1 - float(run.quantities["best"]) for run in same])
        bins = np.digitize(lag, edges)
        filled = [b for b in range(1, len(edges)) if (bins == b).any()]
        if filled:
            places = [edges[b] - 0.125 + 0.03 * index for b in filled]
            share_points(
                ax, places, [list(missed[bins == b]) for b in filled], index,
                f"{label}\n({int(missed.sum())} of {len(same)} miss)",
            )  # fmt: skip
    if chosen or forced:
        drawing.theory(ax, [edges[0], 1.0], [0.0, 0.0], label="no trap: none misses")
        drawing.theory(ax, [1.0, edges[-1]], [1.0, 1.0], 1, label="from far out:\nall miss, c > 1")
        ax.axvline(1.0, color="black", linewidth=0.8, linestyle=":")
    finish(ax, chosen or forced)


def polyak(ax: Axes, runs: list[Run]) -> None:
    """(l) Polyak's step: direction against t."""
    drawing.panel(ax, "l", "Polyak's step", "step t", "$1-\\mathrm{corr}(W,W_a)$", "log log")
    shown: list[Run] = []
    for index, queries in enumerate(("cross", "self")):
        chosen = [r for r in finished(runs, "polyak") if r.params["queries"] == queries]
        if chosen:
            shown = chosen
            t, error = ticks(chosen), stacked(chosen, "misalignment")
            drawing.traces(ax, t, error, index, f"{queries}-attention,\n{sizes(chosen)}")
            law, late = np.median(error[:, -1]) * (t / t[-1]) ** -theory.EXPONENT, t >= 3
            drawing.theory(ax, t[late], law[late], index, label="$\\propto t^{-2}$")
    finish(ax, shown)


def landscape(ax: Axes, runs: list[Run]) -> None:
    """(m) The least cosine between -grad L and W_mm in each instance, over its derived bound."""
    drawing.panel(
        ax, "m", "is there a stationary point?", "instance",
        "least cos(-grad L, $W_{mm}$) / bound",
    )  # fmt: skip
    shown: list[Run] = []
    for index, (equal, label) in enumerate(((1, "equal other scores"), (0, "unequal scores"))):
        chosen = finished(runs, "landscape", equal=equal)
        if chosen:
            shown = chosen
            height = np.sort([laws.steepness(run) for run in chosen])
            ax.plot(
                np.arange(1, len(height) + 1), height, drawing.marker(index),
                color=drawing.colour(index), markersize=4, label=f"{label},\n{sizes(chosen)}",
            )  # fmt: skip
    if shown:
        count = [1.0, float(len(shown))]
        drawing.theory(ax, count, [1.0, 1.0], label="bound for equal scores")
        ax.axhline(0.0, color="black", linewidth=0.8, linestyle=":")
    finish(ax, shown)


def first_step(ax: Axes, runs: list[Run]) -> None:
    """(n) Who misses the best tokens, with a first step that separates them and without."""
    drawing.panel(
        ax, "n", "equal other scores, NGD from W = 0", "does the first step separate the best?",
        "share that misses them",
    )  # fmt: skip
    chosen = [run for run in finished(runs, "equal") if "first_margin" in run.quantities]
    rows = [
        [
            1 - float(r.quantities["best"])
            for r in chosen
            if (r.quantities["first_margin"] > 0) == yes
        ]
        for yes in (False, True)
    ]
    for place, row in enumerate(rows):
        if row:
            share_points(ax, [place], [row], place, f"{int(sum(row))} of {len(row)} miss")
    ax.set_xticks([0, 1], ["no", "yes"])
    ax.set_xlim(-0.5, 1.5)
    finish(ax, chosen)
