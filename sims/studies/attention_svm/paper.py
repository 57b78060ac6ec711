"""The pictures of [tarzanagh2023svm], drawn again at the paper's sizes (recalled)."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.judging.claims import Run
from matsense.judging.judge import Verdict
from sims.figures import drawing
from sims.figures.select import values
from sims.studies.attention_svm.panels import finished, sizes, stacked, ticks

# The tick next to the authors' 2000 iterations.
LAST = 2200


def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
    """Correlation against iteration, the plane, and the shares for n = T = 5."""
    figure, axes = drawing.canvas(
        2,
        2,
        "The paper's own pictures (Tarzanagh, Li, Thrampoulidis, Oymak 2023), at its sizes."
        " NGD, $\\eta$ = 0.1, from W = 0; float64.",
    )
    correlations(axes[0], runs, "to_best", "a", "$W_{mm}$, the best tokens")
    correlations(axes[1], runs, "misalignment", "b", "$W_a$, the run's own tokens")
    plane(axes[2], runs)
    shares(axes[3], runs)
    return figure


def correlations(ax: Axes, runs: list[Run], name: str, letter: str, target: str) -> None:
    """Correlation with a max-margin solution against iteration: every run, and quartiles."""
    chosen = [run for run in finished(runs, "ngd", queries="cross") if name in run.quantities]
    size = f", {len(chosen)} runs, {sizes(chosen)}" if chosen else ""
    drawing.panel(ax, letter, f"correlation with {target}{size}", "iteration", "correlation")
    if not chosen:
        drawing.empty(ax)
        return
    shown = ticks(chosen) <= LAST
    t, corr = ticks(chosen)[shown], 1 - stacked(chosen, name)[:, shown]
    for index, row in enumerate(corr):
        ax.plot(t, row, color="0.8", linewidth=0.5, label="" if index else "each run")
    for index, share in enumerate((0.5, 0.25)):
        line = np.quantile(corr, share, axis=0)
        label = "median" if share == 0.5 else "lower quartile"
        ax.plot(t, line, drawing.marker(index), color=drawing.colour(index), label=label)
    if name == "to_best":
        best = np.mean([float(run.quantities["best"]) for run in chosen])
        ax.plot([], [], " ", label=f"all best: {100 * best:.0f}%")
    ax.set_ylim(0.35, 1.02)
    drawing.legend(ax)


def plane(ax: Axes, runs: list[Run]) -> None:
    """W(t) z_i in the plane for n = 2, T = 3, d = 2, beside the direction of W_mm z_i."""
    drawing.panel(ax, "c", "n = 2, T = 3, d = 2: where $W(t) z_i$ goes", "$e_1$", "$e_2$")
    chosen = [run for run in finished(runs, "plane") if float(run.quantities["best"]) == 1]
    if not chosen:
        drawing.empty(ax)
        return
    q = chosen[0].quantities
    for i, z in enumerate(q["z"]):
        best = int(np.argmax(q["scores"][i]))
        others = np.arange(len(q["X"][i])) != best
        tint, shape = drawing.colour(2 * i), drawing.marker(i)
        ax.plot(*q["X"][i][others].T, shape, color=tint, markerfacecolor="white", markersize=6,
                label=f"tokens of input {i + 1}")  # fmt: skip
        ax.plot(*q["X"][i][best], shape, color=tint, markersize=8, label="its best token")
        towards = q["W_mm"] @ z
        ax.plot(*np.outer(towards / np.linalg.norm(towards), [0.0, 1.9]), "-", color=tint,
                label="direction of $W_{mm}z_i$")  # fmt: skip
        moved = q["W"] @ z
        length = np.linalg.norm(moved, axis=1)
        # Radius log(1 + ||W z||), so that a path that runs off to infinity stays in the picture.
        radius = np.log1p(length) / np.log1p(length[-1]) * 1.8
        ax.plot(*(moved.T / length * radius), "k" + shape, markersize=2.2,
                label="$W(t)z_i$, log radius" if i == 0 else "")  # fmt: skip
    ax.set_aspect("equal")
    drawing.legend(ax)


def shares(ax: Axes, runs: list[Run]) -> None:
    """Stacked shares of runs at the best, another locally optimal, or neither choice."""
    chosen = finished(runs, "shares")
    drawing.panel(ax, "d", "n = T = 5, after 1500 iterations", "d", "share of runs")
    if not chosen:
        drawing.empty(ax)
        return
    ds = values(chosen, "d")
    best = np.array([np.mean([r.quantities["best"][0] for r in finished(chosen, "shares", d=d)])
                     for d in ds])  # fmt: skip
    local = np.array([np.mean([r.quantities["local"][0] for r in finished(chosen, "shares", d=d)])
                      for d in ds])  # fmt: skip
    places = np.arange(len(ds))
    layers = ((best, "global"), (local - best, "local"), (1 - local, "neither"))
    floor = np.zeros(len(ds))
    for index, (layer, label) in enumerate(layers):
        tint = (drawing.COLOURS[0], drawing.COLOURS[3], "0.85")[index]
        ax.bar(places, layer, bottom=floor, color=tint, width=0.7, label=label)
        floor = floor + layer
    ax.set_xticks(places, [f"{d}" for d in ds])
    drawing.legend(ax)
