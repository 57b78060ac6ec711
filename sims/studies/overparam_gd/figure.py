"""The figure of `overparam_gd`: the curse of symmetry, the curse of initialisation, finite m."""

from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.fitting.rates import local_exponent
from matsense.judging.claims import Run
from matsense.judging.judge import Verdict
from matsense.theory.overparam import finite_sample_factor
from sims.figures import drawing
from sims.figures.select import section, values
from sims.studies.overparam_gd import laws as law


def fixed(chosen: Sequence[Run], *axes: str) -> str:
    """Where a section stands on some of its axes, for a panel's title."""
    names = {"kappa": "$\\kappa$", "alpha": "$\\alpha$"}
    shown = [f"{names.get(axis, axis)} = {chosen[0].params[axis]:g}" for axis in axes if chosen]
    return "".join(f", {text}" for text in shown)


def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
    """Eight panels; each says so if the sweep has no runs for it."""
    figure, axes = drawing.canvas(
        4,
        2,
        "Over-parameterised gradient descent in matrix sensing (Xiong, Ding, Du 2024)."
        " Points: medians over seeds; bands and bars: their range; lines: predictions from each"
        " run's own start.\nfloat64, rounding floor of $e_t$ near $10^{-31}$; $\\sigma_1=1$.",
    )
    panels: list[Callable[[Axes, list[Run]], None]] = [
        symmetric_error,
        symmetric_exponent,
        asymmetric_error,
        rate_against_alpha,
        finite_m_constant,
        finite_m_exponent,
        finite_m_rate,
    ]
    for ax, show in zip(axes, panels, strict=False):
        show(ax, runs)
    ratios = [v.claim for v in verdicts if callable(v.claim.target) and v.claim.sense == "equals"]
    drawing.panel(axes[7], "h", "measured / predicted, each run", "ratio", "")
    drawing.strip(axes[7], ratios, runs)
    axes[7].set_xlim(0.68, 1.28)
    drawing.legend(axes[7])
    return figure


def symmetric_error(ax: Axes, runs: list[Run]) -> None:
    """(a) e_t of symmetric GD, with law 1 from X_0 and law 2's tail."""
    chosen = section(runs, "symmetric", "k", kappa=1.0, alpha=0.2)
    title = "symmetric GD, population" + fixed(chosen, "kappa", "alpha")
    drawing.panel(ax, "a", title, "step t", "$e_t=\\|XX^T-\\Sigma\\|_F^2$", "log log")
    for index, k in enumerate(values(chosen, "k")):
        same = [run for run in chosen if run.params["k"] == k]
        t = same[0].quantities["t"]
        error = drawing.stack(same, lambda run: run.quantities["squared_error"])
        excess = k - same[0].params["r"]
        drawing.traces(ax, t, error, index, f"k = r + {excess}" if excess else "k = r")
        if excess:
            drawing.theory(ax, t[1:], np.median(drawing.stack(same, law.curve), axis=0)[1:], index)
        else:
            tail(ax, same, index)
    ax.set_ylim(bottom=1e-33)
    drawing.legend(ax, "lines: from $X_0$") if chosen else drawing.empty(ax)


def tail(ax: Axes, same: list[Run], index: int) -> None:
    """The predicted exponential through the median at the start of the fitted window."""
    t = same[0].quantities["t"]
    error = np.median(drawing.stack(same, lambda run: run.quantities["squared_error"]), axis=0)
    begin = np.median([law.fit(run).window[0] for run in same])
    if not np.isfinite(begin):
        return
    anchor = int(np.argmin(np.abs(t - begin)))
    decay = np.median([law.predicted(run) for run in same])
    line = error[anchor] * np.exp(-decay * (t[anchor:] - t[anchor]))
    visible = line > 1e-32
    drawing.theory(ax, t[anchor:][visible], line[visible], index)


def symmetric_exponent(ax: Axes, runs: list[Run]) -> None:
    """(b) the local exponent of the same runs."""
    chosen = section(runs, "symmetric", "k", kappa=1.0, alpha=0.2)
    title = "local exponent" + fixed(chosen, "kappa", "alpha")
    drawing.panel(ax, "b", title, "step t", "$d\\,\\ln e_t\\,/\\,d\\,\\ln t$", "log linear")
    for index, k in enumerate(values(chosen, "k")):
        same = [run for run in chosen if run.params["k"] == k]
        if k == same[0].params["r"]:
            continue
        t = same[0].quantities["t"][1:]
        if len(t) < 2:
            continue  # one step has no slope
        errors = drawing.stack(same, lambda run: run.quantities["squared_error"][1:])
        slope = np.stack([-local_exponent(t, error) for error in errors])
        drawing.traces(ax, t, slope, index, f"k = r + {k - same[0].params['r']}")
    ax.axhline(-2.0, color="black", label="-2")
    ax.set_ylim(-8, 0.5)
    drawing.legend(ax) if chosen else drawing.empty(ax)


def asymmetric_error(ax: Axes, runs: list[Run]) -> None:
    """(c) e_t of asymmetric GD for several alpha, with law 3's tails."""
    chosen = section(runs, "asymmetric", "alpha", kappa=1.0, k=4)
    title = "asymmetric GD, imbalanced start, population" + fixed(chosen, "kappa", "k")
    drawing.panel(ax, "c", title, "step t", "$e_t=\\|FG^T-\\Sigma\\|_F^2$", "linear log")
    for index, alpha in enumerate(reversed(values(chosen, "alpha"))):
        same = [run for run in chosen if run.params["alpha"] == alpha]
        error = drawing.stack(same, lambda run: run.quantities["squared_error"])
        drawing.traces(ax, same[0].quantities["t"], error, index, f"$\\alpha$ = {alpha:g}")
        tail(ax, same, index)
    ax.set_ylim(bottom=1e-33)
    drawing.legend(ax, "lines: tail from $F_0,G_0$") if chosen else drawing.empty(ax)


def rate_against_alpha(ax: Axes, runs: list[Run]) -> None:
    """(d) fitted rates against alpha^2: plain GD and after the modified step."""
    title = "the start sets the speed, one modified step frees it"
    drawing.panel(ax, "d", title, "$\\alpha^2$", "rate (nats per step)", "log log")
    at: list[Run] = []
    for index, (sweep, label, wish) in enumerate(
        (
            ("asymmetric", "plain GD", {"k": 4, "kappa": 1.0}),
            ("one_step", "after the step", {"k": 4, "kappa": 1.0, "balance": 1.0}),
        )
    ):
        chosen = section(runs, sweep, "alpha", **wish)
        alphas = values(chosen, "alpha")
        rows = [[run for run in chosen if run.params["alpha"] == a] for a in alphas]
        if not rows:
            continue
        at = chosen
        squares = [a**2 for a in alphas]
        fitted = [[law.RATE(run).value for run in row] for row in rows]
        drawing.points_with_range(ax, squares, fitted, index, label)
        medians = [np.median([law.predicted(run) for run in row]) for row in rows]
        drawing.theory(ax, squares, medians, index, label=f"{label}: predicted")
    drawing.legend(ax, fixed(at, "k", "kappa").removeprefix(", "))


def finite_section(runs: list[Run], sweep: str) -> list[Run]:
    """Runs with k > r at one start, for every m and k."""
    over = [run for run in runs if law.over(run.params)]
    return section(over, sweep, "m", "k", alpha=0.5, kappa=1.0)


def finite_m(ax: Axes, chosen: list[Run], value: Callable[[Run], float]) -> None:
    """A number of every run against m, for each k > r."""
    for index, k in enumerate(values(chosen, "k"), start=1):
        same = [run for run in chosen if run.params["k"] == k]
        ms = values(same, "m")
        rows = [[value(run) for run in same if run.params["m"] == m] for m in ms]
        shift = 1 + 0.03 * (index - 1)
        label = f"k = r + {k - same[0].params['r']}"
        drawing.points_with_range(ax, [m * shift for m in ms], rows, index, label)
    p = chosen[0].params
    size = p["n"] * (p["n"] + 1) // 2 if "n" in p else p["n1"] * p["n2"]
    ax.axvline(size, color="0.4", linestyle=":", label=f"m = {size}: plain\nleast squares beyond")
    drawing.plain_ticks(ax, values(chosen, "m"))


def sizes(chosen: list[Run]) -> str:
    """The sizes and the start of a finite-m panel, for its legend."""
    p = chosen[0].params
    shape = f"n = {p['n']}" if "n" in p else f"{p['n1']} x {p['n2']}"
    return f"{shape}, $\\alpha$ = {p['alpha']:g}"


def finite_m_constant(ax: Axes, runs: list[Run]) -> None:
    """(e) law 1's constant from finitely many measurements."""
    title = "symmetric GD from m measurements: constant"
    drawing.panel(ax, "e", title, "m", "$(2\\eta T)^2e_T\\,/\\,(k-r)$", "log log")
    finite_m_symmetric(ax, runs, lambda run: law.scaled_error(run) / law.excess(run), 1.0)


def finite_m_exponent(ax: Axes, runs: list[Run]) -> None:
    """(f) the fitted exponent from finitely many measurements."""
    title = "symmetric GD from m measurements: exponent"
    drawing.panel(ax, "f", title, "m", "fitted exponent p of $(t+t_0)^{-p}$", "log linear")
    finite_m_symmetric(ax, runs, lambda run: law.EXPONENT(run).value, 2.0)


def finite_m_symmetric(
    ax: Axes, runs: list[Run], value: Callable[[Run], float], population: float
) -> None:
    """A number of symmetric GD against m, with what it is in the population."""
    chosen = finite_section(runs, "symmetric_sensing")
    if not chosen:
        drawing.empty(ax)
        return
    finite_m(ax, chosen, value)
    ax.axhline(population, color="black", label="population")
    drawing.legend(ax, sizes(chosen))


def finite_m_rate(ax: Axes, runs: list[Run]) -> None:
    """(g) law 3's rate from finitely many measurements: the limit's rate, and the heuristic."""
    title = "asymmetric GD from m measurements: rate"
    drawing.panel(ax, "g", title, "m", "rate / population law", "log linear")
    chosen = finite_section(runs, "asymmetric_sensing")
    if not chosen:
        drawing.empty(ax)
        return
    finite_m(ax, chosen, lambda run: law.RATE(run).value / law.tail_rate(run))
    for index, k in enumerate(values(chosen, "k"), start=1):
        same = [run for run in chosen if run.params["k"] == k]
        p, excess = same[0].params, k - same[0].params["r"]
        ms = values(same, "m")
        own = [
            np.median([law.limit_rate(r) / law.tail_rate(r) for r in same if r.params["m"] == m])
            for m in ms
        ]
        drawing.theory(ax, ms, own, index, label=f"from its own A*A, k = r + {excess}")
        m = np.geomspace(ms[0], ms[-1], 60)
        factor = np.asarray(finite_sample_factor(p["n2"], excess, jnp.asarray(m)))
        edge = f"$(1-\\sqrt{{n_2(k-r)/m}})^2$, k = r + {excess}"
        drawing.theory(ax, m, factor, index, linestyle=":", label=edge)
    drawing.legend(ax, sizes(chosen))
