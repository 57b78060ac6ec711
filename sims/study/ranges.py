"""What an axis may be: the range of its values, and rules between axes.

Each is written once and is what is tested, what is said of a value that breaks it, and what a
battery of inputs is drawn from. A study declares them beside its sweeps:

    ranges={"p": real("the share of outliers", 0, 1, open_most=True), "k": whole("the rank", 1)},
    rules=("k <= n", Rule("at rank 1 kappa is 1", lambda r, kappa: r > 1 or kappa == 1))

An expression stands for the rule that it says.
"""

import inspect
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from rich.filesize import decimal

from matsense.judging.expressions import Expression
from sims.text.words import WHOLE

Value = int | float | str
Ranges = Mapping[str, "Range | Words"]
Values = Mapping[str, Value]
Axes = Mapping[str, tuple[Any, ...]]

# Numbers whose squares, and their inverses, are numbers in double precision; and fourth powers.
SQUARED, FOURTH = (1e-150, 1e150), (1e-75, 1e75)
# Steps are counted one by one: more than these do not end.
MOST_STEPS = 10**9


@dataclass(frozen=True)
class Range:
    """The numbers from `least` to `most`, with or without these ends; whole ones, or all.

    `what` names the quantity in the sentence for a person, `why` says where an end comes from.
    """

    what: str
    least: float
    most: float
    open_least: bool = False
    open_most: bool = False
    is_whole: bool = False
    why: str = ""

    def admits(self, value: Value) -> bool:
        """Whether a value lies in the range; NaN does not."""
        if isinstance(value, str) or (self.is_whole and value != value // 1):
            return False
        above = self.least < value if self.open_least else self.least <= value
        below = value < self.most if self.open_most else value <= self.most
        return above and below

    @property
    def sentence(self) -> str:
        """What it may be, as a clause."""
        kind = (
            "whole number" if self.is_whole else "number" if self.least <= 0 else "positive number"
        )
        low, high = _end(self.least), _end(self.most)
        if not self.open_least and not self.open_most:
            bounds = f"from {low} to {high}"
        else:
            below = f"below {high}" if self.open_most else f"at most {high}"
            bounds = f"above {low} and {below}" if self.open_least else f"{low} or more and {below}"
        why = f" ({self.why})" if self.why else ""
        return f"{self.what} is a {kind}, {bounds}{why}"


@dataclass(frozen=True)
class Words:
    """The words that `what` may be."""

    what: str
    known: tuple[str, ...]

    def admits(self, value: Value) -> bool:
        """Whether it is one of them."""
        return value in self.known

    @property
    def sentence(self) -> str:
        """What it may be, as a clause."""
        return f"{self.what} is one of {', '.join(self.known)}"


def whole(what: str, least: int = 1, most: int = WHOLE, why: str = "") -> Range:
    """The whole numbers from `least` to `most`."""
    return Range(what, least, most, is_whole=True, why=why)


def real(
    what: str,
    least: float,
    most: float,
    open_least: bool = False,
    open_most: bool = False,
    why: str = "",
) -> Range:
    """The numbers from `least` to `most`."""
    return Range(what, least, most, open_least, open_most, why=why)


def positive(what: str, ends: tuple[float, float] = SQUARED) -> Range:
    """The positive numbers between ends within which powers are numbers too."""
    why = "powers and inverses of it must be numbers in double precision"
    return Range(what, *ends, why=why)


def switch(what: str) -> Range:
    """0 (off) or 1 (on)."""
    return Range(what, 0, 1, is_whole=True, why="off or on")


def one_of(what: str, known: Sequence[str]) -> Words:
    """The words that are known."""
    return Words(what, tuple(known))


STEPS = whole("the number of steps", 1, MOST_STEPS, "they are taken one by one")


@dataclass(frozen=True)
class Rule:
    """A condition between axes: those that `holds` names, as a function or as an expression."""

    words: str
    holds: Callable[..., bool] | Expression

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The axes that it is about."""
        return self.holds.names if isinstance(self.holds, Expression) else _parameters(self.holds)

    def broken(self, values: Values, memory: float) -> str:
        """What is said of values that break it; nothing of those that keep it."""
        if isinstance(self.holds, Expression):
            return "" if self.holds(values) else self.words
        return "" if self.holds(**values) else self.words


@dataclass(frozen=True)
class Fits:
    """The condition that an array of float64, of so many `entries`, has room in memory."""

    what: str
    entries: Callable[..., int]

    @cached_property
    def axes(self) -> tuple[str, ...]:
        """The axes that it is about."""
        return _parameters(self.entries)

    def broken(self, values: Values, memory: float) -> str:
        """As of a rule, in bytes."""
        needed = 8 * self.entries(**values)
        if needed <= memory:
            return ""
        return f"{self.what} would take {decimal(needed)}, and there are {decimal(round(memory))}"


def as_rules(listed: Sequence["Rule | Fits | str"]) -> tuple[Rule | Fits, ...]:
    """Rules as they are written: an expression stands for itself.

    Raises ValueError for a text that is no expression.
    """
    return tuple(Rule(item, Expression(item)) if isinstance(item, str) else item for item in listed)


def _parameters(function: Callable[..., Any]) -> tuple[str, ...]:
    return tuple(inspect.signature(function).parameters)


@dataclass(frozen=True)
class Broken:
    """Values that cannot be, and what is said of them.

    `are_compared`: by a rule, so that a value of one of the axes is a bound for another.
    """

    values: Values
    says: str
    are_compared: bool = False


def assumed(values: Sequence[Value]) -> Range | Words:
    """The range of an axis that declares none, from the values that its study lists.

    A text is one of those; a whole number may not be less than they are, or than 1; a number is
    positive where all of them are.
    """
    if any(isinstance(value, str) for value in values):
        return one_of("it", [str(value) for value in values])
    least = min(float(value) for value in values)
    if all(isinstance(value, int) for value in values):
        return whole("it", min(1, int(least)))
    return positive("it", FOURTH) if least > 0 else real("it", -SQUARED[1], SQUARED[1])


def outside(axes: Axes, ranges: Ranges) -> Iterator[Broken]:
    """The values that lie outside the range of their axis."""
    for axis, values in axes.items():
        for value in values:
            if not ranges[axis].admits(value):
                yield Broken({axis: value}, ranges[axis].sentence)


def against(axes: Axes, rules: Sequence[Rule | Fits], memory: float = math.inf) -> Iterator[Broken]:
    """The combinations that break a rule, of those rules whose axes are all there."""
    for rule in rules:
        if not set(rule.axes) <= set(axes):
            continue
        for combination in itertools.product(*(axes[axis] for axis in rule.axes)):
            values = dict(zip(rule.axes, combination, strict=True))
            if says := rule.broken(values, memory):
                yield Broken(values, says, are_compared=isinstance(rule, Rule))


def _end(x: float) -> str:
    return "2^53" if x == WHOLE else f"{x:.10g}"
