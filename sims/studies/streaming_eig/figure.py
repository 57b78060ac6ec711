"""The judging figure of `streaming_eig`."""

from matplotlib.figure import Figure

from matsense.claims import Run
from matsense.judge import Verdict
from sims import drawing


def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
    figure, axes = drawing.canvas(1, 1, "draft")
    return figure
