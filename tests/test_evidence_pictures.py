"""The picture of a claim: of any runs, of none, of what is outside, of a control, of a trend."""

import math
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from matsense.fitting.estimate import Estimate
from matsense.judging.claims import Claim
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from sims.figures import drawing
from sims.figures.evidence import evidence, pages, remembering
from sims.study import claim, law, recorded, runs

VALUE = recorded("value")


def run(sweep: str, value: float, seed: int, status: str = "ok", **params: Any) -> Run:
    quantities = {"t": np.arange(2.0), "value": np.asarray(value)} if status == "ok" else {}
    return Run(f"{sweep}{params}{seed}", sweep, params, seed, status, quantities)  # type: ignore[arg-type]


def claim_of(comparison: Any, **more: Any) -> Claim:
    return claim(
        "some/claim", r"the value is $\sim\alpha^2$, a curse that takes more than one line to say",
        comparison, source="derived", cite="", about=runs("good"), control=runs("bad"), **more,
    )  # fmt: skip


GOOD = [run("good", 1 + 0.01 * seed, seed, alpha=a) for seed in range(4) for a in (1.0, 2.0, 4.0)]
BAD = [run("bad", 3 + 0.01 * seed, seed, alpha=a) for seed in range(4) for a in (1.0, 2.0, 4.0)]
POWER = [run("good", a**2, s, alpha=a) for s in range(4) for a in (1.0, 2.0, 4.0)]
CLAIMS = {
    "every run": claim_of(VALUE.equals(1, 0.1)),
    "of its own law": claim_of(VALUE.equals(law(r"\alpha^2", "alpha**2"), 0.1)),
    "mean": claim_of(VALUE.equals(1, 0.1).in_the_mean()),
    "share": claim_of(VALUE.at_most(1, 0.5).with_probability(0.4)),
    "bound": claim_of(VALUE.at_least(0, 0.1)),
    "scaling": claim_of(VALUE.scaling("alpha").equals(2, 0.1)),
    "spread": claim_of(VALUE.spread("alpha").at_most(1, 0.2)),
    "slope": claim_of(VALUE.slope("alpha").equals(0, 0.1).in_the_mean()),
    "ratio": claim_of(VALUE.ratio("alpha", 1.0, 2.0).equals(1, 0.2)),
    "crossing": claim_of(VALUE.crossing("alpha", 2.0).equals(1.4, 0.2)),
    "threshold": claim_of(
        recorded(lambda value: float(value > 2), "it").threshold("alpha").equals(1.4, 0.9)
    ),
    "outside": claim_of(VALUE.equals(1, 0.1), given=("alpha < 3",)),
}


def picture(own: Claim, of: Sequence[Run]) -> Figure:
    return evidence(judge(own, of), of)


def words(figure: Figure) -> str:
    rows = [text.get_text() for ax in figure.axes for text in ax.get_yticklabels()]
    return "\n".join([text.get_text() for text in figure.texts] + rows)


@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("of", [[], GOOD[:1], GOOD + BAD, POWER + BAD, BAD])
def test_every_kind_of_claim_is_drawn_of_any_runs(name: str, of: list[Run]) -> None:
    figure = picture(CLAIMS[name], of)
    assert figure.get_figwidth() == 3.25
    figure.canvas.draw()  # whatever cannot be laid out raises here
    assert "some/claim" in words(figure)


def test_it_says_the_verdict_in_a_word_and_a_sign() -> None:
    assert "✓ consistent" in words(picture(CLAIMS["every run"], GOOD + BAD))
    assert "✕ contradicted" in words(picture(CLAIMS["every run"], BAD_AS_GOOD + BAD))
    assert "? inconclusive" in words(picture(CLAIMS["every run"], []))


BAD_AS_GOOD = [replace(own, sweep="good") for own in BAD]


def test_what_is_judged_stands_apart_from_what_is_outside_and_from_the_control() -> None:
    figure = picture(CLAIMS["outside"], GOOD + BAD)
    said = words(figure)
    assert "judged\n(8)" in said and "outside\n(4)" in said and "control\n(12)" in said
    colours = {line.get_color() for line in figure.axes[0].lines if len(line.get_xdata()) > 1}
    assert drawing.COLOURS[0] in colours and "0.75" in colours


def test_a_control_that_is_far_away_has_a_scale_of_its_own() -> None:
    near = picture(CLAIMS["every run"], [*GOOD, run("bad", 1.3, 0, alpha=1.0)])
    far = picture(CLAIMS["every run"], [*GOOD, run("bad", -50.0, 0, alpha=1.0)])
    assert near.axes[0].get_xlim() == near.axes[1].get_xlim()
    assert far.axes[0].get_xlim()[0] > 0 > far.axes[1].get_xlim()[0]


def test_one_sided_numbers_are_arrowheads_and_silent_ones_are_counted() -> None:
    def of(run: Run) -> Estimate:
        if run.seed == 0:
            return Estimate(math.nan, reason="it does not tell")
        return Estimate(1.0, above=math.inf if run.seed == 1 else 0.0)

    own = replace(CLAIMS["every run"], estimate=of)
    figure = picture(own, GOOD)
    heads = [line for line in figure.axes[0].lines if line.get_marker() == ">"]
    assert sum(len(line.get_xdata()) for line in heads) == 3
    assert "judged: 3 of 12 without a value (it does not tell)" in words(figure)


def test_a_trend_shows_the_line_that_is_fitted_and_the_one_that_is_claimed() -> None:
    figure = picture(CLAIMS["scaling"], POWER + BAD)
    judged = next(ax for ax in figure.axes if ax.get_title(loc="left") == "judged")
    own = {line.get_label(): line.get_xydata() for line in judged.lines}
    for label in ("fitted", "claimed"):
        (x0, y0), (x1, y1) = own[label]
        assert np.log(y1 / y0) / np.log(x1 / x0) == pytest.approx(2)


def test_a_share_stands_against_the_probability_that_is_claimed() -> None:
    mixed = GOOD[:6] + BAD_AS_GOOD[6:]
    figure = picture(CLAIMS["share"], mixed + BAD)
    (line,) = [own for own in figure.axes[0].lines if own.get_linestyle() == "--"]
    assert list(line.get_xdata()) == [0.4, 0.4]
    widths = [patch.get_width() for patch in figure.axes[0].patches][:3]
    assert widths == [0.5, 0, 0.5]


def test_a_reading_is_taken_once_and_never_of_another_run() -> None:
    asked: list[float] = []

    def of(run: Run) -> Estimate:
        asked.append(float(run.quantities["value"]))
        return Estimate(asked[-1])

    own = remembering(replace(CLAIMS["every run"], estimate=of))
    evidence(judge(own, GOOD + BAD), GOOD + BAD)
    assert sorted(asked) == sorted(float(r.quantities["value"]) for r in GOOD + BAD)
    fresh = [own.estimate(run("good", x, 0)).value for x in range(200)]
    assert fresh == list(range(200)), "another run took the number of one that is gone"


def test_all_pages_are_of_one_book_without_dates() -> None:
    of = GOOD + BAD
    verdicts = [judge(own, of) for own in CLAIMS.values()]
    book = pages(verdicts, of, "gabc")
    assert book == pages(verdicts, of, "gabc")
    assert re.findall(rb"grid_digest=(\w+)", book) == [b"gabc"]
    assert len(re.findall(rb"/Type /Page\b", book)) == len(verdicts)
    assert b"CreationDate" not in book
    kinds = set(re.findall(rb"/Subtype /(Type\d|CIDFontType\d|TrueType)", book))
    assert kinds and b"Type3" not in kinds


def test_a_picture_that_fails_costs_no_other() -> None:
    def broken(run: Run) -> Estimate:
        raise KeyError("nowhere")

    verdict = judge(CLAIMS["every run"], GOOD)
    lost = replace(verdict, claim=replace(verdict.claim, estimate=broken))
    book = pages([verdict, lost, verdict], GOOD, "g")
    assert len(re.findall(rb"/Type /Page\b", book)) == 3


def test_thousands_of_runs_take_no_longer_than_they_are_legible() -> None:
    many = [run("good", 1 + 0.0001 * s, s, alpha=1.0) for s in range(3000)]
    verdict = judge(remembering(CLAIMS["every run"]), many)
    begin = time.process_time()
    figure = evidence(verdict, many)
    assert time.process_time() - begin < 1.5
    drawn = sum(len(line.get_xdata()) for line in figure.axes[0].lines)
    assert 100 < drawn < 600
