"""The judging figure of `streaming_eig`: what each claim was judged on."""

from collections.abc import Callable

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matsense.judging.claims import Run
from matsense.judging.judge import Verdict
from sims.figures import drawing
from sims.studies.streaming_eig import oja_panels as oja
from sims.studies.streaming_eig import power_panels as power

Panel = Callable[[Axes, list[Run]], None]


def draw(runs: list[Run], verdicts: list[Verdict]) -> Figure:
    """Each panel says so if the sweep has no runs for it."""
    panels: list[Panel] = [
        power.upper,
        power.baselines,
        oja.failure,
        oja.thresholds,
        oja.gap,
        power.limit,
        power.blocks,
        power.memory,
        power.kept,
        power.half,
        power.directions,
        power.subsets,
        oja.certificate,
        oja.order,
        oja.speed,
    ]
    figure, axes = drawing.canvas(
        (len(panels) + 1) // 2,
        2,
        "The top eigenvector of a row stream (Kacham, Woodruff 2024; Price, Xun 2024;"
        " instances and pseudocode reconstructed).\n"
        "$\\sin^2=\\|v-\\langle v,v_1\\rangle v_1\\|^2$ with $v_1$ of this very matrix,"
        " $R=\\lambda_1/\\lambda_2$ of it. Points: medians over seeds; bars: their range;"
        " lines: predictions. float64.",
    )
    for ax, show in zip(axes, panels, strict=False):
        show(ax, runs)
    for ax in axes[len(panels) :]:
        ax.set_axis_off()
    return figure
