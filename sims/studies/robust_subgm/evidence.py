"""The later panels of the judging figure: dense noise, iterations, dynamics, baselines."""

import math

import numpy as np
from matplotlib.axes import Axes

from matsense.fitting.estimate import Estimate
from matsense.judging.claims import Run
from matsense.theory import robust as theory
from sims.figures import drawing
from sims.figures.select import section, values
from sims.studies.robust_subgm import hypotheses
from sims.studies.robust_subgm import laws as law


def dense_noise(ax: Axes, runs: list[Run]) -> None:
    """(i) final error against nu sqrt(d r / m)."""
    title = "dense noise: final error, every $\\nu$ and m"
    drawing.panel(ax, "i", title, "$\\nu\\sqrt{dr/m}$", "final error", "log log")
    chosen = section(runs, "gaussian", "nu", "m", "alpha", "k", budget=0.65)
    starts = sorted({(run.params["k"], run.params["alpha"]) for run in chosen})
    for index, (k, alpha) in enumerate(starts):
        same = [run for run in chosen if (run.params["k"], run.params["alpha"]) == (k, alpha)]
        cells = sorted({(run.params["nu"], run.params["m"]) for run in same})
        x = [theory.gaussian_error(nu, m, same[0].params["d"], 1) for nu, m in cells]
        y = [
            [law.last(r) for r in same if (r.params["nu"], r.params["m"]) == cell] for cell in cells
        ]
        shifted = [value * 1.06**index for value in x]
        label = f"r' = {k}, $\\alpha$ = {alpha:g}"
        drawing.points_with_range(ax, shifted, y, index, label)
    if chosen:
        ends = np.array([min(x), max(x)])
        drawing.theory(ax, ends, math.sqrt(math.pi / 2) * ends, label="$\\sqrt{\\pi/2}\\,x$")
    drawing.legend(ax, "shifted apart") if chosen else drawing.empty(ax)


def when(passage: Estimate) -> float:
    """The time of a first passage, NaN where it lies beyond the horizon."""
    return passage.value if passage.above == 0 else math.nan


def iterations(ax: Axes, runs: list[Run]) -> None:
    """(j) iterations to error alpha, and to a recovered signal, against log(1/alpha)."""
    title = "iterations, p = 0, m = 1000, r' = 20"
    drawing.panel(ax, "j", title, "$\\log(1/\\alpha)$", "t", "log log")
    tied = section(runs, "sensing", "alpha", p=0.0, m=1000, k=20)
    direct = section(runs, "noiseless", "alpha", k=20)
    for index, (label, chosen, level) in enumerate(
        (
            ("error $\\alpha$, tied $\\rho$", tied, None),
            ("error $\\alpha$, noiseless rule", direct, None),
            ("error 0.01, tied $\\rho$", tied, hypotheses.RECOVERED),
        )
    ):
        reached = law.TIME if level is None else law.time_to("error", level)
        times = [
            [when(reached(run)) for run in chosen if run.params["alpha"] == alpha]
            for alpha in values(chosen, "alpha")
        ]
        x = [math.log(1 / alpha) for alpha in values(chosen, "alpha")]
        kept = [i for i, row in enumerate(times) if np.isfinite(row).all() and row]
        if kept:
            x, times = [x[i] for i in kept], [times[i] for i in kept]
            drawing.points_with_range(ax, x, times, index, label)
    if tied:
        p = tied[0].params
        L = np.sort([math.log(1 / alpha) for alpha in values(tied, "alpha")])
        drawing.theory(ax, L, p["budget"] * L**2 / p["eta"], 0, label="$(B/\\eta)\\log(1/\\alpha)$")
        drawing.plain_ticks(ax, np.round(L, 1).tolist())
    drawing.legend(ax) if tied else drawing.empty(ax)


def population(ax: Axes, runs: list[Run]) -> None:
    """(k) the error of the expected loss against t, with Thm 18's bound."""
    title = "expected loss, r = 3, r' = 20: spectral error"
    drawing.panel(ax, "k", title, "step t", "$\\|UU^T-X^*\\|_2$", "log log")
    chosen = section(runs, "population", "alpha", k=20, kappa=1.0, start="spectral")
    for index, alpha in enumerate(reversed(values(chosen, "alpha"))):
        same = [run for run in chosen if run.params["alpha"] == alpha]
        t = same[0].quantities["t"]
        error = drawing.stack(same, lambda run: run.quantities["spectral_error"])
        drawing.traces(ax, t, error, index, f"$\\alpha$ = {alpha:g}", most=30)
        bound = theory.population_bound(alpha, same[0].params["eta"], t[1:])
        drawing.theory(ax, t[1:], bound, index)
    title = "lines: bound\n$\\alpha^2/(\\eta\\alpha^2t+1)$"
    drawing.legend(ax, title) if chosen else drawing.empty(ax)


def residual_blocks(ax: Axes, runs: list[Run]) -> None:
    """(l) the residual block E and its idle part along a run, beside the whole error."""
    title = "one run: m = 1000, p = 0.3, $\\alpha=10^{-5}$, r' = 20"
    drawing.panel(ax, "l", title, "step t", "", "linear log")
    chosen = section(runs, "sensing", m=1000, p=0.3, alpha=1e-5, k=20)[:1]
    for run in chosen:
        t = run.quantities["t"]
        for index, (name, label) in enumerate(
            (
                ("error", "error"),
                ("left_over", "$\\|EE^T\\|_F$"),
                ("idle", "its part orthogonal\nto the rows of S"),
                ("travel", "travel so far"),
            )
        ):
            style = "-" if name == "travel" else drawing.marker(index)
            ax.plot(
                t, run.quantities[name], style, color=drawing.colour(index), label=label,
                markerfacecolor="white", markevery=3,
            )  # fmt: skip
        ax.axhline(run.params["alpha"] ** 2, color="black", linewidth=0.8, label="$\\alpha^2$")
    drawing.legend(ax) if chosen else drawing.empty(ax)


def methods(ax: Axes, runs: list[Run]) -> None:
    """(m) SubGM's rules and the baselines under outliers."""
    title = "methods, p = 0.1, outliers N(0, 100), m = 1000, r' = 20, $\\alpha=10^{-5}$"
    drawing.panel(ax, "m", title, "step t", "error", "linear log")
    names = {
        "tied": "SubGM, tied $\\rho$",
        "noiseless": "SubGM, noiseless rule",
        "polyak": "SubGM, Polyak (told f*)",
        "scaled": "ScaledSM, damped (told f*)",
        "l2": "GD on the $\\ell_2$ loss",
    }
    for index, (name, label) in enumerate(names.items()):
        own = [run for run in runs if run.params.get("method") == name]
        chosen = section(own, "methods", p=0.1, k=20)
        if chosen:
            error = drawing.stack(chosen, lambda run: run.quantities["error"])
            t = chosen[0].quantities["t"]
            drawing.traces(ax, t, error, index, label, most=30)
    drawing.legend(ax)
