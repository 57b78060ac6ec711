"""Ranges, rules, sizes and the texts that write them, each by itself."""

import math
from dataclasses import replace
from typing import Any

import jax.numpy as jnp
import pytest

from matsense.errors import InvalidInput
from sims.running import shapes
from sims.study import Study, Sweep
from sims.study.catalogue import load
from sims.study.ranges import (
    FOURTH,
    Fits,
    Rule,
    Words,
    against,
    assumed,
    one_of,
    positive,
    real,
    switch,
    whole,
)
from sims.terminal.grid import MOST_RUNS, grid
from sims.text.words import NotANumber, number, whole_number

STUDY = load("overparam_gd")


@pytest.mark.parametrize(
    ("text", "value"),
    [("0", 0), ("7", 7), ("-3", -3), ("+3", 3), ("007", 7), ("9007199254740992", 2**53)],
)
def test_whole_numbers_are_read(text: str, value: int) -> None:
    assert whole_number(text) == value
    assert number(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.5", 0.5), (".5", 0.5), ("5.", 5.0), ("1e-3", 1e-3), ("1E3", 1e3), ("-2.5e+1", -25.0)],
)
def test_numbers_are_read(text: str, value: float) -> None:
    assert number(text) == value
    with pytest.raises(NotANumber):
        whole_number(text)


@pytest.mark.parametrize(
    "text",
    ["", "nan", "inf", "1_0", "0x1", "1e400", "1e-400", "4e-320", "9007199254740993", "\u0663"],
)
def test_what_no_double_is_written_by_is_not_read(text: str) -> None:
    for read in (number, whole_number):
        with pytest.raises(NotANumber):
            read(text)


def test_minus_zero_is_zero() -> None:
    assert math.copysign(1.0, number("-0.0")) == 1.0 == number("1e0")
    assert number("-0e-999") == 0.0


@pytest.mark.parametrize(
    ("allowed", "inside", "outside", "says"),
    [
        (whole("a rank", 2, 5), [2, 5, 3.0], [1, 6, 2.5, math.nan, "3"], "from 2 to 5"),
        (real("p", 0, 1, open_most=True), [0.0, 0.9], [1.0, -0.1, math.nan], "0 or more and"),
        (real("s", 0, 1, open_least=True), [1.0, 1e-9], [0.0, 2.0, math.inf], "above 0 and"),
        (positive("eta", FOURTH), [1e-75, 1e75], [0.0, -1.0, 1e-76, 1e76], "a positive number"),
        (switch("x"), [0, 1, 0.0, 1.0], [0.5, 2, -1], "off or on"),
        (one_of("a law", ("a", "b")), ["a"], ["c", "", 1], "one of a, b"),
    ],
)  # fmt: skip
def test_ranges_admit_what_they_say(
    allowed: Any, inside: list[Any], outside: list[Any], says: str
) -> None:
    assert all(map(allowed.admits, inside))
    assert not any(map(allowed.admits, outside))
    assert says in allowed.sentence


def test_a_rule_is_about_sweeps_with_all_of_its_axes() -> None:
    rules = (Rule("k <= n", lambda k, n: k <= n), Fits("the square", lambda n: n * n))
    assert list(against({"k": (9,)}, rules)) == []
    (broken,) = against({"k": (2, 5), "n": (4,)}, rules)
    assert (broken.values, broken.says) == ({"k": 5, "n": 4}, "k <= n")
    (large,) = against({"n": (10**6,)}, rules, 1e9)
    assert large.says == "the square would take 8.0 TB, and there are 1.0 GB"


def test_what_an_axis_without_a_range_may_be() -> None:
    assert assumed(["a", "b"]) == Words("it", ("a", "b"))
    assert assumed([3, 4]).admits(1) and not assumed([3, 4]).admits(0)
    assert assumed([0, 1]).admits(0) and not assumed([0, 1]).admits(-1)
    assert assumed([0.5, -1.0]).admits(-2.0) and not assumed([0.5, -1.0]).admits(math.nan)
    assert assumed([0.5]).admits(1e-9) and not assumed([0.5]).admits(0.0)


@pytest.mark.parametrize(
    "changed",
    [
        {"instance": {"kappa": (0.5,)}},
        {"quick": {"k": (2,)}},
        {"lane": {"k": (51,), "alpha": (0.1,), "eta": (0.1,)}},
    ],
)
def test_a_study_with_points_that_cannot_be_is_none(changed: dict[str, Any]) -> None:
    sweep = replace(STUDY.sweeps[0], **changed)
    with pytest.raises(ValueError, match=r"^symmetric, (kappa=0\.5|k=2, r=3|k=51, n=50): "):
        replace(STUDY, sweeps=(sweep,))


def toy(trial: Any) -> Study:
    """A study of one sweep whose arrays have n entries."""
    draw = lambda key, n: jnp.zeros(n)  # noqa: E731
    sweep = Sweep("one", draw, trial, shape={"n": (4,)}, lane={"x": (1.0,)}, lanes_wide=2)
    return replace(STUDY, sweeps=(sweep,), claims=())


def test_arrays_are_as_large_as_their_shapes_say() -> None:
    study = toy(lambda problem, key, n, x: {"t": jnp.zeros(3), "sum": jnp.sum(x * problem)})
    assert shapes.largest_array(study.sweeps[0], {"n": 1000, "x": 1.0}) == 8000
    square = toy(lambda problem, key, n, x: {"t": jnp.sum(jnp.outer(problem, problem)), "x": x})
    assert shapes.largest_array(square.sweeps[0], {"n": 10**9, "x": 1.0}) == 8 * 10**18
    wide = toy(lambda problem, key, n, x: {"t": jnp.zeros(5), "y": x * problem})
    assert shapes.largest_array(wide.sweeps[0], {"n": 1000, "x": 1.0}) == 2 * 8000


@pytest.mark.parametrize("n", ["3", "4", "100", "1000000"])
def test_sizes_that_fit_are_accepted(n: str) -> None:
    study = toy(lambda problem, key, n, x: {"t": jnp.zeros(3), "sum": jnp.sum(x * problem)})
    ((sweep, seeds),) = grid(study, False, 2, [f"n={n}"], 1e7)
    assert (sweep.axes["n"], seeds) == ((int(n),), 2)


def test_sizes_beyond_memory_and_shapes_that_do_not_fit_together_are_refused() -> None:
    study = toy(lambda problem, key, n, x: {"t": problem * jnp.zeros(4), "x": x})
    with pytest.raises(
        InvalidInput, match=r"^n=5, in sweep one: no such arrays can be made .*n=4$"
    ):
        grid(study, False, 1, ["n=5"], 1e9)
    fine = toy(lambda problem, key, n, x: {"t": jnp.zeros(3), "sum": jnp.sum(x * problem)})
    with pytest.raises(InvalidInput, match=r"^n=1000000, .* take 8.0 MB, .* 1.0 MB; .*n=4$"):
        grid(fine, False, 1, ["n=1000000"], 1e6)


def test_as_many_runs_as_a_command_takes_and_no_more() -> None:
    each = sum(math.prod(map(len, sweep.axes.values())) for sweep in STUDY.sweeps)
    grid(STUDY, False, MOST_RUNS // each, [])
    with pytest.raises(InvalidInput, match=f"give --seeds {MOST_RUNS // each} or less"):
        grid(STUDY, False, MOST_RUNS // each + 1, [])


def test_two_settings_that_are_both_wrong_are_told_one_after_the_other() -> None:
    with pytest.raises(InvalidInput, match=r"^alpha=-1: .*give for example alpha=0\.1$"):
        grid(STUDY, False, 1, ["r=60", "alpha=-1"])
    with pytest.raises(InvalidInput, match=r"^r=60 with k=3, in sweep symmetric: .*give for .*r=3"):
        grid(STUDY, False, 1, ["r=60", "alpha=0.1"])


def test_a_setting_is_typed_by_the_word_that_stands_before_the_equals_sign() -> None:
    with pytest.raises(InvalidInput, match=r"^symmetric\.k=2 with r=3, .*symmetric\.k=3 or r=2$"):
        grid(STUDY, False, 1, ["symmetric.k=2"])
    with pytest.raises(InvalidInput, match=r"^k=3, r=4, in sweep symmetric: .* k=4 or r=3$"):
        grid(STUDY, False, 1, ["k=3", "r=4"])
