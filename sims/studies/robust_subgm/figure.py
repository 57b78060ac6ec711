"""The figures of `robust_subgm`: what decides recovery, and the paper's own figures.

The latter stand at the paper's sizes, beside values read off Fig. 1: d = 20, r = 3, m = 500,
eigenvalues 10, 5, 1, outliers N(0, 100). The paper prints neither eta nor rho nor seeds: eta = 0.3
here, and for every curve the travel B = eta / (1 - rho) with the smallest median final error of a
small grid is shown, as one would tune it. The layout of Figs. 2, 3, 5, 6 and 7 follows their
subject, not their captions. At p = 0.1 and m = 500 the large start of Fig. 2 ends above the truth's
loss; a loss below it needs fewer measurements or more outliers (sweep "landscape").
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import norm

from matsense.judging.runs import Run
from matsense.theory import robust as theory
from sims.figures import drawing
from sims.studies.robust_subgm.claims import (
    BY_ALPHA,
    DEFICIT,
    DELTA,
    GROUP,
    LAST,
    MEDIAN,
    PHI,
    RECOVERED,
)
from sims.studies.robust_subgm.trials import BUDGET, PAPER_SPECTRUM
from sims.study import along, by_hand, histogram, law, recorded, runs, traces

SCORE = law(
    "standard errors from the closed form",
    lambda phi, m, closed=PHI: (phi - closed) / theory.phi_error(closed, m),
)
panels = (
    along(
        GROUP,
        LAST,
        of=runs("recovery", where="scale > 0"),
        by=("d", "p"),
        law=RECOVERED,
        title="$(1-p)^2m/(dr)$ decides recovery, not $p$",
        y="final error (line: recovered)",
    ),
    along(
        "m",
        2 - BY_ALPHA,
        of=runs("sensing", where="k == 20"),
        by="p",
        law=DEFICIT,
        title=r"how far finite m lowers the exponent in $\alpha$",
    ),
    along(
        law(r"\nu\sqrt{dr/m}", theory.gaussian_error),
        LAST,
        of=runs("gaussian", where=f"budget == {BUDGET}"),
        by=("k", "alpha"),
        law=MEDIAN,
        title="dense noise",
        y="final error",
    ),
    along(
        "m",
        DELTA,
        of=runs("deviation", where="d == 20 and k == 2 and law == 'gaussian'"),
        by="p",
        law=theory.deviation_scale,
        title=r"Sign-RIP's $\delta$ (lower bound) and $\sqrt{dk/m}/(1-p)$",
    ),
    histogram(
        recorded(SCORE),
        of=runs("scaling", where="law != 'adversarial'"),
        law=law("N(0, 1)", lambda x: norm.pdf(x)),
        title=r"$\langle Q,X/\|X\|\rangle$ beside $\varphi$ in closed form",
    ),
    traces(
        "error",
        of=runs("methods", where="p == 0.1 and k == 20"),
        by="method",
        scales="linear log",
        title="methods under outliers N(0, 100)",
    ),
)

# Final errors read off Fig. 1a to 1c of the paper, and the sweeps that repeat them.
READ_OFF: dict[str, dict[float, float]] = {
    "k": {3: 1e-15, 4: 1.5e-14, 10: 1.5e-14, 20: 1.5e-14},
    "p": {0.0: 4e-12, 0.2: 1e-8, 0.4: 4e-6, 0.6: 0.15},
    "alpha": {1.0: 3e-2, 1e-5: 6e-5, 1e-10: 7e-9, 1e-15: 1e-12},
}
SWEEPS = {"k": "paper_rank", "p": "paper_share", "alpha": "paper_start"}
NAMES = {"k": "r'", "p": "p", "alpha": "$\\alpha$"}


def medians(chosen: Sequence[Run]) -> dict[float, float]:
    """The median final error of each travel."""
    travels = sorted({run.params["travel"] for run in chosen})
    return {
        travel: float(
            np.median([LAST(run).value for run in chosen if run.params["travel"] == travel])
        )
        for travel in travels
    }


def tuned(chosen: Sequence[Run]) -> list[Run]:
    """The runs of the travel with the smallest median final error."""
    found = medians(chosen)
    return [run for run in chosen if run.params["travel"] == min(found, key=found.__getitem__)]


def fields(found: Sequence[Run], axis: str) -> dict[float, list[Run]]:
    """The runs of the sweep for one of the paper's axes, for each of its values."""
    chosen = [run for run in found if run.sweep == SWEEPS[axis]]
    places = sorted({run.params[axis] for run in chosen})
    return {x: [run for run in chosen if run.params[axis] == x] for x in places}


def scaled(ax: Any, x: str, y: str, scales: str = "log log") -> None:
    """Names and scales of the axes."""
    drawing.panel(ax, "", "", x, y, scales)


def curves(axis: str) -> Callable[..., None]:
    """The error against t for each value of an axis, with the read-off values."""

    def paint(ax: Any, found: list[Run], verdicts: Any) -> None:
        scaled(ax, "step t", "error")
        for index, (x, chosen) in enumerate(fields(found, axis).items()):
            same = tuned(chosen)
            error = drawing.stack(same, lambda run: run.quantities["error"])
            label = f"{NAMES[axis]} = {x:g}, B = {same[0].params['travel']:g}"
            drawing.traces(ax, same[0].quantities["t"], error, index, label, most=30)
            if x in READ_OFF[axis]:
                ax.axhline(READ_OFF[axis][x], color=drawing.colour(index), linestyle="--")

    return paint


def agreement(ax: Any, found: list[Run], verdicts: Any) -> None:
    """Simulated over read-off, point by point; grey: medians over the searched travels."""
    scaled(ax, "final error / the paper's", "", "log linear")
    names: list[str] = []
    for index, axis in enumerate(READ_OFF):
        for x, chosen in fields(found, axis).items():
            printed, row = READ_OFF[axis].get(x, np.nan), len(names)
            searched = np.array(list(medians(chosen).values())) / printed
            best = np.array([LAST(run).value for run in tuned(chosen)]) / printed
            ax.plot([searched.min(), searched.max()], [row, row], "-", color="0.75")
            ax.plot(best, np.full(len(best), row), ".", color=drawing.colour(index))
            names.append(f"1{'abc'[index]}: {NAMES[axis]} = {x:g}")
    ax.axvspan(0.1, 10, color="0.92", zorder=0)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()


def landscape(ax: Any, found: list[Run], verdicts: Any) -> None:
    """Loss against error along three runs from a large and from a small start."""
    scaled(ax, "error", "$f(U_t)/f(X^*)-1$")
    for index, (alpha, chosen) in enumerate(fields(found, "alpha").items()):
        for run in tuned(chosen)[:3] if alpha in (1.0, 1e-15) else []:
            excess = run.quantities["loss"] / run.quantities["loss_at_truth"] - 1
            label = f"$\\alpha$ = {alpha:g}" if run.seed == 0 else ""
            style = {"color": drawing.colour(index), "markerfacecolor": "white"}
            shown = np.maximum(excess, 1e-16)
            ax.plot(run.quantities["error"], shown, drawing.marker(index), label=label, **style)


def parts(scales: str, **curves_of: Callable[[Run], np.ndarray]) -> Callable[..., None]:
    """Numbers along one run: seed 0 of Fig. 1c's smallest start, at its tuned travel."""

    def paint(ax: Any, found: list[Run], verdicts: Any) -> None:
        scaled(ax, "step t", "", scales)
        starts = fields(found, "alpha")
        for run in tuned(starts[min(starts)]) if starts else []:
            for index, (name, values) in enumerate(curves_of.items() if run.seed == 0 else ()):
                style = {"color": drawing.colour(index), "markerfacecolor": "white"}
                label, shape = name.replace("_", " "), drawing.marker(index)
                ax.plot(run.quantities["t"], values(run), shape, label=label, **style)

    return paint


def learnt(number: int) -> Callable[[Run], np.ndarray]:
    """An eigenvalue of U U^T along the run."""
    return lambda run: np.asarray(run.quantities["learnt"][:, number])


def decay(run: Run) -> np.ndarray:
    """rho^t."""
    rho = 1 - run.params["eta"] / run.params["travel"]
    return np.asarray(rho ** run.quantities["t"].astype(float))


papers = (
    by_hand(r"Fig. 1a: search rank; p = 0.1, $\alpha=10^{-15}$; dashed: the paper's", curves("k")),
    by_hand(r"Fig. 1b: share of outliers; r' = 20, $\alpha=10^{-15}$", curves("p")),
    by_hand("Fig. 1c: start; r' = 20, p = 0.1", curves("alpha")),
    by_hand("simulated / read off; shaded: within a factor 10", agreement),
    by_hand("Fig. 2: loss against error along a run; p = 0.1, r' = 20", landscape),
    traces(
        "error",
        of=runs("paper_methods"),
        by="method",
        title=r"Fig. 3a: $\ell_1$ and $\ell_2$; p = 0.1, r' = 20, $\alpha=10^{-5}$, B = 16",
    ),
    traces(
        "error",
        of=runs("paper_noise", where="travel == 32"),
        by="nu",
        law=lambda nu, m, d: theory.gaussian_limit(nu, m, d, len(PAPER_SPECTRUM)),
        title=r"Fig. 3b: dense noise; r' = 20, $\alpha=10^{-10}$",
    ),
    by_hand(
        "Fig. 5: eigenvalues of $UU^T$, smallest start",
        parts("log linear", first=learnt(0), second=learnt(1), third=learnt(2), fourth=learnt(3)),
    ),
    by_hand(
        "Fig. 6: three phases: steps, linear, flat; same run",
        parts("log log", error=lambda run: run.quantities["error"], rho_to_the_t=decay),
    ),
    by_hand(
        r"Fig. 7: residual block, and its part orthogonal to the rows of S; same run",
        parts(
            "log log",
            residual_block=lambda run: run.quantities["left_over"],
            its_idle_part=lambda run: run.quantities["idle"],
        ),
    ),
)
