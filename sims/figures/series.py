"""Runs of a panel: its series, the numbers that they give, and what laws say at their places."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from matsense.errors import nearest
from matsense.fitting.estimate import Estimate
from matsense.judging.conditions import Selection
from matsense.judging.expressions import Expression
from matsense.judging.judge import averaged
from matsense.judging.laws import Law, as_law, asked_by
from matsense.judging.readings import Reading
from matsense.judging.runs import Run
from matsense.judging.writing import of_selection
from sims.figures.labels import setting

# Places of a law between the ends of an axis.
DENSE = 61
By = str | Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True)
class Series:
    """Runs that are drawn alike, and their name in the legend."""

    label: str
    runs: list[Run]


def value(run: Run, axis: str) -> Any:
    """What a run has on an axis, derived sizes and its sweep included."""
    return run.sweep if axis == "sweep" else {**run.derived, **run.params}[axis]


def chosen(of: Selection, by: By, runs: Sequence[Run]) -> list[Series]:
    """The series of a section that have runs, in the order of their values or conditions."""
    own = [run for run in runs if of(run)]
    if isinstance(by, Mapping):
        found = [
            Series(label, [run for run in own if _meets(test, run)]) for label, test in by.items()
        ]
        return [series for series in found if series.runs]
    axes = axes_of(by)
    keys = [tuple(value(run, axis) for axis in axes) for run in own]
    ordered = sorted(
        set(keys), key=lambda key: [_order(axis, v, of) for axis, v in zip(axes, key, strict=True)]
    )
    return [
        Series(
            ", ".join(_named(axis, v) for axis, v in zip(axes, key, strict=True)),
            [run for run, other in zip(own, keys, strict=True) if other == key],
        )
        for key in ordered
    ]


def axes_of(by: By) -> tuple[str, ...]:
    """The axes that tell series apart."""
    if isinstance(by, Mapping):
        return ()
    return (by,) if isinstance(by, str) else tuple(by)


def _named(axis: str, found: Any) -> str:
    return str(found).replace("_", " ") if axis == "sweep" else setting(axis, found)


def _order(axis: str, found: Any, of: Selection) -> tuple[bool, Any]:
    if axis == "sweep":
        return False, of.sweeps.index(found)
    return isinstance(found, str), found


def _meets(test: Any, run: Run) -> bool:
    tests = test if isinstance(test, tuple) else (test,)
    return all(bool(one(run) if isinstance(one, Selection) else as_law(one)(run)) for one in tests)


def numbers(reading: Reading, runs: Sequence[Run]) -> list[tuple[Run, Estimate]]:
    """What a reading gives: a number a run, or one a group of its trend with the first run."""
    own = averaged(runs) if reading.averaged else list(runs)
    if reading.trend is None:
        return [(run, reading.of(run)) for run in own]
    groups: dict[Any, list[Run]] = {}
    for run in own:
        key = (run.sweep, reading.trend.group_key(run.params, run.seed))
        groups.setdefault(key, []).append(run)
    return [
        (g[0], reading.trend.along([r.params for r in g], [reading.of(r) for r in g]))
        for g in groups.values()
    ]


def taken(reading: Reading) -> tuple[str, ...]:
    """The axes that a reading's own trend runs along."""
    trend = reading.trend
    if trend is None:
        return ()
    inner = getattr(trend, "inner", None)
    return (trend.axis,) if inner is None else (trend.axis, inner.axis)


def by_place(axis: Law, found: Iterable[tuple[Run, Any]]) -> dict[Any, list[tuple[Run, Any]]]:
    """Numbers by where their runs stand on an axis, in its order."""
    places: dict[Any, list[tuple[Run, Any]]] = {}
    for run, own in found:
        place = axis(run)
        # What is computed alike may differ in its last bits.
        key = place if isinstance(place, str) else float(f"{float(place):.12g}")
        places.setdefault(key, []).append((run, own))
    return dict(sorted(places.items(), key=lambda item: (isinstance(item[0], str), item[0])))


def at_places(law: Law, axis: Law, runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray]:
    """A law along an axis: the median over the runs at each place, and between places if it can.

    Between two places of a plain axis the law is asked for the same runs with other values of it,
    whole ones where it has whole ones; not where it depends on what the runs recorded.
    """
    dense = _between(law, axis, runs)
    if dense is not None:
        return dense
    rows = by_place(axis, ((run, float(law(run))) for run in runs))
    return np.array(list(rows)), np.array([_median([y for _, y in row]) for row in rows.values()])


def _between(law: Law, axis: Law, runs: Sequence[Run]) -> tuple[np.ndarray, np.ndarray] | None:
    name = axis.formula
    params = [run.params for run in runs]
    if any(name not in own or isinstance(own[name], str) for own in params):
        return None
    alike = _alike(law, runs, name)
    if alike is None or any(asked in run.derived for run in runs for asked in _asked(law)):
        return None
    ends = [float(own[name]) for own in params]
    whole = all(isinstance(own[name], int) for own in params)
    geometric = min(ends) > 0
    places = (np.geomspace if geometric else np.linspace)(min(ends), max(ends), DENSE)
    at: list[Any] = sorted({round(x) for x in places}) if whole else places.tolist()
    try:
        rows = [
            [float(law(replace(run, params={**run.params, name: x}))) for x in at] for run in alike
        ]
    except Exception:
        # It may be a law of the values that were run alone (a table): asked for these next.
        return None
    return np.array(at, dtype=float), np.array(
        [_median(list(column)) for column in zip(*rows, strict=True)]
    )


def curves(law: Law, runs: Sequence[Run]) -> np.ndarray:
    """A law of the ticks for runs of one grid of ticks: the median over the runs."""
    t = runs[0].quantities["t"]
    own = _alike(law, runs, "t") or runs
    rows = [np.broadcast_to(np.asarray(law(run), dtype=float), t.shape) for run in own]
    return np.median(rows, axis=0)


def _asked(law: Law) -> tuple[str, ...]:
    return law.function.names if isinstance(law.function, Expression) else asked_by(law.function)


def _alike(law: Law, runs: Sequence[Run], free: str) -> list[Run] | None:
    """One run for each set of parameters that a law tells apart; None if it asks for more."""
    asked = [name for name in _asked(law) if name != free]
    if any(name in ("seed", "run") or name in run.quantities for run in runs for name in asked):
        return None
    sizes = [{**run.derived, **run.params} for run in runs]
    keys = [tuple(own.get(name) for name in asked) for own in sizes]
    return list(dict(zip(keys, runs, strict=True)).values())


def by_ticks(runs: Iterable[Run]) -> list[list[Run]]:
    """Runs with equal ticks together."""
    groups: dict[bytes, list[Run]] = {}
    for run in runs:
        groups.setdefault(np.asarray(run.quantities["t"], dtype=float).tobytes(), []).append(run)
    return list(groups.values())


def _median(values: list[float]) -> float:
    finite = [x for x in values if not math.isnan(x)]
    return float(np.median(finite)) if finite else math.nan


def mistaken(of: Selection, by: By, known: Mapping[str, Mapping[str, Any]]) -> Iterable[str]:
    """What cannot be of a section and its series, by the axes of every sweep."""
    yield from of_selection(of, known)
    for axis in axes_of(by):
        if axis != "sweep":
            yield from lacking("by", axis, of, known)
    if isinstance(by, Mapping):
        for label, test in by.items():
            for one in test if isinstance(test, tuple) else (test,):
                if isinstance(one, Selection):
                    yield from (f"by {label!r}: {why}" for why in of_selection(one, known))


def lacking(where: str, axis: str, of: Selection, known: Mapping[str, Any]) -> Iterable[str]:
    """That a sweep of the section has no such axis."""
    for sweep in of.sweeps:
        if sweep in known and axis not in known[sweep]:
            yield f"{where}: sweep {sweep} has no axis {axis!r} ({nearest(axis, known[sweep])})"
