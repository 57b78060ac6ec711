"""Readings of runs and of groups of them, and what they are compared with."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Call, Estimate
from matsense.judging.judge import judge, units_of
from matsense.judging.readings import Comparison
from matsense.judging.runs import Run
from sims.study import (
    claim,
    deviation,
    exponent,
    final,
    first_passage,
    law,
    rate,
    recorded,
    rise,
    runs,
)
from tests.test_words import run_with

T = np.arange(201.0)


def decaying(seed: int = 0, alpha: float = 1.0, speed: float = 0.2, **known: Any) -> Run:
    return run_with(seed=seed, alpha=alpha, t=T, e=np.exp(-speed * T), **known)


def test_readings_of_a_run() -> None:
    run = decaying(k=3)
    assert rate("e")(run).value == pytest.approx(0.2)
    assert (rate("e") / "k")(run).value == pytest.approx(0.2 / 3)
    assert (1 - rate("e"))(run).value == pytest.approx(0.8)
    assert final("e")(run).value == pytest.approx(math.exp(-40))
    assert recorded("k + 1")(run).value == 4
    assert recorded(lambda k: Estimate(k, 0.5))(run) == Estimate(3, 0.5)
    passed = first_passage("e", "exp(-k)")(run)
    assert (passed.value, passed.below) == (15, 1)
    assert rise("e")(run).value == 0
    assert deviation("e", law("e^{-0.2t}", lambda t: np.exp(-0.2 * t)))(run).value < 1e-12
    wrong = deviation("e", law("", lambda t: 0.5 * np.exp(-0.2 * t)), since=5)
    assert wrong(run).value == pytest.approx(1.0)
    power = run_with(t=T, e=(T + 1) ** -2)
    assert exponent("e")(power).value == pytest.approx(2, abs=0.05)


def test_a_rise_is_seen() -> None:
    bumpy = run_with(t=T, e=np.where(T == 100, 0.5, np.exp(-0.2 * T)))
    assert rise("e")(bumpy).value == pytest.approx(0.5, abs=1e-3)


def scaled(power: float, seeds: int = 4) -> list[Run]:
    rng = np.random.default_rng(1)
    return [
        decaying(seed, alpha, 0.2 * alpha**power * (1 + 1e-3 * rng.standard_normal()))
        for seed in range(seeds)
        for alpha in (0.5, 0.7, 1.0)
    ]


def answers(answer: Comparison, about: list[Run], control: list[Run]) -> Call:
    own = claim(
        "c", "a sentence", answer, source="derived", cite="", about=runs("s"), control=runs("c")
    )
    return judge(own, [*about, *(replace(run, sweep="c") for run in control)]).call


def test_readings_along_an_axis() -> None:
    speed = rate("e")
    right, wrong = scaled(2), scaled(1)
    assert (
        answers(speed.scaling("alpha").equals(2, 0.1).in_the_mean(), right, wrong) == "consistent"
    )
    assert answers(speed.scaling("alpha", power=2).equals(1, 0.1), right, wrong) == "consistent"
    assert answers(speed.spread("alpha").at_most(1.1), scaled(0), right) == "consistent"
    assert answers(speed.ratio("alpha", 1.0, 0.5).equals(4, 0.1), right, wrong) == "consistent"
    assert answers(speed.ratio("alpha", 1.0, 0.5).equals(4, 0.1), wrong, right) == "contradicted"
    assert answers(speed.between(0.1, 0.3), scaled(0), [decaying(speed=0.4)]) == "consistent"


def test_arithmetic_of_a_trend() -> None:
    """2 - the exponent, and in units of a law of what the group has in common."""
    deficit = 3 - rate("e").scaling("alpha")
    own = claim(
        "c", "", deficit.equals(1, 0.1), source="derived", cite="", about=runs("s"), control=None
    )
    for unit in units_of(own, scaled(2)):
        assert unit.estimate.value == pytest.approx(1, abs=0.02)
    halved = replace(own, trend=(deficit / "c").trend)
    for unit in units_of(halved, [replace(r, params={**r.params, "c": 2.0}) for r in scaled(2)]):
        assert unit.estimate.value == pytest.approx(0.5, abs=0.01)


def test_the_mean_of_traces_over_seeds_is_one_number() -> None:
    """Noise of mean 0 that buries each trace is averaged away before the law is read."""
    rng = np.random.default_rng(2)
    about = [
        run_with(seed=seed, t=T, e=np.exp(-0.05 * T) * (1 + 0.3 * rng.standard_normal(T.size)))
        for seed in range(64)
    ]
    reading = rate("e").mean_trace()
    own = claim(
        "c", "", reading.equals(0.05, 0.05), source="derived", cite="",
        about=runs("s"), control=None,
    )  # fmt: skip
    (unit,) = units_of(own, about)
    low, high = unit.estimate.interval()
    assert low < 0.05 < high and high - low < 0.005
    with pytest.raises(InvalidInput, match="pools the seeds"):
        replace(own, mode=("with probability", 0.5))


def test_what_is_measured_is_named_by_the_reading_and_the_law() -> None:
    speed = rate("e")
    assert speed.equals(law(r"\eta\lambda", "eta * lam")).measured == r"rate / ($\eta\lambda$)"
    assert speed.equals(2).measured == "rate"
    assert speed.spread("alpha").name == r"largest / smallest rate over $\alpha$"
    assert speed.scaling("alpha", power=2).name == r"exponent of rate in $\alpha^{2}$"


@pytest.mark.parametrize("probability", [0.0, 1.0, -0.1, 1.5, math.nan])
def test_a_probability_is_between_0_and_1(probability: float) -> None:
    with pytest.raises(ValueError, match="above 0 and below 1"):
        rate("e").equals(1).with_probability(probability)
