"""The word that a claim is written with, and what can be wrong with one before anything runs."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import Any

from matsense.errors import nearest
from matsense.judging.claims import Claim, Source
from matsense.judging.conditions import Condition, Selection, as_conditions
from matsense.judging.laws import Law
from matsense.judging.readings import Comparison

# From this likeness on a name is taken for an axis that was mistyped (one letter of five).
TYPED = 0.75


def claim(
    id: str,
    sentence: str,
    answer: Comparison,
    *,
    source: Source,
    about: Selection,
    control: Selection | None,
    given: Iterable[str | Law | Condition] = (),
    cite: str = "",
    remark: str = "",
) -> Claim:
    """One sentence of a paper, or a law derived from it, in a form that runs can answer.

    `sentence` has its mathematics between dollars, in LaTeX; `answer` is a reading and what it is
    compared with; `about` selects the runs that the sentence speaks of, `given` are its hypotheses
    (an expression stands for itself), `control` selects runs on which the same comparison must
    come out contradicted: without one a claim is never better than inconclusive. `source` says
    where the sentence comes from, `cite` is a bib key and the place (by default the study's paper);
    `remark` says what no test can.
    """
    return Claim(
        id,
        cite,
        sentence,
        sentence,
        answer.measured,
        about,
        answer.reading.of,
        answer.sense,
        answer.target,
        answer.within,
        answer.reading.trend,
        answer.mode,
        as_conditions(given),
        remark,
        control,
        control.words if control is not None else "",
        averaged=answer.reading.averaged,
        answer=answer,
        source=source,
    )


def mistakes(claims: Iterable[Claim], known: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """What cannot be of claims, one sentence each, by what is known of every sweep.

    `known` maps a sweep to its axes, and to what is derived from them.
    """
    claims = list(claims)
    ids = [own.id for own in claims]
    for doubled in sorted({id for id in ids if ids.count(id) > 1}):
        yield f"claim {doubled}: there are {ids.count(doubled)} of that id"
    for own in claims:
        if own.answer is None:
            continue
        for what, selection in (("about", own.runs), ("control", own.control)):
            if isinstance(selection, Selection):
                yield from (
                    f"claim {own.id}, {what}: {why}" for why in of_selection(selection, known)
                )
        about = own.runs.sweeps if isinstance(own.runs, Selection) else ()
        for sweep in about:
            if sweep not in known:
                continue
            for condition in own.hypotheses:
                if condition.kind != "event":
                    yield from (
                        why
                        for name, why in _unknown(
                            f"claim {own.id}, given", condition.test, sweep, known
                        )
                        # A horizon may be what a finished run recorded: a name like no axis.
                        if condition.kind == "setting"
                        or get_close_matches(name, known[sweep], cutoff=TYPED)
                    )
            if own.trend is not None:
                for axis in _axes(own.trend):
                    if axis not in known[sweep]:
                        remedy = nearest(axis, known[sweep])
                        yield f"claim {own.id}: sweep {sweep} has no axis {axis!r} ({remedy})"


def _axes(trend: Any) -> tuple[str, ...]:
    inner = getattr(trend, "inner", None)
    return (trend.axis,) if inner is None else (inner.axis, trend.axis)


def of_selection(selection: Selection, known: Mapping[str, Any]) -> Iterable[str]:
    """What cannot be of a selection, by the axes of every sweep."""
    if not selection.sweeps:
        yield "it names no sweep"
    for sweep in selection.sweeps:
        if sweep not in known:
            yield f"there is no sweep {sweep!r} ({nearest(sweep, known)})"
            continue
        for test in selection.where:
            yield from (why for _, why in _unknown(f"where {test.formula!r}", test, sweep, known))


def _unknown(
    where: str, test: Law, sweep: str, known: Mapping[str, Any]
) -> Iterable[tuple[str, str]]:
    """Names that a test on parameters asks for and a sweep does not have, and what is said."""
    for name in test.names:
        if name not in known[sweep] and name != "seed":
            remedy = nearest(name, known[sweep])
            yield name, f"{where}: sweep {sweep} has no axis {name!r} ({remedy})"
