"""The words that a study is written with: a sweep and a study, checked before anything runs."""

import inspect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from matsense.errors import nearest
from matsense.fitting.rates import Fit
from matsense.judging.claims import Claim
from matsense.judging.conditions import Selection
from matsense.judging.judge import Verdict
from matsense.judging.runs import Run
from matsense.judging.writing import mistakes
from sims.figures.panels import Panel
from sims.study.model import Study, Sweep, unnamed
from sims.study.ranges import Fits, Ranges, Rule, as_rules

# Numbers that ride along fill the vector registers of one core in eights.
LANES = 8
# Steps of a trial of the tiny grid.
FEW_STEPS = 60
Axis = Any


def sweep(
    name: str,
    problem: Callable[..., Any],
    trial: Callable[..., dict[str, Any]],
    axes: Mapping[str, Axis],
    *,
    seeds: int = 10,
    riding: Sequence[str] = (),
    quick: Mapping[str, Axis] | None = None,
    tiny: Mapping[str, Axis] | None = None,
    quick_seeds: int = 3,
    after: Callable[..., dict[str, Any]] | None = None,
    ranges: Ranges | None = None,
    rules: Sequence[Rule | Fits | str] = (),
    instances_wide: int = 5,
    lanes_wide: int | None = None,
    horizon: str = "steps",
    in_turn: bool = False,
) -> Sweep:
    """A grid of runs of one trial: all combinations of the values of `axes`, for every seed.

    An axis is a number or a text, or a tuple of them; or a function of other axes, by name, for a
    size that follows from them (a horizon that differs by method). Texts and whole numbers are
    static (a compilation each), floats are traced: with the instance where `problem` names them,
    along lanes otherwise. Whole numbers in `riding` ride along lanes too, for a trial whose arrays
    do not depend on them. What `problem` names redraws the data; any other axis is a variant of
    the method on the same data.

    `quick` is the smaller grid of --quick: by default the first and the last value of each axis
    that is no lane; `tiny` replaces values in the smallest grid, that of --try and of the tests: by
    default the first value of every axis, and 60 steps. `ranges` say what an axis may be where the
    listed values do not; `rules` between axes are expressions that must hold, or a `Rule`. `after`,
    the widths of blocks, `horizon` and `in_turn` are those of `sims.study.model.Sweep`.

    Raises ValueError, naming the sweep and the axis, for what cannot be.
    """
    listed: dict[str, tuple[Any, ...]] = {}
    derived: dict[str, Callable[..., Any]] = {}
    for axis, value in axes.items():
        if callable(value):
            derived[axis] = value
        else:
            listed[axis] = _values(f"sweep {name}, axis {axis}", value)
    named = set(inspect.signature(problem).parameters)
    for axis in riding:
        if axis not in listed:
            raise ValueError(f"sweep {name}, riding: no axis {axis!r} ({nearest(axis, listed)})")
        if axis in named:
            raise ValueError(f"sweep {name}, riding: the problem asks for {axis}, which redraws it")
    groups: dict[str, dict[str, tuple[Any, ...]]] = {"shape": {}, "instance": {}, "lane": {}}
    for axis, values in listed.items():
        traced = isinstance(values[0], float)
        rides = axis in riding or (traced and axis not in named)
        groups["lane" if rides else "instance" if traced else "shape"][axis] = values
    if quick is None:
        fixed = {**groups["shape"], **groups["instance"]}
        small = {axis: (v[0], v[-1]) for axis, v in fixed.items() if len(v) > 2}
    else:
        small = _replaced(f"sweep {name}, quick", quick, listed)
    steps = {horizon: (min(FEW_STEPS, *listed[horizon]),)} if _counts(listed, horizon) else {}
    least = {axis: small.get(axis, values)[:1] for axis, values in listed.items()}
    own = {} if tiny is None else _replaced(f"sweep {name}, tiny", tiny, listed)
    return Sweep(
        name,
        problem,
        trial,
        **groups,
        padded=derived,
        after=after,
        ranges=ranges or {},
        rules=as_rules(rules),
        seeds=seeds,
        quick=small,
        tiny={**least, **steps, **own},
        quick_seeds=quick_seeds,
        instances_wide=instances_wide,
        lanes_wide=lanes_wide or (LANES if groups["lane"] else 1),
        horizon=horizon,
        in_turn=in_turn,
    )


def _counts(listed: Mapping[str, tuple[Any, ...]], horizon: str) -> bool:
    return horizon in listed and isinstance(listed[horizon][0], int)


def _values(where: str, value: Axis) -> tuple[Any, ...]:
    """The values of an axis as plain numbers or texts of one type, each once."""
    values = tuple(value) if isinstance(value, tuple | list | range | np.ndarray) else (value,)
    plain = tuple(x.item() if isinstance(x, np.generic) else x for x in values)
    if not plain:
        raise ValueError(f"{where}: it has no values")
    for x in plain:
        if isinstance(x, bool) or not isinstance(x, int | float | str):
            raise ValueError(f"{where}: {x!r} is neither a number nor a text (give 0 or 1)")
        if isinstance(x, float) and not math.isfinite(x):
            raise ValueError(f"{where}: {x!r} is no number")
    kinds = {type(x) for x in plain}
    if kinds == {int, float}:
        plain = tuple(map(float, plain))
    elif len(kinds) > 1:
        raise ValueError(f"{where}: texts beside numbers: {plain}")
    if len(set(plain)) < len(plain):
        raise ValueError(f"{where}: a value stands there twice: {plain}")
    return plain


def _replaced(
    where: str, changes: Mapping[str, Axis], listed: Mapping[str, tuple[Any, ...]]
) -> dict[str, tuple[Any, ...]]:
    """Other values of some axes, in the type that these have."""
    found = {}
    for axis, value in changes.items():
        if axis not in listed:
            raise ValueError(f"{where}: no axis {axis!r} ({nearest(axis, listed)})")
        values = _values(f"{where}, axis {axis}", value)
        if isinstance(listed[axis][0], float):
            values = tuple(map(float, values))
        if type(values[0]) is not type(listed[axis][0]):
            raise ValueError(f"{where}, axis {axis}: {values[0]!r} beside {listed[axis][0]!r}")
        found[axis] = values
    return found


def paper(
    title: str,
    authors: str,
    *,
    cite: str = "",
    sweeps: Sequence[Sweep],
    claims: Sequence[Claim],
    panels: Sequence[Panel] = (),
    draw: Callable[..., Any] | None = None,
    further: Mapping[str, Sequence[Panel]] | None = None,
) -> Study:
    """A paper as a study: its sweeps, its claims, and the panels of its figure.

    `authors` name the paper: who, where, when; `cite` is its bib key.

    The law of each run in rates.csv is that which the first claim about its sweep reads, beside
    what this claim predicts of it. `panels` are data (`sims.figures.panels`); `draw` takes their
    place with a figure that is drawn by hand; `further` are figures beside it, by their names.

    Raises ValueError for what cannot be, all of it, with the claim, the sweep or the panel named
    and the nearest right word.
    """
    known = {own.name: {**own.axes, **own.padded} for own in sweeps}
    wrong = list(mistakes(claims, known))
    more = further or {}
    for panel in (*panels, *itertools.chain(*more.values())):
        wrong += [f"panel {panel.title!r}: {why}" for why in panel.mistakes(known)]
    wrong += [] if wrong else _empty(sweeps, claims)
    if wrong:
        raise ValueError("; ".join(wrong))
    reads = {own.name: _reading(own.name, claims) for own in sweeps}

    def fit(run: Run) -> Fit:
        claim = reads[run.sweep]
        if claim is None:
            return Fit("neither", reason="no claim reads a law of its trace")
        found: Fit = claim.answer.reading.fit(run)
        return found

    def predicted(run: Run) -> float:
        for own in claims:
            if own.sense == "equals" and _per_run(own, run):
                goal = own.target(run) if callable(own.target) else own.target
                return float(goal * math.prod(unit(run) for unit in own.answer.reading.units))
        return math.nan

    return Study(
        title,
        authors,
        cite,
        sweeps,
        claims,
        draw or _drawn(title, authors, panels),
        fit,
        predicted,
        {name: _drawn(f"{title}: {name}", authors, own) for name, own in more.items()},
    )


def _per_run(claim: Claim, run: Run) -> bool:
    fitted = claim.answer is not None and claim.answer.reading.fit is not None
    return bool(claim.trend is None and fitted and claim.runs(run))


def _reading(sweep: str, claims: Sequence[Claim]) -> Claim | None:
    """The first claim about a sweep that reads a law off its traces."""
    for own in claims:
        reads = own.answer is not None and own.answer.reading.fit is not None
        if reads and isinstance(own.runs, Selection) and sweep in own.runs.sweeps:
            return own
    return None


def _empty(sweeps: Sequence[Sweep], claims: Sequence[Claim]) -> list[str]:
    """Claims that select no run of the full grids, or a share that too few instances can decide."""
    runs = {own.name: unnamed("", own, own.seeds) for own in sweeps}
    wrong = []
    for own in claims:
        if not isinstance(own.runs, Selection):
            continue
        about = [run for name in own.runs.sweeps for run in runs.get(name, ()) if own.runs(run)]
        if not about:
            wrong.append(f"claim {own.id}: it selects no run ({own.runs.words})")
            continue
        if isinstance(own.control, Selection):
            there = (run for name in own.control.sweeps for run in runs.get(name, ()))
            if not any(own.control(run) for run in there):
                wrong.append(f"claim {own.id}: its control selects no run ({own.control.words})")
        if isinstance(own.mode, tuple):
            needed = instances_needed(own.mode[1])
            have = len({run.instance for run in about})
            if have < needed:
                wrong.append(
                    f"claim {own.id}, probability {own.mode[1]:g}: even if all comply that takes "
                    f"{needed} instances, and there are {have} (give more seeds)"
                )
    return wrong


def instances_needed(probability: float) -> int:
    """Instances that must all comply for the 95% interval of their share to lie above a number.

    Derived from Wilson's interval, whose lower end for n successes of n is 1 / (1 + z^2 / n).
    """
    z = float(special.ndtri(0.975))
    return math.ceil(z**2 * probability / (1 - probability))


def _drawn(
    title: str, authors: str, panels: Sequence[Panel]
) -> Callable[[list[Run], list[Verdict]], Any]:
    """What draws the figure of these panels."""

    def draw(runs: list[Run], verdicts: list[Verdict]) -> Any:
        # A worker imports studies, and draws nothing: matplotlib takes a third of a second.
        from sims.figures import painting

        return painting.figure_of(f"{title} ({authors})", panels, runs, verdicts)

    return draw
