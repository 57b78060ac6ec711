"""Figures that print in grey: theory as lines, data as points, legends outside."""

import contextlib
import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from matsense.judging.runs import Run

# Dark to light, so that order survives a grey printer; markers tell neighbours apart without any.
COLOURS = ("#12274d", "#2f6f8f", "#b0413e", "#d99a2b", "#8a8f98", "#6b4c9a")
MARKERS = ("o", "s", "^", "D", "v", "P")
DPI = 110
STYLE: Any = {
    "font.size": 8,
    "axes.titlesize": 9,
    "axes.titlelocation": "left",
    "axes.grid": True,
    "grid.color": "0.9",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 7,
    "lines.linewidth": 1.0,
    "lines.markersize": 3.0,
    "axes.titlepad": 4.0,
    # TrueType: submission systems refuse matplotlib's own Type 3.
    "pdf.fonttype": 42,
}


@contextlib.contextmanager
def style() -> Iterator[None]:
    """In here figures are made in this style, whatever a user's rcParams are, and only in here.

    It starts from matplotlib's own defaults, so that nothing is left to a matplotlibrc. Figures are
    made without pyplot, which would choose a backend and takes a third of a second to import.
    """
    settings: Any = {k: v for k, v in matplotlib.rcParamsDefault.items() if k != "backend"}
    with matplotlib.rc_context({**settings, **STYLE}):
        yield


def colour(index: int) -> str:
    """The colour of the index-th series; they repeat after the last."""
    return COLOURS[index % len(COLOURS)]


def marker(index: int) -> str:
    """The marker of the index-th series; they repeat out of step with the colours."""
    return MARKERS[(index + index // len(COLOURS)) % len(MARKERS)]


@style()
def canvas(rows: int, columns: int, title: str) -> tuple[Figure, list[Axes]]:
    """A figure of rows by columns panels, lettered by `panel`."""
    figure = Figure(figsize=(6.2 * columns, 2.9 * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    figure.suptitle(title, fontsize=9, x=0.01, ha="left")
    return figure, list(axes.flat)


def state_precision(figure: Figure, precision: str) -> None:
    """Says under the title in which arithmetic the runs of this figure were computed."""
    figure.suptitle(
        f"{figure.get_suptitle()}\nThese runs: {precision}.", fontsize=9, x=0.01, ha="left"
    )


def panel(ax: Axes, letter: str, title: str, x: str, y: str, scales: str = "linear linear") -> Axes:
    """Names a panel and its axes; `scales` are those of x and y."""
    ax.set_title(f"({letter}) {title}")
    ax.set_xlabel(x)
    ax.set_ylabel(y)
    x_scale, y_scale = scales.split()
    ax.set_xscale(x_scale)
    ax.set_yscale(y_scale)
    return ax


def legend(ax: Axes, title: str | None = None) -> None:
    """A legend beside the panel, where it cannot cover data; none if there is nothing to name."""
    if not ax.get_legend_handles_labels()[0]:
        return
    ax.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), title=title, title_fontsize=7)


def plain_ticks(ax: Axes, places: Sequence[float]) -> None:
    """Ticks of a logarithmic x axis at the values that were run, as plain numbers."""
    ax.set_xticks(list(places), [f"{x:g}" for x in places])
    ax.xaxis.set_minor_locator(NullLocator())


def empty(ax: Axes) -> None:
    """Says that a panel has nothing to show, instead of showing an empty frame."""
    ax.text(
        0.5, 0.5, "no such runs in this sweep", transform=ax.transAxes, ha="center", color="0.4"
    )


def stack(runs: Sequence[Run], value: Callable[[Run], np.ndarray]) -> np.ndarray:
    """One row a run, for runs with equal ticks."""
    return np.stack([value(run) for run in runs])


def traces(
    ax: Axes, t: np.ndarray, values: np.ndarray, index: int, label: str, most: int = 45
) -> None:
    """Median over runs as points (at most `most` of them), the range over runs as a band."""
    shown = _spread(ax, t, most)
    ax.fill_between(
        t, values.min(axis=0), values.max(axis=0), color=colour(index), alpha=0.2, linewidth=0
    )
    ax.plot(
        t[shown],
        np.median(values, axis=0)[shown],
        marker(index),
        color=colour(index),
        markerfacecolor="white",
        markeredgewidth=0.7,
        label=label,
    )


def _spread(ax: Axes, t: np.ndarray, most: int) -> np.ndarray:
    """Indices of ticks that stand at about equal distances on the x axis."""
    usable = np.flatnonzero(t > 0) if ax.get_xscale() == "log" else np.arange(len(t))
    place = np.log(t[usable]) if ax.get_xscale() == "log" else t[usable]
    goals = np.linspace(place[0], place[-1], most)
    return usable[np.unique(np.abs(place[:, None] - goals).argmin(axis=0))]


def theory(ax: Axes, t: Any, values: Any, index: int | None = None, **style: Any) -> None:
    """A prediction: a line, never points."""
    own = "black" if index is None else colour(index)
    ax.plot(t, values, **{"linestyle": "-", "color": own, "linewidth": 1.0, **style})


def with_bars(
    ax: Axes, x: Sequence[Any], middle: Any, low: Any, high: Any, index: int, label: str
) -> None:
    """Points with bars from `low` to `high`; a bar with no end goes as far as the axes."""
    with np.errstate(invalid="ignore"):
        bars = np.abs([np.subtract(middle, low), np.subtract(high, middle)])
    ax.errorbar(
        x,
        middle,
        yerr=np.nan_to_num(bars, posinf=0.0),
        fmt=marker(index),
        color=colour(index),
        markerfacecolor="white",
        capsize=2,
        linewidth=0.8,
        label=label,
    )


def cloud(ax: Axes, x: np.ndarray, y: np.ndarray, index: int, label: str) -> None:
    """Points, one a run."""
    ax.plot(
        x,
        y,
        marker(index),
        color=colour(index),
        markerfacecolor="none",
        markeredgewidth=0.6,
        label=label,
    )


def bound(ax: Axes, x: Any, y: Any, index: int | None, side: str) -> None:
    """A line that data may not pass, hatched on the side where they may not be."""
    own = "0.4" if index is None else colour(index)
    ax.plot(x, y, ":", color=own, linewidth=1.0)
    low, high = ax.get_ylim()
    ax.fill_between(
        x, y, high if side == "above" else low, facecolor="none", edgecolor=own, alpha=0.35,
        hatch="////", linewidth=0,
    )  # fmt: skip
    ax.set_ylim(low, high)


def readings(
    ax: Axes,
    y: np.ndarray,
    values: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    shape: str,
    tint: str,
    label: str = "",
) -> None:
    """Numbers as points at the heights `y`, with lines as far as they may lie on either side.

    One that is known from one side is an arrowhead at its known end.
    """
    known = np.isfinite(left) & np.isfinite(right)
    ax.hlines(y[known], left[known], right[known], color=tint, linewidth=0.4, alpha=0.6)
    style: Any = {"color": tint, "markersize": 2, "alpha": 0.6}
    ax.plot(values[known], y[known], shape, **style, label=label)
    for head, known_end, open_end in ((">", left, right), ("<", right, left)):
        here = np.isfinite(known_end) & ~np.isfinite(open_end)
        ax.plot(known_end[here], y[here], head, **{**style, "markersize": 3})


@style()
def rendered(figure: Figure, digest: str) -> dict[str, bytes]:
    """The figure as .png and .pdf, without dates; `digest` names the runs that it was drawn of."""
    # Placed once, here: `savefig` would draw the figure twice to do it, and for every file.
    figure.set_dpi(DPI)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)
    files = {}
    for suffix, metadata in (
        (".png", {"Software": None, "grid_digest": digest}),
        (".pdf", {"CreationDate": None, "Keywords": f"grid_digest={digest}"}),
    ):
        file = io.BytesIO()
        figure.savefig(file, format=suffix[1:], dpi=DPI, metadata=metadata)
        files[suffix] = file.getvalue()
    return files
