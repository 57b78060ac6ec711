"""The judging figure of `robust_subgm`: what each claim was judged on."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.judging.claims import Run
from matsense.judging.judge import Verdict
from matsense.theory import robust as theory
from sims.figures import drawing
from sims.figures.select import section, values
from sims.studies.robust_subgm import hypotheses
from sims.studies.robust_subgm import laws as law
from sims.studies.robust_subgm.evidence import (
    dense_noise,
    iterations,
    methods,
    population,
    residual_blocks,
)


def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
    """Fourteen panels; each says so if the sweep has no runs for it."""
    figure, axes = drawing.canvas(
        7,
        2,
        "Sub-gradient method for robust matrix recovery (Ma, Fattahi 2023). Errors are"
        " $\\|UU^T-X^*\\|_F$, not squared, $\\sigma_1=1$. Points: medians over seeds; bands and"
        " bars: their range; lines: predictions.\nfloat64, rounding floor of the error near"
        " $10^{-15}$; travel $B=\\sum\\eta_t\\|Q_t\\|=\\eta/(1-\\rho)"
        "=c\\,\\kappa\\,\\log(1/\\alpha)$ with $c=0.65$ unless shown; $\\eta=0.3$.",
    )
    panels: list[Callable[[Axes, list[Run]], None]] = [
        scaling,
        deviation,
        blow_up,
        alpha_error,
        deficit,
        travel,
        rank,
        collapse,
        dense_noise,
        iterations,
        population,
        residual_blocks,
        methods,
    ]
    for ax, show in zip(axes, panels, strict=False):
        show(ax, runs)
    equal = [v.claim for v in verdicts if callable(v.claim.target) and v.claim.sense == "equals"]
    drawing.panel(axes[13], "n", "measured / predicted, each run", "ratio", "")
    drawing.strip(axes[13], equal, runs)
    axes[13].set_xlim(0.4, 1.9)
    drawing.legend(axes[13])
    return figure


def finals(same: Sequence[Run]) -> list[float]:
    """The final errors of some runs."""
    return [law.last(run) for run in same]


def rows(chosen: Sequence[Run], axis: str, value: Callable[[Run], float]) -> list[list[float]]:
    """A number of every run, a row for each value of the axis."""
    return [[value(run) for run in chosen if run.params[axis] == x] for x in values(chosen, axis)]


def at(chosen: Sequence[Run], *axes: str) -> str:
    """Where on these axes the runs of a panel stand, for its title: a quick grid is elsewhere."""
    return "".join(f", {axis} = {chosen[0].params[axis]:g}" for axis in axes) if chosen else ""


def scaling(ax: Axes, runs: list[Run]) -> None:
    """(a) <Q, X/||X||> against its closed form."""
    title = "$\\langle Q,X/\\|X\\|_F\\rangle$ against $\\varphi(X)$, all $p$, scales, $\\nu$"
    drawing.panel(ax, "a", title, "closed form", "measured")
    chosen = [run for run in runs if run.sweep == "scaling" and run.status == "ok"]
    names = sorted(values(chosen, "law"), key=lambda name: name == "adversarial")
    for index, name in enumerate(names):
        same = [run for run in chosen if run.params["law"] == name]
        x, y = [law.phi(run) for run in same], [float(run.quantities["phi"]) for run in same]
        wrong = name == "adversarial"
        style = "x" if wrong else drawing.marker(index)
        label = "depends on A\n(control)" if wrong else name
        ax.plot(x, y, style, color=drawing.colour(index), alpha=0.5, markersize=2, label=label)
    if not chosen:
        drawing.empty(ax)
        return
    grid = np.linspace(0.0, theory.ROOT, 50)
    error = np.array([theory.phi_error(x, chosen[0].params["m"]) for x in grid])
    drawing.theory(ax, grid, grid, label="equal")
    ax.fill_between(grid, grid - 3 * error, grid + 3 * error, color="0.8", zorder=0, label="3 s.e.")
    drawing.legend(ax)


def deviation(ax: Axes, runs: list[Run]) -> None:
    """(b) Sign-RIP's delta against m."""
    chosen = section(runs, "deviation", "m", "p", d=20, k=2, law="gaussian")
    title = f"Sign-RIP's $\\delta$ (lower bound){at(chosen, 'd', 'k')}"
    drawing.panel(ax, "b", title, "m", "$\\delta$", "log log")
    for index, p in enumerate(values(chosen, "p")):
        same = [run for run in chosen if run.params["p"] == p]
        ms = values(same, "m")
        delta = rows(same, "m", lambda run: float(run.quantities["delta"]))
        drawing.points_with_range(ax, ms, delta, index, f"p = {p:g}")
        one = same[0].params
        scale = [theory.deviation_scale(p, m, one["d"], one["k"]) for m in ms]
        drawing.theory(ax, ms, scale, index)
    if chosen:
        drawing.plain_ticks(ax, values(chosen, "m"))
    drawing.legend(ax, "lines: $\\sqrt{dk/m}/(1-p)$") if chosen else drawing.empty(ax)


def blow_up(ax: Axes, runs: list[Run]) -> None:
    """(c) the deviation of l1's and l2's gradients against the size of the outliers."""
    drawing.panel(
        ax, "c", "deviation and size of the outliers, p = 0.3, k = 2", "scale of the outliers",
        "$\\delta$", "log log",
    )  # fmt: skip
    for index, name in enumerate(("l1", "l2")):
        chosen = section(runs, "blow_up", "scale", loss=name)
        if chosen and chosen[0].params["loss"] == name:
            delta = rows(chosen, "scale", lambda run: float(run.quantities["delta"]))
            label = {"l1": "sign ($\\ell_1$)", "l2": "residual ($\\ell_2$)"}[name]
            drawing.points_with_range(ax, values(chosen, "scale"), delta, index, label)
    drawing.legend(ax)


def alpha_error(ax: Axes, runs: list[Run]) -> None:
    """(d) final error against alpha."""
    title = "final error, r' = 20: population, and m measurements at p = 0"
    drawing.panel(ax, "d", title, "$\\alpha$", "final error", "log log")
    fields = [("population", section(runs, "population", "alpha", k=20, start="spectral"))]
    measured = section(runs, "sensing", "alpha", "m", k=20, p=0.0)
    fields += [
        (f"m = {m}", [run for run in measured if run.params["m"] == m])
        for m in values(measured, "m")
    ]
    for index, (label, chosen) in enumerate(fields):
        if not chosen:
            continue
        alphas = values(chosen, "alpha")
        errors = rows(chosen, "alpha", law.last)
        drawing.points_with_range(ax, alphas, errors, index, label)
        one = chosen[0].params
        exponent = 2.0 if index == 0 else 2 - law.deficit_law({**one})
        anchor = float(np.median(errors[len(alphas) // 2]))
        line = anchor * (np.array(alphas) / alphas[len(alphas) // 2]) ** exponent
        drawing.theory(ax, alphas, line, index)
    drawing.legend(ax, "lines: $\\alpha^2$ and the\nderived exponent")


def exponents(chosen: Sequence[Run]) -> list[float]:
    """The exponent of the final error in alpha, seed by seed."""
    found = []
    for seed in sorted({run.seed for run in chosen}):
        own = [run for run in chosen if run.seed == seed]
        if len(own) > 1:
            x = np.log([run.params["alpha"] for run in own])
            found.append(float(np.polyfit(x, np.log(finals(own)), 1)[0]))
    return found


def deficit(ax: Axes, runs: list[Run]) -> None:
    """(e) 2 - exponent against m."""
    title = "how far finite m lowers the exponent in $\\alpha$, r' = 20"
    drawing.panel(ax, "e", title, "m", "2 - exponent", "log log")
    chosen = section(runs, "sensing", "alpha", "m", "p", k=20)
    for index, p in enumerate(values(chosen, "p")):
        same = [run for run in chosen if run.params["p"] == p]
        ms = values(same, "m")
        lost = [[2 - x for x in exponents([r for r in same if r.params["m"] == m])] for m in ms]
        drawing.points_with_range(ax, ms, lost, index, f"p = {p:g}")
        line = [law.deficit_law({**same[0].params, "m": m}) for m in ms]
        drawing.theory(ax, ms, line, index)
    if chosen:
        drawing.plain_ticks(ax, values(chosen, "m"))
    legend = "lines: $2\\sqrt{\\pi d/m}\\,\\frac{1+(2c-1)\\sqrt{p}}{1-p}$"
    drawing.legend(ax, legend) if chosen else drawing.empty(ax)


def travel(ax: Axes, runs: list[Run]) -> None:
    """(f) final error against the travel budget."""
    chosen = section(runs, "budget", "budget", "p")
    title = (
        f"the travel: too small freezes, too large overgrows; $\\alpha=10^{{-5}}${at(chosen, 'm')}"
    )
    drawing.panel(ax, "f", title, "$c=B/\\log(1/\\alpha)$", "final error", "linear log")
    for index, p in enumerate(values(chosen, "p")):
        same = [run for run in chosen if run.params["p"] == p]
        budgets = values(same, "budget")
        drawing.points_with_range(ax, budgets, rows(same, "budget", law.last), index, f"p = {p:g}")
    ax.axvline(0.5, color="black", linewidth=0.8, label="needed:\n$c=1/2$")
    drawing.legend(ax) if chosen else drawing.empty(ax)


def rank(ax: Axes, runs: list[Run]) -> None:
    """(g) final error against the search rank."""
    title = "final error and search rank, m = 1000, p = 0"
    drawing.panel(ax, "g", title, "r'", "final error", "log log")
    chosen = section(runs, "sensing", "k", "alpha", m=1000, p=0.0)
    for index, alpha in enumerate(reversed(values(chosen, "alpha"))):
        same = [run for run in chosen if run.params["alpha"] == alpha]
        label = f"$\\alpha$ = {alpha:g}"
        drawing.points_with_range(ax, values(same, "k"), rows(same, "k", law.last), index, label)
    if chosen:
        drawing.plain_ticks(ax, values(chosen, "k"))
        # Without a residual block the error falls below any rounding: S S^T can equal 1 exactly.
        ax.set_ylim(bottom=1e-16)
    drawing.legend(ax, "r = 1; r' = 1\nends below") if chosen else drawing.empty(ax)


def collapse(ax: Axes, runs: list[Run]) -> None:
    """(h) final error against the group (1 - p)^2 m / (d r)."""
    title = "recovery against the group, $\\alpha=10^{-5}$, outliers N(0, 100)"
    drawing.panel(ax, "h", title, "$(1-p)^2m/(dr)$", "final error", "log log")
    chosen = [
        run
        for run in runs
        if run.sweep == "recovery" and run.status == "ok" and run.params["scale"] > 0
    ]
    for index, (d, p) in enumerate(sorted({(run.params["d"], run.params["p"]) for run in chosen})):
        same = [run for run in chosen if (run.params["d"], run.params["p"]) == (d, p)]
        groups = [hypotheses.group({**same[0].params, "m": m}) for m in values(same, "m")]
        label = f"d = {d}, p = {p:g}"
        middle = [float(np.median(row)) for row in rows(same, "m", law.last)]
        ax.plot(
            groups, middle, drawing.marker(index), color=drawing.colour(index), label=label,
            markerfacecolor="white",
        )  # fmt: skip
    if not chosen:
        drawing.empty(ax)
        return
    ax.axhline(hypotheses.RECOVERED, color="0.4", linestyle=":", label="recovered below")
    ax.axvline(law.DECISIVE, color="black", linestyle="--", linewidth=0.8, label="decisive: 3")
    ax.axvline(hypotheses.ENOUGH, color="black", linewidth=0.8, label="enough: 8")
    drawing.legend(ax)
