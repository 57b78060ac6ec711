"""What a study's author wrote, called so that what raises costs itself: not the table, not a code.

A law that raises makes its claim inconclusive, a panel that does is left empty; each is told with
the run and the line of the study. A machine that fails (memory, files) is a failure all the same.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from matplotlib.figure import Figure

from matsense.fitting.estimate import Call, Estimate
from matsense.judging.claims import Claim
from matsense.judging.conditions import Condition
from matsense.judging.judge import Verdict, judge
from matsense.judging.runs import Run
from sims.figures import drawing
from sims.study import blame
from sims.text.escape import visible

Value = TypeVar("Value")
# These say nothing about a study: they are told as failures of the machine, or asked for.
NOT_ITS_OWN = (MemoryError, OSError, KeyboardInterrupt)


def named(run: Run) -> str:
    """A run in words: its sweep, parameters and seed."""
    point = [f"{axis} = {value}" for axis, value in run.params.items()]
    return ", ".join([run.sweep, *point, f"seed {run.seed}"])


@dataclass
class Troubles:
    """What has raised meanwhile, each kind of message once, with its first run."""

    _kinds: dict[str, list[str]] = field(default_factory=dict)

    def note(self, message: str, where: str = "") -> None:
        """Takes note of a message, and of the run that it is about."""
        kind = re.sub(r"\d[\d.e+-]*", "#", message)
        self._kinds.setdefault(kind, [message]).append(where)

    def law(self, name: str, law: Callable[[Run], Value], run: Run, otherwise: Value) -> Value:
        """What a law gives for a run; `otherwise`, with a note, if it raises."""
        try:
            return law(run)
        except NOT_ITS_OWN:
            raise
        except BaseException as error:
            self.note(f"{name} raised {blame.told(error)}", named(run))
            return otherwise

    @property
    def lines(self) -> list[str]:
        """A line for each kind of trouble."""
        found = []
        for message, *places in self._kinds.values():
            runs = f"{len(places)} {'run' if len(places) == 1 else 'runs'}, the first: {places[0]}"
            found.append(f"{message}{f'; for {runs}' if places[0] else ''}")
        return found


class _Raised(Exception):  # noqa: N818 - it is no error of ours
    """What a part of a claim has raised, in words."""


def _kept(name: str, part: Any, gives: Callable[[Any], Any] = bool) -> Any:
    """A part of a claim that tells its name and the run when it raises; a number as it is."""

    def call(run: Run) -> Any:
        try:
            return gives(part(run))
        except (*NOT_ITS_OWN, _Raised):
            raise
        except BaseException as error:
            raise _Raised(f"{name} raised {blame.told(error)} for {named(run)}") from error

    return call if callable(part) else part


class _Kept(Condition):
    """A hypothesis that tells its words and the run when it raises."""

    def holds(self, run: Run) -> bool:
        held: bool = _kept(f"the hypothesis {self.words!r}", super().holds)(run)
        return held


def judged(claim: Claim, runs: Sequence[Run]) -> Verdict:
    """The verdict; inconclusive, with the reason, if a part of the claim raises."""
    guarded = replace(
        claim,
        runs=_kept("the choice of runs", claim.runs),
        estimate=_kept("the reading", claim.estimate, _estimate),
        target=_kept("the law", claim.target, float),
        control=_kept("the choice of the control's runs", claim.control),
        hypotheses=tuple(_Kept(own.words, own.test, own.kind) for own in claim.hypotheses),
    )
    try:
        return replace(judge(guarded, runs), claim=claim)
    except NOT_ITS_OWN:
        raise
    except _Raised as raised:
        return _unanswered(guarded, claim, runs, str(raised))
    except BaseException as error:
        if not blame.place(error):
            raise  # nothing of the study's: the judge itself has failed
        return _unanswered(guarded, claim, runs, f"the claim raised {blame.told(error)}")


def _estimate(found: Any) -> Estimate:
    if not isinstance(found, Estimate):
        raise TypeError(f"it gives {found!r:.60}, not an Estimate")
    return found


def _unanswered(guarded: Claim, claim: Claim, runs: Sequence[Run], why: str) -> Verdict:
    """The verdict of a claim that cannot be judged."""
    try:
        chosen = Counter(run.status for run in runs if guarded.runs(run))
    except _Raised:
        chosen = Counter()
    nothing = (math.nan, math.nan)
    return Verdict(
        claim,
        Call.INCONCLUSIVE,
        math.nan,
        nothing,
        wanted=chosen.total(),
        judged=0,
        outside=0,
        diverged=chosen["diverged"],
        failed=chosen["failed"],
        missing=chosen["missing"],
        excluded=chosen["excluded"],
        units=0,
        contradicted=0,
        deviation=math.nan,
        window=nothing,
        horizon=math.nan,
        sentence=f"No answer: {' '.join(why.split())}.",
    )


def drawn(
    name: str, draw: Callable[[], Figure], finish: Callable[[Figure], Value], troubles: Troubles
) -> Value:
    """What `finish` makes of a figure; of one that says what was wrong if drawing it raises."""
    try:
        return finish(draw())
    except NOT_ITS_OWN:
        raise
    except BaseException as error:
        message = f"{name} could not be drawn: {blame.told(error)}"
        troubles.note(message)
        return finish(_instead(message))


def _instead(message: str) -> Figure:
    figure, (ax,) = drawing.canvas(1, 1, "")
    ax.set_axis_off()
    ax.text(0.5, 0.5, visible(message), ha="center", va="center", wrap=True, parse_math=False)
    return figure
