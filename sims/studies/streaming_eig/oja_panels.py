"""Panels of Oja's method: failure against R, thresholds, the certificate, the order, the speed."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from matsense.judging.claims import Run, last
from matsense.judging.proportions import share
from matsense.theory import streaming as theory
from sims.figures import drawing
from sims.figures.select import section, values
from sims.studies.streaming_eig import laws

# ln d of the panels that only the closed form reaches.
BEYOND = (20, 40, 80, 160)
RECORD = Path(__file__).parents[3] / "figures" / "bench" / "streaming_eig.json"


def failure(ax: Axes, runs: list[Run]) -> None:
    """Failure of best-rate Oja against R / R*(d): simulated, and the closed form beyond."""
    title = "diagonal instance: Oja at its best fixed rate"
    drawing.panel(ax, "c", title, "$R\\,/\\,R^*(d)$", "P[$\\sin^2>1/2$]")
    chosen = section(runs, "diagonal", "d", "R")
    ds = values(chosen, "d")
    for index, d in enumerate(sorted({*ds[:1], *ds[len(ds) // 2 :][:1], *ds[-1:]})):
        same = [run for run in chosen if run.params["d"] == d]
        star = theory.hard_threshold(math.log(d))
        for R in values(same, "R"):
            here = [run for run in same if run.params["R"] == R]
            total = sum(int(run.quantities["starts"]) for run in here)
            failing = round(total * float(np.mean([laws.least("failing")(run) for run in here])))
            found, (low, high) = share(np.arange(total) < failing, np.arange(total))
            label = f"$d=2^{{{round(math.log2(d))}}}$" if values(same, "R")[0] == R else None
            ax.errorbar(
                [R / star], [found], yerr=[[found - low], [high - found]],
                fmt=drawing.marker(index), color=drawing.colour(index), markerfacecolor="white",
                capsize=2, linewidth=0.8, label=label,
            )  # fmt: skip
        m = same[0].params["m"]
        _closed(ax, math.log(d), star, m, linestyle="-", color=drawing.colour(index))
    for index, exponent in enumerate(BEYOND[1::2]):
        log_d = exponent * math.log(2)
        style = {"linestyle": ("--", ":")[index], "label": f"$d=2^{{{exponent}}}$"}
        _closed(ax, log_d, theory.hard_threshold(log_d), math.inf, color="black", **style)
    drawing.legend(ax, "lines: closed form\nbars: 95% Wilson")


def _closed(ax: Axes, log_d: float, star: float, m: float, **style: Any) -> None:
    grid = np.linspace(max(0.3, 1.02 / star), 2.2, 200)
    drawing.theory(ax, grid, theory.best_hard_failure(log_d, grid * star, m), **style)


def thresholds(ax: Axes, runs: list[Run]) -> None:
    """Where the best rate fails, against log2 d, to 2^160: R*, and what ln d would be."""
    title = "thresholds in R, diagonal and mixed instance"
    drawing.panel(ax, "d", title, "$\\log_2 d$", "R", "log log")
    exponents = np.geomspace(5, 160, 60)
    star = [theory.hard_threshold(e * math.log(2)) for e in exponents]
    drawing.theory(ax, exponents, star, label="$R\\ln R-R+1=\\frac{1}{2}\\ln d$")
    slope = star[0] / exponents[0]
    drawing.theory(ax, exponents, slope * exponents, linestyle="--", label="$\\propto\\ln d$")
    kinds = (
        ("diagonal", "failing", 1 - theory.AT_THRESHOLD, "best fixed rate (D6)"),
        ("mixed", "failing_mixed", 0.5, "best fixed rate, mixed (D7)"),
        ("gap", "failing", 0.5, "Price-Xun, C = 2 (D7)"),
    )
    for index, (sweep, quantity, level, label) in enumerate(kinds):
        chosen = section(runs, sweep, "d", "R")
        places, located = [], []
        for d in values(chosen, "d"):
            same = [run for run in chosen if run.params["d"] == d]
            found = laws.located(same, quantity, level)
            if found:
                places.append(math.log2(d))
                located.append(found)
        if places:
            drawing.points_with_range(ax, places, located, index, label)
    drawing.plain_ticks(ax, (6, 12, *BEYOND))
    drawing.legend(ax)


def gap(ax: Axes, runs: list[Run]) -> None:
    """Price and Xun's success against R / ln d."""
    title = "Price-Xun in random order (C = 2; light rows: 10)"
    drawing.panel(ax, "e", title, "R / ln d", "P[$\\sin^2\\leq 1/4$]", "log linear")
    index = 0
    for name, sweep in (("mixed", "gap"), ("light", "light_gap")):
        chosen = section(runs, sweep, "d", "R")
        for d in values(chosen, "d"):
            same = [run for run in chosen if run.params["d"] == d]
            Rs = values(same, "R")
            rows = [[1 - last("failing")(run) for run in same if run.params["R"] == R] for R in Rs]
            x = [R / math.log(d) for R in Rs]
            drawing.points_with_range(ax, x, rows, index, f"{name}, d = {d}")
            index += 1
    chosen = section(runs, "gap", "d", "R")
    if chosen:
        d = max(values(chosen, "d"))
        law = theory.mixed_threshold(d, chosen[0].params["C"], laws.top_rate()) / math.log(d)
        ax.axvline(law, color="black", linewidth=0.8, label="derived threshold")
    drawing.legend(ax)


def certificate(ax: Axes, runs: list[Run]) -> None:
    """D0: every look of every rate and start against its bound."""
    title = "growth certificate D0: looks at rates and starts after $s>1$"
    drawing.panel(ax, "m", title, "bound", "$\\|Pv\\|$", "log log")
    chosen = [run for run in runs if run.sweep == "certificate" and run.status == "ok"]
    rng = np.random.default_rng(0)
    for index, kind in enumerate(values(chosen, "kind")):
        same = [run for run in chosen if run.params["kind"] == kind]
        off = np.concatenate([np.sqrt(run.quantities["sin2"]).ravel() for run in same])
        excess = np.concatenate([run.quantities["certificate"].ravel() for run in same])
        bound = off - excess
        # Before any growth both sides are ||P v_0||.
        grown = np.concatenate([run.quantities["s"].ravel() for run in same]) > 1
        off, bound = off[grown], bound[grown]
        # The looks nearest their bound, and a sample of the others: there are some 10^5.
        ratio = off / bound
        shown = np.concatenate(
            [np.argsort(ratio)[-40:], rng.choice(len(off), min(80, len(off)), replace=False)]
        )
        ax.plot(
            bound[shown], off[shown], drawing.marker(index), color=drawing.colour(index),
            markersize=2, alpha=0.6, label=f"{kind} ({ratio.max():.3g})",
        )  # fmt: skip
    if not chosen:
        drawing.empty(ax)
        return
    line = np.geomspace(1e-2, 1.5, 10)
    drawing.theory(ax, line, line, label="bound")
    ax.set_xlim(0.03, 50)
    ax.set_ylim(1e-3, 1.6)
    drawing.legend(ax, "largest ratio to the bound")


def order(ax: Axes, runs: list[Run]) -> None:
    """The same rows grouped by the sign of their cross-terms, and shuffled."""
    title = "Oja, cross-terms grouped by sign / same rows shuffled"
    drawing.panel(ax, "n", title, "R", "$\\sin^2/(\\eta\\lambda_2/2)$", "log log")
    chosen = section(runs, "worst", "R", order="signs")
    if not chosen:
        drawing.empty(ax)
        return
    Rs = values(chosen, "R")
    for index, name in enumerate(("grouped", "shuffled")):
        rows = [[last(name)(run) for run in chosen if run.params["R"] == R] for R in Rs]
        drawing.points_with_range(ax, Rs, rows, index, name)
    ax.axhline(1.0, color="black", linewidth=1.0, label="worst case D0")
    ax.axhline(1 / 3, color="black", linewidth=1.0, linestyle="--", label="a third of it")
    ax.set_xlim(Rs[0] / 2, Rs[-1] * 2)
    drawing.plain_ticks(ax, Rs)
    drawing.legend(ax)


def speed(ax: Axes, runs: list[Run]) -> None:
    """Rows times lanes a second of every contender, beside one pass over the rows.

    Not from the runs: from the benchmark's committed record, whose machine it names.
    """
    drawing.panel(ax, "o", "speed of Oja's method (bench record)", "", "rows x lanes / s")
    if not RECORD.exists():
        drawing.empty(ax)
        return
    record = json.loads(RECORD.read_bytes())
    rows = record["cases"][0]["rows"]
    sizes = list(dict.fromkeys((row["size"]["d"], row["size"]["lanes"]) for row in rows))
    names = list(dict.fromkeys(row["contender"] for row in rows))
    bounds = [name for name in names if name.startswith("one pass")]
    for index, name in enumerate([name for name in names if name not in bounds]):
        own = {(r["size"]["d"], r["size"]["lanes"]): r for r in rows if r["contender"] == name}
        at = [place for place, size in enumerate(sizes) if size in own]
        speeds = [1 / own[sizes[place]]["seconds"] for place in at]
        x = np.array(at) + 0.09 * (index - (len(names) - 2) / 2)
        style: Any = {"color": drawing.colour(index), "markerfacecolor": "white"}
        ax.plot(x, speeds, drawing.marker(index), label=name, **style)
    for name, style in zip(bounds, ("-", "--"), strict=False):
        for place, size in enumerate(sizes):
            for row in rows:
                if row["contender"] == name and (row["size"]["d"], row["size"]["lanes"]) == size:
                    label = name if place == 0 else None
                    ends = (place - 0.4, place + 0.4)
                    drawing.theory(ax, ends, [1 / row["seconds"]] * 2, linestyle=style, label=label)
    ax.set_yscale("log")
    ax.set_xticks(
        range(len(sizes)), [f"d = {d}\n{lanes} lane{'s' * (lanes > 1)}" for d, lanes in sizes]
    )
    drawing.legend(ax, f"n = {rows[0]['size']['n']}, {record['machine']['cores']} cores")
