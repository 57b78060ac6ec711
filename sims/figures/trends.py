"""The numbers that a trend is read off, along its axis, with the line that goes through them."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FormatStrFormatter, LogLocator, NullLocator

from matsense.fitting.estimate import Estimate
from matsense.judging.claims import Claim
from matsense.judging.formulas import powered
from matsense.judging.judge import averaged
from matsense.judging.runs import Run
from matsense.judging.trends import Nested, Trend
from sims.figures import drawing
from sims.figures.labels import number

# Groups whose lines can be told apart; more are thinned evenly.
MOST = 80
LOGARITHMIC = ("scaling", "invariance", "ratio")
# A group's numbers are shown in units of their middle, or less it, so that groups lie together.
LABELS = {
    "scaling": "each group / its middle", "invariance": "each group / its middle",
    "ratio": "each group / its middle", "slope": "each group - its middle",
    "threshold": "share of successes", "crossing": "reading",
}  # fmt: skip
Group = tuple[np.ndarray, np.ndarray]


def trend_picture(
    figure: Figure, box: Any, claim: Claim, judged: Sequence[Run], control: Sequence[Run]
) -> None:
    """Two axes side by side: the groups of what is judged, and those of the control."""
    trend = claim.trend
    assert trend is not None
    outer = trend.outer if isinstance(trend, Nested) else trend
    both = [("judged", judged)] + ([("control", control)] if claim.control is not None else [])
    gap = 0.18 * box.width if len(both) > 1 else 0.0
    width = (box.width - gap) / len(both)
    drawn: list[Axes] = []
    for index, (name, runs) in enumerate(both):
        left = box.x0 + index * (width + gap)
        ax = figure.add_axes((left, box.y0, width, box.height))
        words = words_of(claim, runs)
        tint = drawing.colour(0 if name == "judged" else 2)
        _picture(ax, outer, groups_of(claim, runs, words), claim, tint, words)
        ax.set_title(name, fontsize=7, pad=2)
        ax.set_xlabel(powered(outer.axis, outer.power), fontsize=7, labelpad=1)
        ax.tick_params(labelsize=7, length=2, pad=1)
        drawn.append(ax)
    drawn[0].set_ylabel(LABELS[outer.kind], fontsize=7, labelpad=1)
    limits = [ax.get_ylim() for ax in drawn if ax.has_data()]
    if len(limits) == 2 and _alike(limits[0], limits[1], drawn[0].get_yscale() == "log"):
        for ax in drawn:
            ax.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))
        drawn[1].tick_params(labelleft=False)


def _alike(a: tuple[float, ...], b: tuple[float, ...], logarithmic: bool) -> bool:
    """Whether two ranges can share a scale without one of them shrinking to a line."""
    if logarithmic:
        a, b = (tuple(map(math.log, ends)) for ends in (a, b))
    whole = max(a[1], b[1]) - min(a[0], b[0])
    return bool(whole < 4 * min(a[1] - a[0], b[1] - b[0]))


def words_of(claim: Claim, runs: Sequence[Run]) -> list[str]:
    """The values of an axis of words, which stand there in turn; none for an axis of numbers."""
    trend = claim.trend
    assert trend is not None
    outer = trend.outer if isinstance(trend, Nested) else trend
    values = {run.params[outer.axis] for run in runs if outer.axis in run.params}
    try:
        outer.places(list(values))
    except ValueError:
        return sorted(map(str, values))
    return []


def groups_of(claim: Claim, runs: Sequence[Run], words: Sequence[str] = ()) -> list[Group]:
    """Places and numbers of each group that has any: of the outer trend of a nested one."""
    trend = claim.trend
    assert trend is not None
    own = averaged(runs) if claim.averaged else list(runs)
    by_key: dict[Any, list[tuple[Any, Estimate]]] = {}
    for run in own:
        by_key.setdefault(trend.group_key(run.params, run.seed), []).append(
            (run.params, claim.estimate(run))
        )
    found = []
    for rows in by_key.values():
        if isinstance(trend, Nested):
            outer, inner = trend.outer, _inner(trend, rows)
        else:
            outer, inner = trend, [(params[trend.axis], e.value) for params, e in rows]
        at = [place for place, _ in inner]
        places = np.array(list(map(words.index, at)), float) if words else outer.places(at)
        values = np.array([value for _, value in inner], dtype=float)
        good = np.isfinite(values) & np.isfinite(places)
        if good.any():
            order = np.argsort(places[good], kind="stable")
            found.append((places[good][order], values[good][order]))
    return found


def _inner(trend: Nested, rows: Sequence[tuple[Any, Estimate]]) -> list[tuple[Any, float]]:
    by_place: dict[Any, list[tuple[Any, Estimate]]] = {}
    for params, estimate in rows:
        by_place.setdefault(params[trend.outer.axis], []).append((params, estimate))
    return [
        (place, trend.inner.along([p for p, _ in own], [e for _, e in own]).value)
        for place, own in by_place.items()
    ]


def _picture(
    ax: Axes, trend: Trend, groups: Sequence[Group], claim: Claim, tint: str, words: Sequence[str]
) -> None:
    if not groups:
        ax.text(0.5, 0.5, "no numbers", transform=ax.transAxes, ha="center", fontsize=7)
        return
    known = [_in_units(trend, group, words) for group in groups]
    shown = [group for group in known if group is not None]
    if trend.kind in LOGARITHMIC:
        ax.set_yscale("log")
    places = np.unique(np.concatenate([x for x, _ in shown])) if shown else np.zeros(0)
    if not places.size:
        ax.text(0.5, 0.5, "no numbers", transform=ax.transAxes, ha="center", fontsize=7)
        return
    if places.min() > 0 and not words:
        ax.set_xscale("log")
    kept = np.unique(np.linspace(0, len(shown) - 1, min(len(shown), MOST)).round().astype(int))
    faint = max(0.15, 0.9 / math.sqrt(len(kept)))
    for index in kept:
        x, y = shown[index]
        ax.plot(x, y, "-o", color=tint, alpha=faint, markersize=1.8, linewidth=0.5)
    _line(ax, trend, shown, claim)
    if words:
        ax.set_xticks(range(len(words)), words)
        ax.set_xlim(-0.4, len(words) - 0.6)
    _plain(ax, places)


def _in_units(trend: Trend, group: Group, words: Sequence[str]) -> Group | None:
    x, y = group
    if trend.kind == "threshold":
        own = np.unique(x)
        return own, np.array([y[x == place].mean() for place in own])
    if trend.kind in LOGARITHMIC:
        if trend.kind == "ratio":
            named = [words.index(x) for x in trend.pair if x in words]
            pair = named if words else trend.places(trend.pair)
            kept = np.isin(x, pair)
            x, y = x[kept], y[kept]
        if not y.size or np.any(y <= 0):
            return None
        return x, y / np.exp(np.mean(np.log(y)))
    if trend.kind == "slope":
        return x, y - np.mean(y)
    return x, y


def _line(ax: Axes, trend: Trend, shown: Sequence[Group], claim: Claim) -> None:
    """The line through all groups, and where the trend's answer is compared as it is, the law."""
    x, y = (np.concatenate(part) for part in zip(*shown, strict=True))
    ends = np.array([x.min(), x.max()])
    plain = trend.then(Estimate(0.75), {}) if _is_plain(trend) else None
    if trend.kind in ("scaling", "slope") and len(set(x)) > 1 and x.min() > 0:
        heights = np.log(y) if trend.kind == "scaling" else y
        slope, level = np.polyfit(np.log(x), heights, 1)
        lines = [(slope, "--", "fitted")]
        if plain is not None and not callable(claim.target) and not isinstance(claim.trend, Nested):
            lines.append((claim.target, "-", "claimed"))
        middle = np.mean(np.log(x))
        for own, dash, label in lines:
            line = level + slope * middle + own * (np.log(ends) - middle)
            at = np.exp(line) if trend.kind == "scaling" else line
            ax.plot(ends, at, dash, color="black", linewidth=0.9, label=label)
        ax.legend(loc="best", fontsize=7, handlelength=1.6, borderpad=0, labelspacing=0.2)
    elif trend.kind in ("invariance", "ratio"):
        ax.axhline(1.0, color="black", linewidth=0.8)
    elif trend.kind == "threshold":
        ax.axhline(0.5, color="black", linewidth=0.8, linestyle=":")
    elif trend.kind == "crossing":
        ax.axhline(trend.level, color="black", linewidth=0.8, linestyle=":")


def _is_plain(trend: Trend) -> bool:
    """Whether the trend's answer is compared as it is, in no other units."""
    try:
        return trend.then(Estimate(0.75), {}) == Estimate(0.75)
    except Exception:
        # It asks for what the runs of a group have in common: units of their own.
        return False


def _plain(ax: Axes, places: np.ndarray) -> None:
    """Few ticks of logarithmic axes as plain numbers: along the axis at values that were run."""
    if ax.get_xscale() == "log":
        kept = [places[0]]
        room = math.log(places[-1] / places[0]) / 2.2 if len(places) > 1 else 0.0
        for x in places[1:]:
            if math.log(x / kept[-1]) >= room:
                kept.append(x)
        ax.set_xticks(kept, [number(x) for x in kept])
        ax.xaxis.set_minor_locator(NullLocator())
    if ax.get_yscale() == "log":
        low, high = ax.get_ylim()
        close = high < 30 * low
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if close else (1,), numticks=5))
        if close:
            ax.yaxis.set_major_formatter(FormatStrFormatter("%.3g"))
        ax.yaxis.set_minor_locator(NullLocator())
