"""Panels as data: what is drawn, along which axis, one series by what, where, with which law."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.judging.claims import Run
from matsense.judging.judge import Verdict
from sims import drawing

COLUMNS = 3


class Panel(Protocol):
    """One panel of a study's figure."""

    @property
    def title(self) -> str:
        """What it is called in the figure, and in what is said of it."""
        ...

    def mistakes(self, known: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
        """What cannot be of it, by the axes of every sweep: found when the study is built."""
        ...

    def paint(self, ax: Axes, runs: Sequence[Run], verdicts: Sequence[Verdict]) -> None:
        """Draws the finished runs."""
        ...


def drawn(
    title: str, authors: str, panels: Sequence[Panel]
) -> Callable[[list[Run], list[Verdict]], Figure]:
    """What draws the figure of these panels."""

    def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
        columns = max(min(len(panels), COLUMNS), 1)
        rows = max(-(-len(panels) // columns), 1)
        figure, axes = drawing.canvas(rows, columns, f"{title} ({authors})")
        done = [run for run in runs if run.status == "ok"]
        for ax, letter, panel in zip(axes, "abcdefghijklmnopqrstuvwxyz", panels, strict=False):
            ax.set_title(f"({letter}) {panel.title}")
            panel.paint(ax, done, verdicts)
            drawing.legend(ax)
        for ax in axes[len(panels) :]:
            ax.set_visible(False)
        return figure

    return draw
