"""The words of a study: what they mean, and that what cannot be is found when it is built."""

import math
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from matsense.claims import Claim, Run
from matsense.errors import InvalidInput
from matsense.estimate import Call, Estimate
from matsense.judge import judge, units_of
from matsense.judging.conditions import Condition
from matsense.judging.expressions import Expression
from matsense.judging.laws import as_law, by_name
from matsense.judging.readings import Comparison, Reading
from sims.ranges import STEPS
from sims.study import (
    Study,
    Sweep,
    claim,
    deviation,
    exponent,
    final,
    first_passage,
    given,
    happened,
    lasting,
    law,
    paper,
    rate,
    recorded,
    rise,
    runs,
    sweep,
    unnamed,
)
from sims.study.checks import check_recorded


def run_with(sweep: str = "s", seed: int = 0, status: Any = "ok", **known: Any) -> Run:
    """A run whose arrays are what it recorded and whose numbers are its parameters."""
    quantities = {k: v for k, v in known.items() if isinstance(v, np.ndarray)}
    params = {k: v for k, v in known.items() if k not in quantities}
    return Run(f"{sweep} {seed} {params}", sweep, params, seed, status, quantities)


# Expressions


@pytest.mark.parametrize(
    "text, value",
    [
        ("k > r", True),
        ("k - r", 2),
        ("r < k <= 5", True),
        ("not k == r and alpha <= 0.5 / kappa", True),
        ("method in ('GD', 'NGD')", True),
        ("method == 'SGD' or k // 2 == 2", True),
        ("max(k, r) ** 2 % 7 + abs(-1)", 25 % 7 + 1),
        ("ln(exp(2)) * sqrt(4) + floor(1.5) + ceil(1.5) - log10(100)", 2 * 2 + 1 + 2 - 2),
        ("2 * pi", 2 * math.pi),
    ],
)
def test_an_expression_is_what_python_says_it_is(text: str, value: Any) -> None:
    known = {"k": 5, "r": 3, "alpha": 0.1, "kappa": 2.0, "method": "GD"}
    assert Expression(text)(known) == value


def test_an_expression_names_what_it_needs() -> None:
    assert Expression("max(k, r) > pi * alpha and k > 1").names == ("k", "r", "alpha")
    with pytest.raises(KeyError, match="alpha"):
        Expression("alpha > 0")({"k": 1})


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')", "k.real", "k[0]", "open('x')", "lambda: 1", "k = 3",
        "[k for k in (1,)]", "k if r else 1", "f'{k}'", "k >", "", "k; r", "round(k)",
        "max(k, key=abs)", "(k := 3)", "{1: 2}", "k @ r", "9" * 5000, "*k",
    ],
)  # fmt: skip
def test_an_expression_is_nothing_else(text: str) -> None:
    with pytest.raises(ValueError):
        Expression(text)


# Laws and conditions


def test_a_law_asks_by_name_for_parameters_sizes_and_what_was_recorded() -> None:
    run = replace(
        run_with(k=5, t=np.arange(3.0), limit=np.array(2.0)), derived={"steps": 7}, seed=4
    )
    assert law("k steps", lambda k, steps: k * steps)(run) == 35
    assert as_law("limit * k")(run) == 10
    assert as_law(lambda limit, seed, missing=1: limit + seed + missing)(run) == 7
    assert as_law(lambda run: run.seed)(run) == 4
    assert as_law(lambda t: t[-1])(run) == 2
    assert as_law(0.5)(run) == 0.5
    assert as_law(lambda k, n=3: 0).names == ("k",)
    assert by_name(lambda k, n=3: 0, {"k": 1, "j": 2}) == {"k": 1}


def test_a_condition_is_tested_and_printed_from_one_text() -> None:
    condition = given("k > r")
    assert condition.words == "k > r" and condition.kind == "setting"
    assert condition.holds(run_with(k=2, r=1)) and not condition.holds(run_with(k=1, r=1))
    assert lasting("long", lambda steps: steps > 10).kind == "horizon"
    assert given("as many words", "k == 1").holds(run_with(k=1))


def test_what_an_unfinished_run_did_not_record_is_missed_not_excused() -> None:
    """So it stays among those that are judged, where it counts against the claim."""
    condition = happened("it grew", "grown > 0")
    assert not condition.holds(run_with(grown=np.array(0.0)))
    assert condition.holds(run_with(status="missing"))
    assert happened("it grew", lambda run: run.quantities["grown"] > 0).holds(
        run_with(status="failed")
    )
    # What its parameters say is known of any run.
    assert not given("k > 3").holds(run_with(status="missing", k=1))


def test_a_selection_asks_all_conditions_and_says_them() -> None:
    some = runs("s", "u", where=("k > 1", lambda k: k < 4), seen="local == 1")
    assert some(run_with(k=2, local=np.array(1.0)))
    assert not some(run_with(k=2, local=np.array(0.0)))
    assert some(run_with(k=2, status="diverged"))
    assert not some(run_with(k=4, local=np.array(1.0)))
    assert not some(run_with("v", k=2, local=np.array(1.0)))
    assert runs("s", "u", where="k > 1").words == "s, u: k > 1"
    assert runs("s", words="all of them").words == "all of them"


# Readings


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
    with pytest.raises(InvalidInput, match="pool the seeds"):
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


# Sweeps


def problem(key: Any, n: int, kappa: float) -> Any:
    """An instance."""
    return kappa * jnp.ones(n)


def trial(instance: Any, key: Any, method: str, k: int, alpha: float, steps: int) -> dict[str, Any]:
    """A decay."""
    t = jnp.arange(11.0)
    return {"t": t, "e": alpha * jnp.exp(-t) * instance[0]}


AXES = dict(n=6, kappa=(1.0, 2.0), method=("GD", "NGD"), k=(1, 2, 3), alpha=(0.1, 1), steps=len)


def small(**how: Any) -> Sweep:
    changed = {**AXES, **how.pop("axes", {})}
    return sweep("s", problem, trial, changed, **{"riding": ("k",), **how})


def test_groups_of_axes_are_derived() -> None:
    own = small(axes={"steps": lambda method: 100 if method == "GD" else 50})
    assert own.shape == {"n": (6,), "method": ("GD", "NGD")}
    assert own.instance == {"kappa": (1.0, 2.0)}
    assert own.lane == {"k": (1, 2, 3), "alpha": (0.1, 1.0)}
    static = own.static({"n": 6, "method": "NGD", "kappa": 1.0})
    assert static == {"n": 6, "method": "NGD", "steps": 50}
    assert (own.lanes_wide, small(axes={"k": 1, "alpha": 1}, riding=()).lanes_wide) == (8, 1)
    (derived,) = {p.derived["steps"] for p in unnamed("", own, 1) if p.params["method"] == "GD"}
    assert derived == 100


def test_quick_and_tiny_grids_are_derived() -> None:
    own = small(axes={"steps": (1000, 2000), "kappa": (1.0, 2.0, 4.0)})
    assert own.quick == {"kappa": (1.0, 4.0)}
    assert own.tiny == {
        "n": (6,), "kappa": (1.0,), "method": ("GD",), "k": (1,), "alpha": (0.1,), "steps": (60,)
    }  # fmt: skip
    own = small(axes={"steps": (1000,)}, quick={"kappa": 2}, tiny={"n": 3})
    assert own.quick == {"kappa": (2.0,)} and own.tiny["n"] == (3,)
    assert own.tiny["kappa"] == (2.0,)


@pytest.mark.parametrize(
    "how, says",
    [
        ({"axes": {"alpha": ()}}, "sweep s, axis alpha: it has no values"),
        ({"axes": {"alpha": True}}, "axis alpha: True is neither a number nor a text"),
        ({"axes": {"alpha": math.nan}}, "axis alpha: nan is no number"),
        ({"axes": {"alpha": (1.0, "x")}}, "texts beside numbers"),
        ({"axes": {"alpha": (1.0, 1)}}, "a value stands there twice"),
        ({"axes": {"alpha": None}}, "None is neither"),
        ({"riding": ("kk",)}, r"riding: no axis 'kk' \(did you mean k"),
        ({"riding": ("n",)}, "the problem asks for n"),
        ({"quick": {"alhpa": 1.0}}, r"quick: no axis 'alhpa' \(did you mean alpha"),
        ({"quick": {"n": "many"}}, "'many' beside 6"),
        ({"tiny": {"stesp": 1}, "axes": {"steps": 5}}, "did you mean steps"),
    ],
)
def test_a_sweep_that_cannot_be_is_refused(how: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        small(**how)


# Studies


def one(id: str = "c", **how: Any) -> Claim:
    given = {
        "answer": rate("e").equals(1, 0.1),
        "about": runs("s", where="method == 'GD'"),
        "control": runs("s", where="method == 'NGD'"),
        "source": "derived",
        "cite": "",
        **how,
    }
    return claim(id, "a sentence", **given)


def study(*claims: Claim, seeds: int = 2, panels: Any = (), further: Any = None) -> Study:
    own = small(axes={"steps": 100}, seeds=seeds)
    return paper("toy", "nobody", sweeps=(own,), claims=claims, panels=panels, further=further)


def test_a_study_that_can_be_is_built() -> None:
    built = study(one(given=("k > 0", lasting("steps >= 10"))))
    check_recorded("toy", built)
    (own,) = built.claims
    assert own.control_of == "s: method == 'NGD'" and own.assumes == "k > 0; steps >= 10"
    assert all(isinstance(condition, Condition) for condition in own.hypotheses)
    assert built.fit(decaying(method="GD")).law == "exponential"
    assert built.predicted(decaying(method="GD")) == 1
    assert math.isnan(built.predicted(decaying(method="NGD")))
    halved = study(one(answer=(rate("e") / 0.2).equals("0.5 * k", 0.1)))
    assert halved.predicted(decaying(method="GD", k=3)) == pytest.approx(0.3)
    assert math.isnan(study(one(answer=(1 - rate("e")).equals(1))).predicted(decaying(method="GD")))
    assert built.sweeps[0].range_of("steps") == STEPS


@pytest.mark.parametrize(
    "how, says",
    [
        ({"about": runs("t")}, "claim c, about: there is no sweep 't'"),
        ({"control": runs("t")}, "claim c, control: there is no sweep 't'"),
        ({"about": runs()}, "claim c, about: it names no sweep"),
        ({"about": runs("s", where="kapa > 1")}, "has no axis 'kapa' .did you mean kappa"),
        ({"control": runs("s", where=lambda alhpa: True)}, "no axis 'alhpa' .did you mean alpha"),
        ({"given": ("m > 3",)}, "claim c, given: sweep s has no axis 'm'"),
        ({"given": (lasting("long", lambda stesp: True),)}, "no axis 'stesp' .did you mean steps"),
        ({"answer": rate("e").scaling("alhpa").equals(1)}, "no axis 'alhpa' .did you mean alpha"),
        ({"answer": rate("e").scaling("k").spread("beta").at_most(1)}, "no axis 'beta'"),
        ({"about": runs("s", where="k > 7")}, "claim c: it selects no run"),
        ({"control": runs("s", where="k > 7")}, "claim c: its control selects no run"),
        (
            {"answer": rate("e").equals(1).with_probability(0.9)},
            "claim c, probability 0.9: even if all comply that takes 35 instances, and there are 4",
        ),
    ],
)
def test_a_study_that_cannot_be_is_refused(how: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        study(one(**how))


def test_doubled_ids_are_refused_and_all_mistakes_are_said_together() -> None:
    with pytest.raises(ValueError, match=r"claim c: there are 2 .*no sweep 't'"):
        study(one(), one(), one("d", about=runs("t")))


@pytest.mark.parametrize(
    "how, name",
    [
        ({"answer": rate("eror").equals(1)}, "eror"),
        ({"answer": rate("e").equals("limt")}, "limt"),
        ({"answer": (rate("e") / "limt").equals(1)}, "limt"),
        ({"answer": recorded(lambda limt: 1).equals(1)}, "limt"),
        ({"given": (happened("it did", "limt > 0"),)}, "limt"),
        ({"about": runs("s", seen="limt > 0")}, "limt"),
    ],
)
def test_what_no_run_records_is_found_before_any_runs(how: dict[str, Any], name: str) -> None:
    with pytest.raises(InvalidInput, match=f"claim c: sweep s .*records no quantity '{name}'"):
        check_recorded("toy", study(one(**how)))


def test_a_reading_names_itself() -> None:
    reading: Reading = rate("e").called("speed")
    assert reading.name == "speed"
