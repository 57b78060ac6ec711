"""The words of a study: what they mean, and that what cannot be is found when it is built."""

import math
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.judging.claims import Claim
from matsense.judging.conditions import Condition
from matsense.judging.expressions import Expression
from matsense.judging.laws import as_law, by_name
from matsense.judging.readings import Reading
from matsense.judging.runs import Run
from sims.study import (
    Study,
    Sweep,
    claim,
    given,
    happened,
    lasting,
    law,
    paper,
    rate,
    recorded,
    runs,
    sweep,
    unnamed,
)
from sims.study.checks import check_recorded
from sims.study.ranges import STEPS


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


def test_a_law_is_made_of_others_by_default() -> None:
    speed = law("speed", lambda eta, m: np.asarray(eta * m))
    enough = law("speed * steps", lambda steps, speed=speed: speed * steps >= 7)
    params = {"eta": 0.5, "steps": 7, "speed": 100.0}
    assert enough.names == ("steps", "eta", "m")
    assert enough(Run("", "x", params, 0, "ok", {"m": np.asarray(2.0)}))
    assert not enough(Run("", "x", params, 0, "ok", {"m": np.asarray(1.9)}))
    assert type(speed(Run("", "x", {"eta": 1.0, "m": 3}, 0))) is float
    # What a part records was not seen of a run that did not finish.
    assert lasting("long", lambda steps, speed=speed: False).holds(Run("", "x", params, 0))
    whole = law("", lambda run: 0)
    assert law("", lambda part=whole: part).asks_for_run


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


# Sweeps


def problem(key: Any, n: int, kappa: float, steps: int = 1) -> Any:
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


def test_methods_sweeps_and_horizons_meet_the_same_data() -> None:
    """Data are drawn from what the problem asks for and the seed, and from nothing else."""
    own = small(axes={"steps": (100, 200)})
    other = replace(small(axes={"steps": 50, "n": (6, 7)}), name="other")
    found = [
        {(p.params["n"], p.params["kappa"], p.seed): p.instance for p in unnamed("x", grid, 2)}
        for grid in (own, other)
    ]
    for points, grid in ((unnamed("x", own, 2), own), (unnamed("x", other, 2), other)):
        for p in points:
            assert p.instance == found[grid is other][p.params["n"], p.params["kappa"], p.seed]
    assert found[0].items() <= found[1].items()
    assert len(set(found[1].values())) == len(found[1]) == 8
    # Another study draws its own.
    assert unnamed("y", own, 1)[0].instance not in found[0].values()


def test_quick_and_tiny_grids_are_derived() -> None:
    own = small(axes={"steps": (1000, 2000), "kappa": (1.0, 2.0, 4.0)})
    assert own.quick == {"kappa": (1.0, 4.0)}
    assert own.tiny == {
        "n": (6,), "kappa": (1.0,), "method": ("GD",), "k": (1,), "alpha": (0.1,), "steps": (60,)
    }  # fmt: skip
    own = small(axes={"steps": (1000,)}, quick={"kappa": 2}, tiny={"n": 3})
    assert own.quick == {"kappa": (2.0,)} and own.tiny["n"] == (3,)
    assert own.tiny["kappa"] == (2.0,)


def test_rules_are_expressions_and_steps_can_be_counted() -> None:
    own = small(axes={"steps": 50}, rules=("k <= n", "n >= 2"))
    assert own.broken() is None and own.rules[0].axes == ("k", "n")
    broken = own.with_axes({"k": (7,)}).broken()
    assert broken is not None and broken.values == {"k": 7, "n": 6} and broken.says == "k <= n"
    assert not own.range_of("steps").admits(10**12)
    with pytest.raises(ValueError, match="no expression"):
        small(rules=("k <=",))


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


def decaying(**known: Any) -> Run:
    t = np.arange(201.0)
    return run_with(t=t, e=np.exp(-0.2 * t), **known)


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
