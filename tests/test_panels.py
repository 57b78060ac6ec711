"""Panels as data: what is drawn of runs, of none, and what cannot be of a panel."""

import numpy as np
import pytest
from matplotlib.figure import Figure

from matsense.judging.runs import Run
from sims.figures.painting import figure_of
from sims.study import against, along, by_hand, final, histogram, recorded, runs, shares, traces

KNOWN = {"first": {"alpha": (0.1, 0.2), "k": (3, 4)}, "second": {"alpha": (0.1,), "m": (5,)}}


def run(alpha: float, k: int, seed: int, steps: int = 20, status: str = "ok") -> Run:
    """A run whose error decays at the rate alpha."""
    t = np.arange(steps + 1.0)
    error = k * np.exp(-alpha * t) * (1 + 0.01 * seed)
    quantities = {"t": t, "error": error} if status == "ok" else {}
    return Run("", "first", {"alpha": alpha, "k": k}, seed, status, quantities)  # type: ignore[arg-type]


RUNS = [run(alpha, k, seed) for alpha in (0.1, 0.2, 0.4) for k in (3, 4) for seed in range(3)]


def figure(*panels, of=RUNS) -> Figure:
    return figure_of("A title (nobody)", panels, list(of), [])


def lines(found: Figure) -> list:
    """The (x, y) of all lines of the first panel that are drawn as lines."""
    own = [line for line in found.axes[0].lines if line.get_linestyle() != "None"]
    return [line.get_xydata() for line in own if len(line.get_xdata())]


def test_traces_are_medians_and_a_law_is_a_line() -> None:
    law = lambda t, alpha, k: k * np.exp(-alpha * t)  # noqa: E731
    panel = traces("error", of=runs("first", where="alpha == 0.1"), by="k", law=law)
    found = figure(panel)
    drawn_points = found.axes[0].lines[0].get_xydata()
    t, y = drawn_points[-1]
    assert y == pytest.approx(3 * np.exp(-0.1 * t) * 1.01)  # the median over the seeds
    assert any(np.allclose(xy[:, 1], 4 * np.exp(-0.1 * xy[:, 0])) for xy in lines(found))
    labels = [text.get_text() for text in found.axes[0].get_legend().get_texts()]
    assert labels[:2] == [
        "$k$\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}3",
        "$k$\N{NO-BREAK SPACE}=\N{NO-BREAK SPACE}4",
    ]


def test_runs_of_other_ticks_stand_in_one_series() -> None:
    own = [run(0.1, 3, 0, steps=20), run(0.1, 3, 1, steps=40)]
    found = figure(traces("error", of=runs("first"), by="k"), of=own)
    points = [line for line in found.axes[0].lines if line.get_marker() != "None"]
    assert [line.get_xdata()[-1] for line in points] == [20, 40]


def test_a_law_stands_between_the_values_of_an_axis() -> None:
    panel = along("alpha", final("error"), of=runs("first"), law=lambda alpha: alpha**2)
    (curve,) = lines(figure(panel))[-1:]
    assert len(curve) > 20
    assert np.allclose(curve[:, 1], curve[:, 0] ** 2)


def test_a_law_of_all_series_is_one_line_and_otherwise_one_for_each() -> None:
    for law, count in (("1e-9 * alpha", 1), ("1e-9 * k * alpha", 2)):
        panel = along("alpha", final("error"), of=runs("first"), by="k", law=law)
        assert len([xy for xy in lines(figure(panel)) if len(xy) > 20]) == count, law


def test_a_trend_is_drawn_where_its_groups_stand() -> None:
    reading = final("error").scaling("alpha")
    found = figure(along("k", reading, of=runs("first"), scales="linear linear"))
    (bars,) = found.axes[0].containers
    assert list(bars[0].get_xdata()) == [3, 4]
    own = np.log([[r.quantities["error"][-1] for r in RUNS if r.params["k"] == 3 and r.seed == 0]])
    expected = np.polyfit(np.log([0.1, 0.2, 0.4]), own[0], 1)[0]
    assert bars[0].get_ydata()[0] == pytest.approx(expected)


def test_a_share_has_its_interval() -> None:
    good = recorded(lambda error: float(error[-1] < 0.1), "it is small")
    found = figure(shares("alpha", good, of=runs("first"), by="k"))
    first = found.axes[0].containers[0]
    assert list(first[0].get_ydata()) == [0, 1, 1]


def test_every_panel_says_that_it_has_no_runs() -> None:
    of, reading = runs("first"), final("error")
    panels = (
        traces("error", of=of, law=1),
        along("alpha", reading, of=of, law=1, bound=2),
        shares("alpha", reading, of=of),
        against(1, reading, of=of),
        histogram(reading, of=of),
        by_hand("mine", lambda ax, runs, verdicts: None),
    )
    for own in ([], [run(0.1, 3, 0, status="diverged")]):
        found = figure(*panels, of=own)
        said = [[text.get_text() for text in ax.texts] for ax in found.axes[:5]]
        assert all("no such runs in this sweep" in words for words in said)


def test_a_panel_that_fails_costs_itself() -> None:
    def broken(ax, runs, verdicts):
        raise KeyError("nowhere")

    found = figure(by_hand("mine", broken), along("alpha", final("error"), of=runs("first")))
    assert "KeyError: 'nowhere'" in found.axes[0].texts[0].get_text()
    (notice,) = found.notices  # type: ignore[attr-defined]
    assert notice.startswith("panel (a) mine: KeyError: 'nowhere' (test_panels.py line")
    assert found.axes[1].containers


@pytest.mark.parametrize(
    ("panel", "says"),
    [
        (traces("error", of=runs("frist")), "there is no sweep 'frist' (did you mean first?"),
        (traces("error", of=runs("first", where="kk > 3")), "no axis 'kk' (did you mean k?"),
        (traces("error", of=runs("first"), by="alfa"), "no axis 'alfa' (did you mean alpha?"),
        (along("n", final("error"), of=runs("first")), "along: sweep first has no axis 'n'"),
        (traces("error", of=runs("first"), scales="log lin"), "no scale 'lin' (did you mean lin"),
        (traces("error", of=runs("first"), scales="log"), "two words are needed"),
        (along("k", final("error").scaling("k"), of=runs("first")), "runs along that axis"),
        (traces("error", of=runs("first"), by={"x": runs("secnd")}), "did you mean second?"),
    ],
)
def test_mistakes_are_named_with_the_nearest_word(panel, says) -> None:
    assert says in "; ".join(panel.mistakes(KNOWN))


def test_panels_without_a_mistake_say_nothing() -> None:
    of = runs("first", "second", where="alpha > 0")
    assert not list(traces("error", of=of, by="sweep").mistakes(KNOWN))
    assert not list(along("alpha**2", final("error"), of=of, by=()).mistakes(KNOWN))
