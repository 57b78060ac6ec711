"""The judging figure of `attention_svm`."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.judging.claims import Run
from matsense.judging.judge import Verdict
from matsense.theory import attention as theory
from sims.figures import drawing
from sims.figures.select import values
from sims.studies.attention_svm import laws
from sims.studies.attention_svm.panels import (
    finish,
    finished,
    share_points,
    sizes,
    stacked,
    ticks,
)
from sims.studies.attention_svm.trap_panels import first_step, landscape, polyak, traps

# An earlier program's share of runs at the best tokens (per cent, +-5), n = T = 5, t = 1500.
EARLIER = {4: 65, 6: 74, 8: 88, 10: 89, 15: 95, 20: 98, 30: 98}


def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
    """Fourteen panels; each says so if the sweep has no runs for it."""
    figure, axes = drawing.canvas(
        7,
        2,
        "Attention as a support vector machine (Tarzanagh, Li, Thrampoulidis, Oymak 2023)."
        " Points: medians over runs; bands and bars: their range, of shares 95% Wilson intervals;"
        f" lines: predictions.\nfloat64; {gaps(runs)};"
        " infeasible and unclear runs counted apart.",
    )
    panels: list[Callable[[Axes, list[Run]], None]] = [
        alignment,
        norms,
        paths,
        shares,
        feasibility,
        ranks,
        nonlinear,
        starts,
        key_query,
        control,
        traps,
        polyak,
        landscape,
        first_step,
    ]
    for ax, show in zip(axes, panels, strict=True):
        show(ax, runs)
    return figure


def gaps(runs: Sequence[Run]) -> str:
    """The certificates of all max-margin solutions in words."""
    found = np.concatenate(
        [np.zeros(0)]
        + [
            np.ravel(run.quantities[name])
            for run in runs
            for name in (("reference_gap",) if "reference_gap" in run.quantities else ("gap",))
            if run.status == "ok"
        ]
    )
    if not found.size:
        return "no references"
    return (
        f"{found.size} certified references, relative gap {np.median(found):.0e} in the median,"
        f" {found.max():.0e} at most"
    )


def alignment(ax: Axes, runs: list[Run]) -> None:
    """(a) 1 - corr against t for NGD and GD."""
    drawing.panel(ax, "a", "direction of W", "step t", "$1-\\mathrm{corr}(W,W_a)$", "log log")
    shown = False
    for index, (name, label) in enumerate((("ngd", "NGD"), ("gd", "plain GD"))):
        chosen = finished(runs, name)
        if not chosen:
            continue
        shown = True
        t, error = ticks(chosen), stacked(chosen, "misalignment")
        drawing.traces(ax, t, error, index, f"{label}, {sizes(chosen)}")
        late, middle = t >= 30, np.median(error, axis=0)
        size = t if name == "ngd" else np.median(stacked(chosen, "norm"), axis=0)
        law = middle[-1] * (size / size[-1]) ** -theory.EXPONENT
        drawing.theory(
            ax, t[late], law[late], index, label="$\\propto t^{-2}$" if name == "ngd" else
            "$\\propto\\|W\\|^{-2}\\sim\\ln^{-2}t$",
        )  # fmt: skip
    finish(ax, [1] if shown else [])  # type: ignore[list-item]


def norms(ax: Axes, runs: list[Run]) -> None:
    """(b) Growth of the norm."""
    drawing.panel(ax, "b", "norm of W", "step t", "$\\|W\\|_F$", "log log")
    shown: list[Run] = []
    for index, (name, label) in enumerate((("ngd", "NGD"), ("gd", "plain GD"))):
        chosen = finished(runs, name)
        if not chosen:
            continue
        shown = chosen
        t, norm = ticks(chosen), stacked(chosen, "norm")
        drawing.traces(ax, t, norm, index, label)
        if name == "ngd":
            eta = chosen[0].params["eta"]
            drawing.theory(ax, t, theory.ngd_speed(eta) * t, index, label="$\\eta t$")
        else:
            late = t >= 1000
            growth = np.median(stacked(chosen, "unit_norm")) * np.log(t[late] / t[-1])
            level = np.median(norm[:, -1])
            drawing.theory(ax, t[late], level + growth, index, label="$\\|W_a\\|\\ln t+O(1)$")
    finish(ax, shown)


def paths(ax: Axes, runs: list[Run]) -> None:
    """(c) Regularisation paths against kappa, to either max-margin solution."""
    drawing.panel(
        ax, "c", "regularisation paths", "$\\kappa$ = B / least norm", "1 - corr", "log log"
    )
    shown: list[Run] = []
    kinds = (
        ("path_w", "to_frobenius", "over W: to $W_{mm}$", True),
        ("path_kq", "to_nuclear", "over (K, Q): to nuclear", True),
        ("path_w", "to_nuclear", "over W: to nuclear", False),
        ("path_kq", "to_frobenius", "over (K, Q): to $W_{mm}$", False),
    )
    for index, (name, target, label, meets) in enumerate(kinds):
        chosen = finished(runs, name)
        if not chosen:
            continue
        shown = chosen
        rows = {k: [r.quantities[target] for r in chosen if r.params["kappa"] == k]
                for k in values(chosen, "kappa")}  # fmt: skip
        places = [k * 1.04**index for k in rows]
        drawing.points_with_range(ax, places, [list(map(float, r)) for r in rows.values()], index,
                                  label)  # fmt: skip
        if meets:
            last = float(np.median(list(rows.values())[-1]))
            law = last * (np.array(places) / places[-1]) ** -theory.EXPONENT
            drawing.theory(ax, places, law, index, label="$\\propto\\kappa^{-2}$")
    if shown:
        drawing.plain_ticks(ax, values(shown, "kappa"))
    finish(ax, shown)


def shares(ax: Axes, runs: list[Run]) -> None:
    """(d) Global, local and neither against d."""
    chosen = finished(runs, "shares")
    n_t = f", n = T = {chosen[0].params['n']}, NGD" if chosen else ""
    drawing.panel(ax, "d", "which tokens are selected" + n_t, "d", "share of runs", "log linear")
    if chosen:
        ds = values(chosen, "d")
        first, steps = ticks(chosen)
        at = {d: finished(chosen, "shares", d=d) for d in ds}
        kinds: tuple[tuple[str, int, Callable[[float, float], float]], ...] = (
            (f"all best, t = {first:g}", 0, lambda best, local: best),
            (f"locally optimal only, t = {first:g}", 0, lambda best, local: local - best),
            (f"neither, t = {first:g}", 0, lambda best, local: 1 - local),
            (f"neither, t = {steps:g}", 1, lambda best, local: 1 - local),
        )
        for index, (label, look, kind) in enumerate(kinds):
            rows = [
                [kind(r.quantities["best"][look], r.quantities["local"][look]) for r in at[d]]
                for d in ds
            ]
            share_points(ax, [d * 1.015**index for d in ds], rows, index, label)
        earlier = [d for d in ds if d in EARLIER]
        style: Any = {"color": "black", "markersize": 7, "linestyle": "none"}
        ax.plot(
            earlier,
            [EARLIER[d] / 100 for d in earlier],
            "_",
            label="an earlier program:\nall best",
            **style,
        )
        drawing.plain_ticks(ax, ds)
        equal = finished(runs, "equal")
        if equal:
            reached = sum(float(run.quantities["best"]) for run in equal)
            label = f"equal other scores,\n{sizes(equal)}:\n{reached:.0f} of {len(equal)} all best"
            ax.plot([], [], " ", label=label)
    finish(ax, chosen)


def feasibility(ax: Axes, runs: list[Run]) -> None:
    """(e) Share of feasible token choices against d; lines where it is proved to be 1."""
    drawing.panel(
        ax, "e", "random token choices, Gaussian tokens", "d", "share feasible", "linear linear"
    )
    chosen = finished(runs, "feasible")
    pairs = sorted({(r.params["n"], r.params["T"]) for r in chosen})
    for index, (n, T) in enumerate(pairs):
        same = finished(chosen, "feasible", n=n, T=T)
        ds = values(same, "d")
        rows = [[float(r.quantities["feasible"]) for r in same if r.params["d"] == d] for d in ds]
        share_points(ax, [d + 0.08 * index for d in ds], rows, index, f"n = {n}, T = {T}")
        # One height each: the ranges of several sizes begin at the same d.
        proved = [theory.least_dimension(n, T), max(ds) + 0.5]
        drawing.theory(ax, proved, [1.06 + 0.05 * index] * 2, index)
        ax.plot(proved[0], 1.06 + 0.05 * index, "|", color=drawing.colour(index), markersize=7)
    finish(ax, chosen, "lines: d where share 1\nis proved, max(T - 1, n) on")


def ranks(ax: Axes, runs: list[Run]) -> None:
    """(f) Certified ranks of both solutions against n."""
    drawing.panel(ax, "f", "ranks by certificate, best tokens", "n", "rank")
    chosen = finished(runs, "svm")
    index = 0
    for schatten, name in ((2, "Frobenius"), (1, "nuclear")):
        for d in values(chosen, "d"):
            same = finished(chosen, "svm", schatten=schatten, d=d)
            ns = values(same, "n")
            rows = [[float(r.quantities["rank"]) for r in same if r.params["n"] == n] for n in ns]
            if rows:
                drawing.points_with_range(
                    ax, [n + 0.15 * index for n in ns], rows, index, f"{name}, d = {d}"
                )
                index += 1
    if chosen:
        ns = values(chosen, "n")
        bound = [theory.rank_bound(n, max(values(chosen, "d"))) for n in ns]
        drawing.theory(ax, ns, bound, label="min(n, d)")
        ax.set_ylim(bottom=0)
    finish(ax, chosen)


def nonlinear(ax: Axes, runs: list[Run]) -> None:
    """(g) Three correlations for a ReLU head, with the share of runs that could be used.

    As distances from 1, on a log axis: the two of the hypothesis differ near 1 alone.
    """
    wanted = [r for r in runs if r.sweep == "nonlinear" and r.params["sets"] == 1]
    chosen = [run for run in wanted if run.status == "ok"]
    drawing.panel(
        ax, "g", "ReLU head, plain GD", "d (usable runs)", "1 - corr(W, ...)", "linear log"
    )
    ds = values(chosen, "d")
    kinds = (
        ("to_best", "$W_{mm}$ of the best tokens"),
        ("to_svm", "$W_{svm}$ of the kept sets"),
        ("to_law", "$W_{fin}+C\\,W_{svm}$"),
    )
    for index, (name, label) in enumerate(kinds):
        rows = [[float(r.quantities[name]) for r in chosen if r.params["d"] == d] for d in ds]
        if rows:
            places = [i + 0.1 * (index - 1) for i in range(len(ds))]
            drawing.points_with_range(ax, places, rows, index, label)
    accepted = [
        f"{d}\n({len(finished(chosen, 'nonlinear', d=d))} of "
        f"{sum(r.params['d'] == d for r in wanted)})"
        for d in ds
    ]
    ax.set_xticks(range(len(ds)), accepted)
    finish(ax, chosen)


def starts(ax: Axes, runs: list[Run]) -> None:
    """(h) Share of runs that still have the tokens of the direction they were started in."""
    chosen = finished(runs, "start")
    depth = f", least margin {chosen[0].params['depth']:g}" if chosen else ""
    drawing.panel(
        ax, "h", "NGD started far out" + depth, "step t", "share with its tokens", "log linear"
    )
    kinds = ((1, "locally optimal direction"), (0, "not locally optimal"))
    for index, (local, label) in enumerate(kinds):
        same = [r for r in chosen if r.quantities["local"] == local]
        if same:
            t, stays = ticks(same), stacked(same, "stays")
            shown = (t > 0) & (t >= 30)
            rows = [list(column) for column in stays[:, shown].T]
            share_points(ax, list(t[shown]), rows, index, f"{label} ({len(same)})")
    finish(ax, chosen)


def key_query(ax: Axes, runs: list[Run]) -> None:
    """(i) NGD and plain GD on (K, Q): observations, without a claim."""
    chosen = finished(runs, "kq")
    title = "an observation: (K, Q) from small factors"
    drawing.panel(ax, "i", title, "step t", "1 - corr($KQ^\\top$, solution)", "log log")
    kinds = (("to_nuclear", "nuclear solution"), ("to_frobenius", "Frobenius solution"))
    for sweep, method in (("kq", "NGD"), ("kq_gd", "plain GD")):
        same = finished(runs, sweep)
        for name, label in kinds if same else ():
            index = len(ax.get_legend_handles_labels()[0])
            drawing.traces(ax, ticks(same), stacked(same, name), index, f"{method}: {label}")
    finish(ax, chosen, "of the run's own tokens")


def control(ax: Axes, runs: list[Run]) -> None:
    """(j) The control that shows why the gradient must not cancel."""
    drawing.panel(
        ax, "j", "what a cancelling gradient does", "step t", "$1-\\mathrm{corr}(W,W_a)$", "log log"
    )
    shown: list[Run] = []
    kinds = (("ngd", "as here, float64"), ("autograd", "automatic differentiation, float32"))
    for index, (name, label) in enumerate(kinds):
        chosen = finished(runs, name)
        if chosen:
            shown = chosen
            error = stacked(chosen, "misalignment")
            drawing.traces(ax, ticks(chosen), error, 2 * index, label)
    if shown:
        edge = 16.6 * np.median([float(r.quantities["unit_norm"]) for r in shown])
        eta = shown[0].params["eta"]
        ax.axvline(edge / laws.theory.ngd_speed(eta), color="black", linewidth=0.8, linestyle=":",
                   label="support gap 16.6")  # fmt: skip
    finish(ax, shown)
