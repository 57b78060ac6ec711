"""Panels of data on axes: data as points, laws as lines, bounds as hatched sides."""

import sys
import textwrap
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.fitting.estimate import Estimate
from matsense.judging.judge import Verdict
from matsense.judging.laws import Law
from matsense.judging.proportions import share
from matsense.judging.runs import Run
from sims.figures import drawing, series
from sims.figures.labels import constants
from sims.figures.panels import ByHand, Panel, Section
from sims.figures.series import Series
from sims.text.notation import mathtext, plain, wrapped

COLUMNS = 3
DASHES = ("-", "--", ":", "-.")
# Plain ticks at the values of an axis up to so many.
FEW = 8
# The line under a title: its height in points, the letters that fit, the mark that it bears.
NOTE, WIDE, GID = 9, 46, "under the title"
TITLE = 34  # letters of a line of a title
WIDTH, HEIGHT = 4.2, 2.7  # of a panel in inches, with the names of many series beside it
INSIDE = 4  # series named inside a panel: more would cover data
Curve = tuple[np.ndarray, np.ndarray]


class Panelled(Figure):
    """A figure of panels, and what became of those that could not be drawn."""

    notices: tuple[str, ...] = ()


def figure_of(
    title: str, panels: Sequence[Panel], runs: Sequence[Run], verdicts: Sequence[Verdict]
) -> Panelled:
    """The panels side by side; one that fails says so in its place, and costs no other."""
    columns = max(min(len(panels), COLUMNS), 1)
    rows = max(-(-len(panels) // columns), 1)
    figure = Panelled(figsize=(WIDTH * columns, HEIGHT * rows), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    for ax, letter, panel in zip(axes, "abcdefghijklmnopqrstuvwxyz", panels, strict=False):
        try:
            paint(ax, panel, runs, verdicts)
            _place_legend(ax)
        except Exception as error:
            why = failure(error)
            figure.notices += (f"panel ({letter}) {plain(panel.title)}: {why}",)
            ax.clear()
            ax.set_axis_off()
            text = "\n".join(textwrap.wrap(f"it could not be drawn: {why}", WIDE - 4))
            ax.text(0.5, 0.5, text.replace("$", r"\$"), transform=ax.transAxes, ha="center",
                    va="center", color="0.3", fontsize=7)  # fmt: skip
        lines = wrapped(f"({letter}) {panel.title}", TITLE)
        ax.set_title("\n".join(lines), pad=4 + NOTE * len(_notes(ax)))
    for ax in axes[len(panels) :]:
        ax.set_visible(False)
    return figure


def _place_legend(ax: Axes) -> None:
    """Inside where there is room for it, beside the panel where there are many series."""
    handles, _ = ax.get_legend_handles_labels()
    if not handles or ax.get_legend() is not None:
        return
    if len(handles) > INSIDE:
        drawing.legend(ax)
    else:
        ax.legend(loc="best", handlelength=1.6, labelspacing=0.3, borderaxespad=0.3)


def failure(error: BaseException) -> str:
    """What went wrong, in one line, and where in the study."""
    frames = traceback.extract_tb(error.__traceback__)
    package = Path(__file__).parents[1]
    own = [
        frame
        for frame in frames
        if not frame.filename.startswith(sys.prefix)
        and not Path(frame.filename).is_relative_to(package.parent / "matsense")
        and (
            not Path(frame.filename).is_relative_to(package)
            or Path(frame.filename).is_relative_to(package / "studies")
        )
    ]
    where = f" ({Path(own[-1].filename).name} line {own[-1].lineno})" if own else ""
    return f"{type(error).__name__}: {error}{where}"


def paint(ax: Axes, panel: Panel, runs: Sequence[Run], verdicts: Sequence[Verdict]) -> None:
    """Draws one panel of the runs."""
    if isinstance(panel, Section):
        section(ax, panel, runs)
    elif isinstance(panel, ByHand):
        panel.painter(ax, [run for run in runs if run.status == "ok"], verdicts)
    else:
        raise TypeError(f"{panel!r} is no panel")


def section(ax: Axes, panel: Section, runs: Sequence[Run]) -> None:
    """Draws the runs of a section."""
    x, y = panel.scales.split()
    ax.set_xlabel("\n".join(wrapped(panel.x, TITLE + 10)))
    ax.set_ylabel("\n".join(wrapped(panel.y, TITLE - 4)))
    about = [run for run in runs if panel.of(run)]
    found = series.chosen(panel.of, panel.by, [run for run in about if run.status == "ok"])
    if not found:
        drawing.empty(ax)
        return
    ax.set_xscale(x)
    ax.set_yscale(y)
    {
        "traces": _traces,
        "along": _along,
        "shares": _along,
        "against": _against,
        "histogram": _histogram,
    }[panel.kind](ax, panel, found)
    lines = wrapped(_told(panel, about, found), WIDE)
    ax.annotate(
        "\n".join(lines), (0, 1), xytext=(0, 2), xycoords="axes fraction",
        textcoords="offset points", fontsize=7, color="0.3", va="bottom", gid=GID, in_layout=False,
    )  # fmt: skip


def _notes(ax: Axes) -> list[str]:
    """The lines under the title of a panel."""
    own = [text.get_text() for text in ax.texts if text.get_gid() == GID]
    return own[0].split("\n") if own else []


def _told(panel: Section, about: Sequence[Run], found: Sequence[Series]) -> str:
    """What all runs have in common, what else varies, and what was lost."""
    shown = set(series.axes_of(panel.by))
    if panel.reading is not None:
        shown |= set(series.taken(panel.reading))
    if panel.place is not None and panel.kind in ("along", "shares"):
        shown |= set(panel.place.names)
    words = [constants([run.params for own in found for run in own.runs], shown)]
    for status in ("diverged", "failed"):
        lost = sum(run.status == status for run in about)
        words += [f"{lost} {status}"] if lost else []
    return "; ".join(filter(None, words))


def _traces(ax: Axes, panel: Section, found: Sequence[Series]) -> None:
    assert panel.trace is not None
    lines: list[list[list[Curve]]] = [[] for _ in (*panel.laws, panel.bound)]
    for index, own in enumerate(found):
        groups = series.by_ticks(own.runs)
        for n, same in enumerate(groups):
            t = same[0].quantities["t"]
            rows = np.stack([np.broadcast_to(panel.trace(run), t.shape) for run in same])
            drawing.traces(ax, t, rows, index, "" if n else own.label)
        for slot, law in zip(lines, (*panel.laws, panel.bound), strict=True):
            if law is not None:
                slot.append([(g[0].quantities["t"], series.curves(law, g)) for g in groups])
    _lines(ax, panel, lines)


def _along(ax: Axes, panel: Section, found: Sequence[Series]) -> None:
    assert panel.place is not None and panel.reading is not None
    lines: list[list[list[Curve]]] = [[] for _ in (*panel.laws, panel.bound)]
    ticks: set[Any] = set()
    for index, own in enumerate(found):
        numbers = series.numbers(panel.reading, own.runs)
        rows = series.by_place(panel.place, numbers)
        ticks |= set(rows)
        if panel.kind == "shares":
            middle, low, high = np.transpose([_share(row) for row in rows.values()])
        else:
            middle, low, high = np.transpose([_middle(row) for row in rows.values()])
        places = _powers(list(rows), panel.power)
        drawing.with_bars(ax, places, middle, low, high, index, own.label)
        heads = [run for run, _ in numbers]
        for slot, law in zip(lines, (*panel.laws, panel.bound), strict=True):
            if law is not None:
                at, values = series.at_places(law, panel.place, heads)
                slot.append([(np.asarray(_powers(list(at), panel.power)), values)])
    _lines(ax, panel, lines)
    if panel.kind == "shares":
        ax.set_ylim(-0.03, 1.03)
    _ticks(
        ax,
        sorted(ticks, key=str) if any(isinstance(x, str) for x in ticks) else sorted(ticks),
        panel,
    )


def _ticks(ax: Axes, places: Sequence[Any], panel: Section) -> None:
    """Few values of a logarithmic axis stand there as they are."""
    if ax.get_xscale() == "log" and len(places) <= FEW and panel.power == 1:
        drawing.plain_ticks(ax, places)


def _powers(places: Sequence[Any], power: float) -> Any:
    if power == 1:
        return places
    return [x**power for x in places]


def _middle(row: Sequence[tuple[Run, Estimate]]) -> tuple[float, float, float]:
    """Median and range of the numbers at one place; of a lone one its interval."""
    own = [e for _, e in row if np.isfinite(e.value)]
    if not own:
        return np.nan, np.nan, np.nan
    values = [e.value for e in own]
    low, high = own[0].interval() if len(own) == 1 else (min(values), max(values))
    return float(np.median(values)), low, high


def _share(row: Sequence[tuple[Run, Estimate]]) -> tuple[float, float, float]:
    """The share of ones, with its interval; who does not tell may be either."""
    value = np.array([e.value for _, e in row])
    _, instances = np.unique([run.instance or str(run.seed) for run, _ in row], return_inverse=True)
    found, (low, _) = share(value > 0.5, instances)
    _, (_, high) = share(~(value <= 0.5), instances)
    return found, low, high


def _against(ax: Axes, panel: Section, found: Sequence[Series]) -> None:
    assert panel.place is not None and panel.reading is not None
    ends: list[float] = []
    for index, own in enumerate(found):
        numbers = series.numbers(panel.reading, own.runs)
        x = np.array([float(panel.place(run)) for run, _ in numbers])
        y = np.array([e.value for _, e in numbers])
        drawing.cloud(ax, x, y, index, own.label)
        ends += [
            float(v) for v in (*x, *y) if np.isfinite(v) and (v > 0 or "log" not in panel.scales)
        ]
    if ends:
        drawing.theory(ax, [min(ends), max(ends)], [min(ends), max(ends)], label="as predicted")


def _histogram(ax: Axes, panel: Section, found: Sequence[Series]) -> None:
    assert panel.reading is not None
    values = [
        np.array([e.value for _, e in series.numbers(panel.reading, own.runs)]) for own in found
    ]
    values = [v[np.isfinite(v)] for v in values]
    together = np.concatenate(values)
    if not together.size:
        drawing.empty(ax)
        return
    positive = together[together > 0]
    if ax.get_xscale() == "log" and positive.size:
        edges = np.exp(np.histogram_bin_edges(np.log(positive), "auto"))
    else:
        edges = np.histogram_bin_edges(together, "auto")
    for index, (own, v) in enumerate(zip(found, values, strict=True)):
        heights, _ = (
            np.histogram(v, edges, density=True) if v.size else (np.zeros(len(edges) - 1), 0)
        )
        ax.stairs(heights, edges, color=drawing.colour(index), label=own.label, linewidth=1.2)
    for law, dash in zip(panel.laws, DASHES, strict=False):
        if "x" in law.names:
            at = np.linspace(edges[0], edges[-1], 200)
            run = found[0].runs[0]
            curve = law(_with(run, x=at))
            drawing.theory(ax, at, curve, linestyle=dash, label=_legend(law))
        else:
            middle = float(np.median([float(law(run)) for own in found for run in own.runs]))
            ax.axvline(middle, color="black", linestyle=dash, label=_legend(law))


def _with(run: Run, **more: Any) -> Run:
    from dataclasses import replace

    return replace(run, params={**run.params, **more})


def _lines(ax: Axes, panel: Section, lines: Sequence[Sequence[Sequence[Curve]]]) -> None:
    """Laws, each in the colours of its series unless it is one for all; the bound hatched."""
    for law, dash, own in zip(panel.laws, DASHES, lines, strict=False):
        same = _one(own)
        for index, curves in enumerate(own[:1] if same else own):
            for x, y in curves:
                drawing.theory(ax, x, y, None if same else index, linestyle=dash)
        ax.plot([], [], dash, color="black" if same else "0.3", label=_legend(law))
    if panel.bound is not None:
        same = _one(lines[-1])
        for index, curves in enumerate(lines[-1][:1] if same else lines[-1]):
            for x, y in curves:
                drawing.bound(ax, x, y, None if same else index, panel.side)
        ax.plot([], [], ":", color="black" if same else "0.3", label=_legend(panel.bound))


def _legend(law: Law) -> str:
    return mathtext(law.name)


def _one(curves: Sequence[Sequence[Curve]]) -> bool:
    """Whether the lines of all series are one."""
    first = curves[0]
    return all(
        len(own) == len(first)
        and all(
            len(a[0]) == len(b[0])
            and list(a[0]) == list(b[0])
            and np.allclose(a[1], b[1], rtol=1e-9, atol=0.0, equal_nan=True)
            for a, b in zip(own, first, strict=True)
        )
        for own in curves[1:]
    )
