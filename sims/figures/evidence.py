"""The picture of a claim: its runs' readings against prediction and tolerance, and the control's.

Made of the verdict and the runs alone, for every claim alike, at the width of a column.
"""

import io
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator

from matsense.fitting.estimate import Call, band, decide
from matsense.judging.claims import Claim
from matsense.judging.judge import LEVEL, Unit, Verdict, units_of
from matsense.judging.proportions import share
from matsense.judging.runs import Run
from sims.figures import drawing
from sims.figures.painting import failure
from sims.figures.trends import trend_picture
from sims.text.notation import wrapped

WIDTH = 3.25  # inches: a column
LETTERS = 62  # that fit into it
LINE, LEFT, RIGHT = 0.135, 0.62, 0.1  # a line of text and the margins, in inches
CLAIMED = "0.87"
MOST = 240  # numbers that are told apart in a band
# A control further away than so many widths of what is judged has a scale of its own.
FAR = 6.0
SIGNS = {Call.CONSISTENT: "\N{CHECK MARK}", Call.CONTRADICTED: "\N{MULTIPLICATION X}",
         Call.INCONCLUSIVE: "?"}  # fmt: skip
MARKS = {Call.CONSISTENT: "o", Call.CONTRADICTED: "x", Call.INCONCLUSIVE: "s"}
TINTS = {Call.CONSISTENT: drawing.COLOURS[0], Call.CONTRADICTED: drawing.COLOURS[2],
         Call.INCONCLUSIVE: "0.55"}  # fmt: skip
WORDS = {Call.CONSISTENT: "agrees", Call.CONTRADICTED: "contradicts",
         Call.INCONCLUSIVE: "cannot tell"}  # fmt: skip


@dataclass(frozen=True)
class Band:
    """Some of a claim's units, and what each says: one row of the picture."""

    name: str
    units: list[Unit]
    calls: list[Call]
    level: float

    @property
    def ends(self) -> np.ndarray:
        """Value, low end and high end of each unit; NaN without a value."""
        own = [(u.estimate.value, *u.estimate.interval(self.level)) for u in self.units]
        found = np.array(own, dtype=float).reshape(-1, 3)
        return np.where(np.isnan(found[:, :1]), math.nan, found)


def remembering(claim: Claim) -> Claim:
    """The claim, whose reading and prediction of a run are taken once, however often asked for."""
    target = _once(claim.target) if callable(claim.target) else claim.target
    return replace(claim, estimate=_once(claim.estimate), target=target)


def _once(of: Callable[[Run], Any]) -> Callable[[Run], Any]:
    found: dict[int, tuple[Run, Any]] = {}

    def remembered(run: Run) -> Any:
        # The run is kept too: otherwise another might take its number.
        if id(run) not in found:
            found[id(run)] = (run, of(run))
        return found[id(run)][1]

    return remembered


def pages(verdicts: Sequence[Verdict], runs: Sequence[Run], digest: str) -> bytes:
    """A PDF with a page for each claim, without dates; `digest` names the runs."""
    file = io.BytesIO()
    metadata = {"CreationDate": None, "Keywords": f"grid_digest={digest}"}
    with drawing.style(), PdfPages(file, metadata=metadata) as book:
        for verdict in verdicts:
            book.savefig(_or_why_not(verdict, runs))
    return file.getvalue()


def _or_why_not(verdict: Verdict, runs: Sequence[Run]) -> Figure:
    """The picture, or what went wrong with it: one claim's picture costs no other's."""
    try:
        return evidence(verdict, runs)
    except (MemoryError, OSError, KeyboardInterrupt):
        raise  # the machine's, not the claim's
    except BaseException as error:
        figure, axes = _frame(verdict, wrapped(failure(error), LETTERS - 2), [(0.5, 0.2)])
        axes[0].set_axis_off()
        return figure


@drawing.style()
def evidence(verdict: Verdict, runs: Sequence[Run]) -> Figure:
    """The claim's runs against prediction and tolerance, beside those of its control.

    Each number is in units of its prediction, with its interval (at the familywise level where
    every run is judged), ordered by size; runs outside the hypotheses stand apart, numbers that are
    known from one side are arrowheads. A share is shown by its outcomes; a trend also by the
    numbers that it is read off. It can be made of any runs, of none as well.
    """
    claim = verdict.claim
    about = [run for run in runs if run.status == "ok" and claim.runs(run)]
    inside = [run for run in about if claim.covers(run)]
    outside = [run for run in about if not claim.covers(run)]
    control = [
        run
        for run in runs
        if run.status == "ok" and claim.control is not None and claim.control(run)
    ]
    judged = [_band(claim, "judged", inside), _band(claim, "outside", outside)]
    bands = [band for band in judged if band.units] or judged[:1]
    against = [_band(claim, "control", control)] if claim.control is not None else []
    told = _told(verdict, [*bands, *against])
    shares = isinstance(claim.mode, tuple)
    if shares:
        panes = [(0.25 + 0.25 * len(bands + against), 0.34)]
    else:
        scales = _scales(claim, bands, against)
        # On one scale, one row of numbers below serves both.
        panes = [(0.2 + 0.5 * len(bands), 0.06 if scales[0] == scales[-1] and against else 0.24)]
        panes += [(0.45, 0.0)] if against else []
        panes[-1] = (panes[-1][0], 0.34)
    if claim.trend is not None:
        panes += [(0.16, 0.0), (0.95, 0.34)]
    figure, axes = _frame(verdict, told, panes)
    if shares:
        _outcomes(axes[0], claim, [*bands, *against])
    else:
        _numbers(axes, verdict, bands, against, scales)
    if claim.trend is not None:
        box = axes[-1].get_position()
        axes[-2].remove()
        axes[-1].remove()
        trend_picture(figure, box, claim, inside, control)
    return figure


def _band(claim: Claim, name: str, runs: Sequence[Run]) -> Band:
    units = units_of(claim, runs)
    answered = sum(not unit.silent for unit in units)
    level = 1 - (1 - LEVEL) / max(answered, 1) if claim.mode == "every run" else LEVEL
    goal = 1.0 if callable(claim.target) else claim.target
    calls = [decide(u.estimate, goal, claim.sense, claim.tolerance, level) for u in units]
    return Band(name, units, calls, level)


def _told(verdict: Verdict, bands: Sequence[Band]) -> list[str]:
    """What the picture leaves out, in words."""
    lines = []
    for own in bands:
        silent = [u.estimate.reason or "no reason given" for u in own.units if u.silent]
        if silent:
            (reason, _), *_ = Counter(silent).most_common(1)
            lines.append(
                f"{own.name}: {len(silent)} of {len(own.units)} without a value ({reason})"
            )
    lost = [
        f"{count} {word}"
        for word in ("diverged", "failed", "missing", "excluded")
        if (count := getattr(verdict, word))
    ]
    if lost:
        lines.append(f"not drawn: {', '.join(lost)}")
    return [line for text in lines for line in wrapped(text, LETTERS - 2)]


def _frame(
    verdict: Verdict, told: Sequence[str], panes: Sequence[tuple[float, float]]
) -> tuple[Figure, list[Axes]]:
    """A figure with the sentence and the verdict above axes of these heights and gaps in inches."""
    title = wrapped(verdict.claim.statement, LETTERS)
    top = LINE * (1 + len(title)) + 0.13
    bottom = LINE * (1 + len(told)) + 0.06
    height = top + sum(own + gap for own, gap in panes) + bottom
    figure = Figure(figsize=(WIDTH, height))
    at = lambda inches: 1 - inches / height  # noqa: E731
    say = partial(figure.text, va="top", fontsize=7)
    say(0.02, at(0.05), verdict.claim.id, color="0.35")
    say(0.98, at(0.05), f"{SIGNS[verdict.call]} {verdict.call}", ha="right", fontsize=8)
    for index, text in enumerate(title):
        say(0.02, at(0.05 + LINE * (1 + index)), text)
    for index, text in enumerate(told):
        say(0.02, (0.04 + LINE * (len(told) - index)) / height, text, color="0.3")
    axes, place = [], top
    for own, gap in panes:
        place += own
        box = (LEFT / WIDTH, at(place), 1 - (LEFT + RIGHT) / WIDTH, own / height)
        axes.append(figure.add_axes(box))
        place += gap
    handles: list[Any] = [
        Line2D(
            [], [], marker=MARKS[call], color=TINTS[call], markersize=3, linestyle="", label=word
        )
        for call, word in WORDS.items()
    ]
    claimed = Patch(facecolor=CLAIMED, label="claimed")
    figure.legend(
        handles=[*handles, claimed], loc="lower center", ncols=4, fontsize=7, handletextpad=0.2,
        borderpad=0, columnspacing=1.0, handlelength=0.9,
        bbox_to_anchor=(0.5, (0.03 + LINE * len(told)) / height),
    )  # fmt: skip
    return figure, axes


Scale = tuple[float, float, bool]


def _scales(claim: Claim, bands: Sequence[Band], against: Sequence[Band]) -> list[Scale]:
    """The scale of what is judged and that of the control: one, unless the first would shrink."""
    goal = 1.0 if callable(claim.target) else claim.target
    marks = [goal, *(x for x in band(goal, claim.sense, claim.tolerance) if math.isfinite(x))]
    main = _limits([own.ends for own in bands], marks)
    both = _limits([own.ends for own in (*bands, *against)], marks)
    length = lambda low, high: math.log(high / low) if both[2] else high - low  # noqa: E731
    alike = length(both[0], both[1]) <= FAR * length(max(main[0], both[0]), main[1])
    return [both, both] if alike else [main, _limits([own.ends for own in against], marks)]


def _numbers(
    axes: Sequence[Axes],
    verdict: Verdict,
    bands: Sequence[Band],
    against: Sequence[Band],
    scales: Sequence[Scale],
) -> None:
    """The numbers of what is judged, of what is outside, and of the control."""
    claim = verdict.claim
    rows: list[tuple[Axes, Sequence[Band], Verdict | None]] = [(axes[0], bands, verdict)]
    if against:
        rows.append((axes[1], against, verdict.control))
        axes[0].tick_params(labelbottom=scales[0] != scales[1])
    for (ax, own, found), scale in zip(rows, scales, strict=False):
        _rows(ax, claim, own, scale)
        if claim.mode == "in the mean" and found is not None and math.isfinite(found.measured):
            _mean(ax, found)
    (label, *more) = wrapped(claim.measured, LETTERS - 12)
    rows[-1][0].set_xlabel(label + (" ..." if more else ""), fontsize=7, labelpad=1)


def _limits(ends: Sequence[np.ndarray], marks: Sequence[float]) -> Scale:
    """Where an axis for these numbers begins and ends, and whether it is logarithmic."""
    found = np.concatenate([own.ravel() for own in ends]) if ends else np.zeros(0)
    values = np.concatenate([own[:, 0] for own in ends]) if ends else np.zeros(0)
    values = values[np.isfinite(values)]
    if not values.size:
        values = found[np.isfinite(found)]
    shown = np.array([*values, *marks])
    low, high = float(shown.min()), float(shown.max())
    if low > 0 and high / low > 30:
        return low / 1.5, high * 1.5, True
    # Rounding alone is no spread.
    alike = high - low < 1e-3 * max(abs(low), abs(high))
    room = 0.1 * abs(high) if alike else 0.08 * (high - low) or 1.0
    return low - room, high + room, False


def _rows(ax: Axes, claim: Claim, bands: Sequence[Band], scale: Scale) -> None:
    low, high, logarithmic = scale
    goal = 1.0 if callable(claim.target) else claim.target
    floor, ceiling = band(goal, claim.sense, claim.tolerance)
    ax.set_xscale("log" if logarithmic else "linear")
    ax.set_xlim(low, high)
    ax.axvspan(max(floor, low), min(ceiling, high), color=CLAIMED, linewidth=0, zorder=0)
    ax.axvline(goal, color="black", linewidth=0.8, zorder=1)
    for row, own in enumerate(bands):
        _ranked(ax, own, row, low, high)
    ax.set_ylim(len(bands) - 0.5, -0.5)
    ax.set_yticks(range(len(bands)), [f"{own.name}\n({len(own.units)})" for own in bands])
    ax.tick_params(labelsize=7, length=2, pad=2)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    ax.xaxis.set_major_locator(LogLocator(numticks=6) if logarithmic else MaxNLocator(5))
    ax.xaxis.set_minor_locator(NullLocator())


def _ranked(ax: Axes, own: Band, row: int, low: float, high: float) -> None:
    """The numbers of a band from the smallest to the largest, at most so many of them."""
    ends = own.ends
    place = np.where(
        np.isfinite(ends[:, 0]), ends[:, 0], np.where(ends[:, 0] > 0, math.inf, ends[:, 1])
    )
    spoken = np.flatnonzero(~np.isnan(ends[:, 0]))
    order = spoken[np.argsort(place[spoken], kind="stable")]
    if not order.size:
        ax.text(
            0.5, row, "no numbers", transform=ax.get_yaxis_transform(), ha="center", va="center",
            color="0.4", fontsize=7,
        )  # fmt: skip
        return
    kept = np.unique(np.linspace(0, order.size - 1, min(order.size, MOST)).round().astype(int))
    heights = row + 0.4 - 0.8 * (kept + 0.5) / order.size
    chosen = order[kept]
    value, left, right = ends[chosen].T
    # An error that nothing shows has no line: a point alone.
    left, right = (np.where(np.isinf(left) & np.isinf(right), value, end) for end in (left, right))
    calls = np.array([own.calls[i] for i in chosen])
    faint = own.name == "outside"
    # What lies beyond the frame stands at its edge, as an arrowhead.
    beyond = np.where(value > high, 1, np.where(value < low, -1, 0))
    for call in Call:
        here = (calls == call) & (beyond == 0)
        drawing.readings(
            ax, heights[here], value[here], left[here], right[here], MARKS[call],
            "0.75" if faint else TINTS[call],
        )  # fmt: skip
        for side, edge, head in ((1, high, ">"), (-1, low, "<")):
            there = (calls == call) & (beyond == side)
            tint = "0.75" if faint else TINTS[call]
            ax.plot(np.full(there.sum(), edge), heights[there], head, color=tint, markersize=3,
                    clip_on=False)  # fmt: skip


def _mean(ax: Axes, found: Verdict) -> None:
    """The mean over seeds and its interval, across the first band."""
    low, high = found.interval
    ax.plot([low, high], [0, 0], color="black", linewidth=1.2, solid_capstyle="butt")
    ax.plot([found.measured], [0], "D", color="black", markersize=4, markerfacecolor="white")


def _outcomes(ax: Axes, claim: Claim, bands: Sequence[Band]) -> None:
    """Shares of outcomes, the interval of those who comply, and the probability that is claimed."""
    assert isinstance(claim.mode, tuple)
    for row, own in enumerate(bands):
        start = 0.0
        for call in (Call.CONSISTENT, Call.INCONCLUSIVE, Call.CONTRADICTED):
            part = own.calls.count(call) / max(len(own.calls), 1)
            ax.barh(row, part, left=start, height=0.6, color=TINTS[call], alpha=0.75, linewidth=0)
            start += part
        if own.units:
            _, instances = np.unique([unit.instance for unit in own.units], return_inverse=True)
            calls = np.array(own.calls)
            found, (low, _) = share(calls == Call.CONSISTENT, instances)
            _, (_, high) = share(calls != Call.CONTRADICTED, instances)
            bars = [[found - low], [max(high - found, 0.0)]]
            ax.errorbar([found], [row], xerr=bars, fmt="D", color="black", markersize=3,
                        markerfacecolor="white", linewidth=1.0, capsize=2)  # fmt: skip
    ax.axvline(claim.mode[1], color="black", linewidth=0.9, linestyle="--")
    ax.set_xlim(-0.02, 1.02)
    ax.set_ylim(len(bands) - 0.5, -0.5)
    ax.set_yticks(range(len(bands)), [f"{own.name}\n({len(own.units)})" for own in bands])
    ax.tick_params(labelsize=7, length=2, pad=2)
    ax.grid(visible=False)
    ax.set_xlabel(f"share of {claim.units}; dashed: what is claimed", fontsize=7, labelpad=1)
