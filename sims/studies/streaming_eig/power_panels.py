"""Panels of methods with bounded memory: accuracy, memory, blocks, order, sketches."""

from collections.abc import Callable, Sequence

import numpy as np
from matplotlib.axes import Axes

from matsense.judging.claims import Run
from matsense.solvers.streaming.block_power import level_of
from matsense.theory import streaming as theory
from sims.figures import drawing
from sims.figures.select import section, values
from sims.studies.streaming_eig import power_laws as own
from sims.studies.streaming_eig.power_trials import BLOCKS


def rows(chosen: Sequence[Run], axis: str, value: Callable[[Run], float]) -> list[list[float]]:
    """A number of every run, a row for each value of the axis."""
    return [[value(run) for run in chosen if run.params[axis] == x] for x in values(chosen, axis)]


def against_gap(
    ax: Axes, chosen: Sequence[Run], index: int, label: str, value: Callable[[Run], float]
) -> None:
    """A number of every run at the median of the true gaps."""
    if chosen:
        places = [float(np.median(row)) for row in rows(chosen, "R", lambda r: own.value(r, "R"))]
        drawing.points_with_range(ax, places, rows(chosen, "R", value), index, label)


def finished(runs: Sequence[Run], sweep: str) -> list[Run]:
    """The runs of a sweep that have numbers."""
    return [run for run in runs if run.sweep == sweep and run.status == "ok"]


def upper(ax: Axes, runs: list[Run]) -> None:
    """kw-upper: block power's sin^2 against R, in random order and sorted, with its envelope."""
    title = "block power method: random order, and $v_1$ in the first half"
    drawing.panel(ax, "a", title, "R", "$\\sin^2$", "log log")
    labels = {0.0: "light rows carry $v_1$", 0.5: "light and heavy", 1.0: "heavy rows (fall on)"}
    for index, (share, label) in enumerate(labels.items()):
        chosen = section(runs, "power", "R", share=share, h=8, method="oracle")
        if chosen and chosen[0].params["share"] == share:
            against_gap(ax, chosen, index, label, own.value)
    guessed = [run for run in finished(runs, "power") if run.params["method"] == "guessed"]
    against_gap(ax, section(guessed, "power", "R", share=0.5, h=8), 3, "guessed norm", own.value)
    halves = [run for run in finished(runs, "half") if run.params["method"] == "oracle"]
    against_gap(ax, section(halves, "half", "R", order="energy"), 4, "sorted", own.value)
    if guessed:
        R = np.geomspace(4, 4096, 50)
        drawing.theory(ax, R, own.UPPER / np.sqrt(R), label="$1/\\sqrt{R}$")
        drawing.theory(ax, R, 2 / R, linestyle="--", label="$2/R$ (D2)")
        n, d = guessed[0].params["n"], guessed[0].params["d"]
        # Light rows alone: lambda_1 = 2 R there, and q n = 4 D rows are kept.
        sampled = (BLOCKS * n / (4 * level_of(d)) - 1) * (d - 1) / (n * 2 * R)
        drawing.theory(ax, R, sampled, 0, linestyle=":", label="D3, sampled")
        ax.set_ylim(1e-8, 3)
    drawing.legend(ax) if guessed else drawing.empty(ax)


def baselines(ax: Axes, runs: list[Run]) -> None:
    """Every method's sin^2 against R on light and heavy rows in random order."""
    title = "methods in random order, light and 8 heavy rows"
    drawing.panel(ax, "b", title, "R", "$\\sin^2$", "log log")
    names = {
        "oja": "Oja, $\\eta=3\\ln d/\\lambda_1$",
        "harmonic": "Oja, $c/t$",
        "minibatch": "mini-batch Oja",
        "noisy": "noisy power",
    }
    shown = finished(runs, "baselines")
    for index, (name, label) in enumerate(names.items()):
        same = [run for run in shown if run.params["method"] == name]
        against_gap(ax, section(same, "baselines", "R"), index, label, own.value)
    power = [run for run in finished(runs, "power") if run.params["method"] == "oracle"]
    against_gap(ax, section(power, "power", "R", share=0.5, h=8), 4, "block power", own.value)
    drawing.legend(ax) if shown else drawing.empty(ax)


def limit(ax: Axes, runs: list[Run]) -> None:
    """D3: the mean of sin^2 over orders in units of the law, with three standard errors."""
    title = "plain block power, light rows in random order: mean $\\sin^2$ / D3"
    drawing.panel(ax, "f", title, "R", "measured / law", "log linear")
    chosen = [run for run in finished(runs, "blocks") if run.params["grouped"] == 0]
    for index, blocks in enumerate(values(chosen, "blocks")):
        for seed in sorted({run.seed for run in chosen}):
            same = [r for r in chosen if r.params["blocks"] == blocks and r.seed == seed]
            same.sort(key=lambda run: float(run.params["R"]))
            found = [own.over_limit(run) for run in same]
            ax.errorbar(
                [own.value(run, "R") * 1.04**seed for run in same],
                [estimate.value for estimate in found],
                yerr=[3 * estimate.se for estimate in found],
                fmt=drawing.marker(index), color=drawing.colour(index), markerfacecolor="white",
                capsize=2, linewidth=0.8, label=f"t = {blocks}" if seed == 0 else None,
            )  # fmt: skip
    if chosen:
        ax.axhline(1.0, color="black", linewidth=1.0)
        ax.axhspan(0.88, 1.12, color="0.9", zorder=0, label="12%")
    drawing.legend(ax, "bars: 3 standard errors") if chosen else drawing.empty(ax)


def blocks(ax: Axes, runs: list[Run]) -> None:
    """Too few blocks and too many: sin^2 against t."""
    title = "how many blocks: too few do not converge, more hurt"
    drawing.panel(ax, "g", title, "blocks t", "$\\sin^2$", "log log")
    index = 0
    few = finished(runs, "few_blocks")
    for d in values(few, "d")[-1:]:
        for R in values(few, "R"):
            same = [run for run in few if run.params["R"] == R and run.params["d"] == d]
            median = rows(same, "blocks", lambda run: own.value(run, "median"))
            drawing.points_with_range(
                ax, values(same, "blocks"), median, index, f"d = {d}, R = {R:g}"
            )
            needed = float(theory.blocks_needed(d, R))
            ax.axvline(needed, color=drawing.colour(index), linewidth=0.8, linestyle=":")
            index += 1
    more = [run for run in finished(runs, "more_blocks") if run.params["grouped"] == 0]
    if more:
        ts = values(more, "blocks")
        mean = rows(more, "blocks", lambda run: own.value(run, "mean"))
        one = more[0].params
        drawing.points_with_range(ax, ts, mean, index, f"d = {one['d']}, R = {one['R']:g}")
        law = [float(np.median(row)) for row in rows(more, "blocks", lambda r: own.value(r, "law"))]
        drawing.theory(ax, ts, law, index, label="D3")
        drawing.plain_ticks(ax, (1, 2, 4, 8, 16, 32))
    shown = bool(few or more)
    drawing.legend(ax, "dotted: $\\ln d\\,/\\,(2\\ln R)$") if shown else drawing.empty(ax)


def memory(ax: Axes, runs: list[Run]) -> None:
    """kw-upper: stored numbers against the number of heavy rows."""
    title = "block power method: stored numbers"
    drawing.panel(ax, "h", title, "heavy rows h", "numbers", "log log")
    chosen = [run for run in finished(runs, "memory") if run.params["belief"] == 1]
    if not chosen:
        return drawing.empty(ax)
    hs, d = values(chosen, "h"), chosen[0].params["d"]
    for index, (name, label) in enumerate(
        (("heavy_numbers", "heavy rows"), ("stored", "all, norm known"))
    ):
        found = rows(chosen, "h", lambda run, name=name: own.value(run, name))  # type: ignore[misc]
        drawing.points_with_range(ax, hs, found, index, label)
    guessed = [run for run in finished(runs, "power") if run.params["method"] == "guessed"]
    if guessed:
        found = rows(guessed, "h", lambda run: own.value(run, "stored"))
        drawing.points_with_range(ax, values(guessed, "h"), found, 2, "all, 16 guesses\n(all R)")
    drawing.theory(ax, hs, [theory.heavy_numbers(h, d) for h in hs], label="h d")
    drawing.theory(
        ax, hs, [theory.heavy_numbers(h, 1) * level_of(d) for h in hs], linestyle="--",
        label="h d ln d",
    )  # fmt: skip
    drawing.plain_ticks(ax, hs)
    drawing.legend(ax)


def kept(ax: Axes, runs: list[Run]) -> None:
    """D9 and kw-lower: what forgetting costs."""
    title = "forgetting: a share s is kept (D9); the row that matters is not (kw-lower)"
    drawing.panel(ax, "i", title, "R", "$\\sin^2$", "log log")
    chosen = finished(runs, "kept")
    for index, s in enumerate(values(chosen, "s")[::2]):
        same = [run for run in chosen if run.params["s"] == s]
        against_gap(ax, same, index, f"s = {s:g}", own.value)
        R = np.geomspace(8, 4096, 30)
        law = np.asarray(theory.kept_share_error(s, R))
        drawing.theory(ax, R[law < 1], law[law < 1], index)
    lost = [run for run in finished(runs, "forgotten") if run.params["keeps"] == 0]
    if lost:
        # Against the energy of the special row, which is the law's R.
        Rs = values(lost, "R")
        drawing.points_with_range(ax, Rs, rows(lost, "R", own.value), 4, "row forgotten")
        drawing.theory(ax, Rs, [float(theory.forgotten_row_error(R)) for R in Rs], 4)
    title = "lines: $(1/s-1)/R$, $1/R^2$"
    drawing.legend(ax, title) if chosen or lost else drawing.empty(ax)


def half(ax: Axes, runs: list[Run]) -> None:
    """Order: v1's energy in the first half of the stream, and the same rows shuffled."""
    title = "$v_1$'s energy in the first half of the stream, and shuffled"
    drawing.panel(ax, "j", title, "R", "$\\sin^2$", "log log")
    shown = finished(runs, "half")
    index = 0
    for method, label in (("oracle", "block power"), ("oja", "Oja")):
        for order, word in (("energy", "sorted"), ("random", "shuffled")):
            same = [
                run
                for run in shown
                if (run.params["method"], run.params["order"]) == (method, order)
            ]
            against_gap(ax, same, index, f"{label}, {word}", own.value)
            index += 1
    if shown:
        R = np.array(values(shown, "R"))
        drawing.theory(ax, R, own.UPPER / np.sqrt(R), label="$1/\\sqrt{R}$")
        bound = 0.5 * own.oja_speed(shown[0].params) / R
        drawing.theory(ax, R, bound, linestyle="--", label="$\\eta\\lambda_2/2$ (D0)")
    drawing.legend(ax) if shown else drawing.empty(ax)


def directions(ax: Axes, runs: list[Run]) -> None:
    """Frequent Directions' sin^2 against R l / d, and Oja in no more numbers."""
    title = "Frequent Directions with l rows; Oja in as many numbers"
    drawing.panel(ax, "k", title, "R l / d", "$\\sin^2$", "log log")
    shown = [run for run in runs if run.sweep in ("directions_l", "directions_d")]
    shown = [run for run in shown if run.status == "ok"]
    sizes = sorted({(run.params["d"], run.params["l"]) for run in shown})
    for index, (d, l) in enumerate(sizes):  # noqa: E741
        same = [run for run in shown if (run.params["d"], run.params["l"]) == (d, l)]
        unit = theory.frequent_directions_gap(d, l)
        places = [R / unit for R in values(same, "R")]
        found = rows(same, "R", own.value)
        drawing.points_with_range(ax, places, found, index, f"d = {d}, l = {l}")
    rates = [run for run in finished(runs, "equal_memory") if run.params["method"] == "rates"]
    if rates:
        p = rates[0].params
        unit = theory.frequent_directions_gap(p["d"], p["l"])
        places = [R / unit for R in values(rates, "R")]
        label = f"Oja, d = {p['d']},\n{int(own.value(rates[0], 'stored'))} numbers"
        drawing.points_with_range(ax, places, rows(rates, "R", own.value), len(sizes), label)
    if shown:
        ax.axhline(own.LOST, color="0.4", linestyle=":", label="threshold")
    drawing.legend(ax) if shown else drawing.empty(ax)


def subsets(ax: Axes, runs: list[Run]) -> None:
    """D2: sin^2 over its bound, the largest of a run's subsets, all runs in order."""
    title = "subset lemma: largest $\\sin^2$ / bound of a run"
    drawing.panel(ax, "l", title, "share of runs", "ratio", "linear log")
    shown = finished(runs, "subsets")
    for index, kind in enumerate(values(shown, "kind")):
        for foreign in (0.0, 1.0):
            same = [r for r in shown if (r.params["kind"], r.params["foreign"]) == (kind, foreign)]
            ratio = np.sort([own.worst(run) for run in same])
            ax.plot(
                (np.arange(len(ratio)) + 0.5) / max(len(ratio), 1), ratio, drawing.marker(index),
                color=drawing.colour(index), markersize=2,
                markerfacecolor="white" if foreign else drawing.colour(index),
                label=None if foreign else kind,
            )  # fmt: skip
    if shown:
        ax.axhline(1.0, color="black", linewidth=1.0)
    drawing.legend(ax, "hollow: control,\nforeign rows") if shown else drawing.empty(ax)
