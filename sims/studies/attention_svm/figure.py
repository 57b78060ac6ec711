"""The figures of `attention_svm`: what claims do not show by themselves, and the paper's own."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from matsense.judging.runs import Run
from matsense.theory import attention as theory
from sims.figures import drawing
from sims.study import along, by_hand, final, law, recorded, runs, shares, traces


def limiting(size: np.ndarray, misalignment: np.ndarray) -> np.ndarray:
    """C size^-2 through the last value, where that is less than 1."""
    own = misalignment[-1] * (size / size[-1]) ** -theory.EXPONENT
    return np.where(own < 1, own, np.nan)


def ngd_law(run: Run, t: np.ndarray, misalignment: np.ndarray) -> np.ndarray:
    """C t^-2, for the gradient that does not cancel."""
    return limiting(t, misalignment) if run.sweep == "ngd" else np.full(len(t), np.nan)


def gd_law(norm: np.ndarray, misalignment: np.ndarray) -> np.ndarray:
    """C / ||W||^2, which is C / ln^2 t in the limit."""
    return limiting(norm, misalignment)


def proved(n: int, T: int, d: float) -> float:
    """1 where every token choice is proved to be feasible."""
    return 1.0 if d >= theory.least_dimension(n, T) else np.nan


def tables(ax: Any, found: list[Run], verdicts: Sequence[Any]) -> None:
    """Two-by-two tables, one a line: a condition (yes, no) and how many end how."""
    questions = (
        ("along a locally optimal choice: kept it", "start", "local == 1", "stays"),
        ("in a trap, c > 1: reached the best", "trap", "own_lag > 1", "best"),
        ("has a trap, c > 1: reached the best", "equal", "lag > 1", "best"),
        ("first step separates: reached the best", "equal", "first_margin > 0", "best"),
    )
    cells = []
    for words, sweep, condition, outcome in questions:
        cells.append([words])
        for seen in (condition, f"not {condition}"):
            own = [final(outcome)(run).value for run in found if runs(sweep, seen=seen)(run)]
            cells[-1].append(f"{sum(own):.0f} of {len(own)}")
    ax.axis("off")
    place = {"cellLoc": "center", "loc": "center", "colWidths": [0.64, 0.18, 0.18]}
    ax.table(cells, colLabels=["NGD", "if so", "if not"], **place).scale(1, 1.5)


CROSS = runs("ngd", where="queries == 'cross'")
panels = (
    traces(
        "misalignment",
        of=runs("ngd", "published", "autograd"),
        by={
            "as here, float64": CROSS,
            "automatic differentiation, float64": runs("published"),
            "automatic differentiation, float32": runs("autograd"),
        },
        law=law(r"\propto t^{-2}", ngd_law),
        title="NGD; a gradient that cancels is rounding beyond logit gaps of 36.7, of 16.6",
        y=r"$1-\mathrm{corr}(W,W_a)$",
    ),
    traces(
        "misalignment",
        of=runs("gd"),
        law=law(r"\propto\|W\|^{-2}\sim\ln^{-2}t", gd_law),
        title="plain GD, at smaller sizes",
        y=r"$1-\mathrm{corr}(W,W_a)$",
    ),
    along(
        "kappa",
        recorded("to_nuclear / to_frobenius"),
        of=runs("path_w", "path_kq"),
        by={"over W": runs("path_w"), "over (K, Q), m = d": runs("path_kq", where="m == 6")},
        law=1,
        title="regularisation paths: which solution do they tend to?",
        y="distance to nuclear solution / to $W_{mm}$",
    ),
    shares(
        "d",
        final("feasible"),
        of=runs("feasible", where="n == 8 and T == 9"),
        law=law(r"d\geq\max(T-1,n)", proved),
        title="random token choices that can be separated: proved where sufficient",
    ),
    by_hand("who arrives, who stays: traps and locally optimal choices", tables),
    traces(
        "to_nuclear / to_frobenius",
        of=runs("kq", "kq_gd"),
        by={"NGD": runs("kq"), "plain GD": runs("kq_gd")},
        law=1,
        title="an observation without a claim: descent on (K, Q)",
        y="distance to nuclear solution / to $W_{mm}$",
    ),
)


def plane(ax: Any, found: list[Run], verdicts: Sequence[Any]) -> None:
    """W(t) z_i in the plane for n = 2, T = 3, d = 2, beside the direction of W_mm z_i."""
    chosen = [run for run in found if run.sweep == "plane" and run.quantities["best"] == 1]
    if not chosen:
        drawing.empty(ax)
        return
    q = chosen[0].quantities
    for i, (X, z, best) in enumerate(zip(q["X"], q["z"], q["chosen"].astype(int), strict=True)):
        style: Any = {"color": drawing.colour(2 * i), "linestyle": "none"}
        shape = drawing.marker(i)
        others = np.delete(X, best, axis=0)
        ax.plot(
            *others.T, shape, markerfacecolor="white", label=f"tokens of input {i + 1}", **style
        )
        ax.plot(*X[best], shape, markersize=8, label="its best token", **style)
        towards = q["W_mm"] @ z
        ax.plot(*np.outer(towards / np.linalg.norm(towards), [0.0, 1.9]), color=style["color"])
        # Radius log(1 + ||W z||), so that a path that runs off to infinity stays in the picture.
        moved = q["W"] @ z
        length = np.linalg.norm(moved, axis=1)
        radius = np.log1p(length) / np.log1p(length[-1]) * 1.8
        ax.plot(
            *(moved.T / length * radius), "k" + shape, markersize=2.2, label="$W(t)z$, log radius"
        )
    ax.set_aspect("equal")


def outcomes(ax: Any, found: list[Run], verdicts: Sequence[Any]) -> None:
    """Stacked shares of runs at the best, another locally optimal, or neither choice."""
    looks = [run for run in found if run.sweep == "shares"]
    ds = sorted({run.params["d"] for run in looks})
    best, local = (
        np.array(
            [np.mean([r.quantities[name][0] for r in looks if r.params["d"] == d]) for d in ds]
        )
        for name in ("best", "local")
    )
    floor, tints = np.zeros(len(ds)), (drawing.COLOURS[0], drawing.COLOURS[3], "0.85")
    layers = {"global": best, "local": local - best, "neither": 1 - local}
    for (label, layer), tint in zip(layers.items(), tints, strict=True):
        ax.bar(np.arange(len(ds)), layer, bottom=floor, color=tint, width=0.7, label=label)
        floor = floor + layer
    ax.set_xticks(np.arange(len(ds)), [f"{d}" for d in ds])
    ax.set_xlabel("d")


# The pictures of the paper, drawn again at its sizes (recalled).
papers = (
    traces(
        "1 - to_best",
        of=runs("ngd", where="queries == 'cross'", seen=lambda to_best=None: to_best is not None),
        scales="log linear",
        title="correlation with $W_{mm}$, the best tokens",
        y="correlation",
    ),
    traces(
        "1 - misalignment",
        of=CROSS,
        scales="log linear",
        title="correlation with $W_a$, the run's own tokens",
        y="correlation",
    ),
    by_hand("n = 2, T = 3, d = 2: where $W(t) z_i$ goes", plane),
    by_hand("n = T = 5: choices after 1500 iterations", outcomes),
)
