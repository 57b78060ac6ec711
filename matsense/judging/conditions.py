"""Conditions on runs, each written once: what is tested is what is said."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from matsense.judging.laws import Law, as_law, law
from matsense.judging.runs import Run

Kind = Literal["setting", "horizon", "event"]
Test = Callable[..., Any] | str


@dataclass(frozen=True)
class Condition:
    """One hypothesis of a claim: `words` are printed, `test` decides.

    `kind` is "setting" (sizes, steps, starts), "horizon" (the run is long enough to show what is
    claimed) or "event" (something that must have happened in the run).
    """

    words: str
    test: Law
    kind: Kind = "setting"

    def holds(self, run: Run) -> bool:
        """Whether the run meets it. What a run recorded is not asked of one that did not finish:
        that is missed, not excused.
        """
        # An event may be that something was not recorded: its test then asks for no name at all.
        waits = self.kind == "event" and run.status != "ok"
        return waits or unseen(self.test, run) or bool(self.test(run))


def unseen(test: Law, run: Run) -> bool:
    """Whether the test asks for what the run would have recorded, had it finished."""
    return run.status != "ok" and (
        test.asks_for_run or not {*run.params, *run.derived, "seed"}.issuperset(test.names)
    )


def given(words: str | Law, test: Test | None = None) -> Condition:
    """A hypothesis on a run's parameters: an expression, words and a test, or a law that says what
    it asks for.

    The test is an expression too, or a function of what it asks for by name. Raises ValueError for
    a text that is no expression.
    """
    own = words if isinstance(words, Law) else law(words, test)
    return Condition(own.formula, own)


def lasting(words: str | Law, test: Test | None = None) -> Condition:
    """A hypothesis that a run is long enough to tell, by its parameters or by what it recorded."""
    return replace(given(words, test), kind="horizon")


def happened(words: str | Law, test: Test | None = None) -> Condition:
    """A hypothesis on what a run recorded."""
    return replace(given(words, test), kind="event")


def as_conditions(listed: Iterable["str | Law | Condition"]) -> tuple[Condition, ...]:
    """Hypotheses as they are written: expressions and laws stand for themselves."""
    return tuple(item if isinstance(item, Condition) else given(item) for item in listed)


@dataclass(frozen=True)
class Selection:
    """The runs of some sweeps for which all tests hold, and the words for them.

    `where` asks for parameters, `seen` for what runs recorded: a run that did not finish is
    selected whatever it would have shown; it is missed, not dropped.
    """

    sweeps: tuple[str, ...]
    where: tuple[Law, ...] = ()
    seen: tuple[Law, ...] = ()
    said: str = ""

    def __call__(self, run: Run) -> bool:
        """Whether the run is one of them."""
        return (
            run.sweep in self.sweeps
            and all(bool(test(run)) for test in self.where)
            and (run.status != "ok" or all(bool(test(run)) for test in self.seen))
        )

    @property
    def words(self) -> str:
        """Whom it selects: the sweeps and the conditions, or what the author says instead."""
        tests = " and ".join(test.formula for test in (*self.where, *self.seen))
        return self.said or ", ".join(self.sweeps) + (f": {tests}" if tests else "")


def runs(
    *sweeps: str,
    where: "Test | Law | tuple[Test | Law, ...]" = (),
    seen: "Test | Law | tuple[Test | Law, ...]" = (),
    words: str = "",
) -> Selection:
    """The runs of these sweeps that meet every condition: expressions, or functions by name.

    `where` is about parameters, `seen` about what a run recorded; `words` say who they are in
    place of the conditions. Raises ValueError for a text that is no expression.
    """
    return Selection(sweeps, _laws(where), _laws(seen), words)


def _laws(tests: "Test | Law | tuple[Test | Law, ...]") -> tuple[Law, ...]:
    return tuple(map(as_law, tests if isinstance(tests, tuple) else (tests,)))
