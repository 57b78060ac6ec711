"""A study as data: its sweeps, its claims, its figure; and the runs that a grid expands to."""

import hashlib
import inspect
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from matsense.fitting.rates import Fit
from matsense.judging.claims import Claim
from matsense.judging.judge import Verdict
from matsense.judging.laws import asked_by, by_name
from matsense.judging.runs import Run
from sims.identity.names import Names
from sims.study import places
from sims.study.ranges import (
    STEPS,
    Broken,
    Fits,
    Range,
    Ranges,
    Rule,
    Words,
    against,
    assumed,
    outside,
)

Axes = Mapping[str, tuple[Any, ...]]
Params = Mapping[str, Any]


@dataclass(frozen=True)
class Sweep:
    """A grid of runs of one trial.

    `problem(key, **params) -> instance` and `trial(instance, key, **params) -> quantities` receive
    those parameters that their signatures name. Axes come in three groups: `shape` (sizes, static:
    each combination compiles once), `instance` (redraws the data; integers are static there, since
    they may be sizes) and `lane` (numbers that ride along on one instance, traced). `padded` maps
    a run's parameters to further static sizes, such as the width that its rank is padded to.
    `after(instance, quantities, **params) -> quantities` is an optional stage on the host, run
    by run in the same worker; what it returns, arrays or plain numbers, is what is stored. It may
    raise `matsense.errors.Excluded` for a run that no claim is about: it is stored and counted as
    such.
    `ranges` says what each axis may be, `rules` what must hold between axes (`sims.study.ranges`):
    a rule is about those sweeps that have all axes that it names. Of an axis without a range the
    values that are listed tell what it may be, and the horizon's are steps.

    `tiny` are the values of the smallest grid: one point that runs in a moment.
    `horizon` names the static parameter that a trial's time grows with, for estimates of it.

    Blocks are `instances_wide` by `lanes_wide` runs, always: smaller ones are padded with
    repetitions, so that no run's arithmetic depends on its neighbours. The instances of a block
    are vectorised, or with `in_turn` computed one after another: for trials that carry lanes of
    their own, whose rows are updated in place and whose branches are taken.
    """

    name: str
    problem: Callable[..., Any]
    trial: Callable[..., dict[str, Any]]
    shape: Axes = field(default_factory=dict)
    instance: Axes = field(default_factory=dict)
    lane: Axes = field(default_factory=dict)
    padded: Mapping[str, Callable[..., int]] = field(default_factory=dict)
    after: Callable[..., dict[str, Any]] | None = None
    ranges: Ranges = field(default_factory=dict)
    rules: Sequence[Rule | Fits] = ()
    seeds: int = 10
    quick: Axes = field(default_factory=dict)
    quick_seeds: int = 3
    tiny: Axes = field(default_factory=dict)
    instances_wide: int = 5
    lanes_wide: int = 8
    horizon: str = "steps"
    in_turn: bool = False

    def __post_init__(self) -> None:
        # Numbers that ride along share an array: its dtype may not depend on the company.
        mixed = {a for a, v in self.lane.items() if any(isinstance(value, float) for value in v)}
        lane = {a: tuple(map(float, v)) if a in mixed else v for a, v in self.lane.items()}
        object.__setattr__(self, "lane", lane)

    @property
    def axes(self) -> Axes:
        """All axes, in the order shape, instance, lane."""
        return {**self.shape, **self.instance, **self.lane}

    @property
    def drawn(self) -> tuple[str, ...]:
        """The axes that redraw the data: those that the problem asks for, but for the horizon.

        A problem may want to know how long it is used (which form of an operator is cheaper then).
        """
        asked = {*asked_by(self.problem)} - {self.horizon}
        return tuple(axis for axis in (*self.shape, *self.instance) if axis in asked)

    def range_of(self, axis: str) -> Range | Words:
        """What an axis may be."""
        listed = (*self.axes[axis], *self.quick.get(axis, ()))
        counted = axis == self.horizon and all(isinstance(value, int) for value in listed)
        return self.ranges.get(axis) or (STEPS if counted else assumed(listed))

    def broken(self) -> Broken | None:
        """Values of this very grid that cannot be, if there are any."""
        ranges = {axis: self.range_of(axis) for axis in self.axes}
        found = itertools.chain(outside(self.axes, ranges), against(self.axes, self.rules))
        return next(found, None)

    def with_axes(self, values: Axes) -> "Sweep":
        """The same sweep with the values of some of its axes replaced."""
        groups: dict[str, Any] = {
            group: {axis: values.get(axis, old) for axis, old in getattr(self, group).items()}
            for group in ("shape", "instance", "lane")
        }
        return replace(self, **groups)

    def static(self, params: Params) -> dict[str, Any]:
        """What a compilation depends on: shape, padded sizes, and the instance's integers."""
        padded = {name: size(**by_name(size, params)) for name, size in self.padded.items()}
        fixed = {a: params[a] for a in self.instance if not isinstance(params[a], float)}
        return {**{a: params[a] for a in self.shape}, **fixed, **padded}


@dataclass(frozen=True)
class Study:
    """One paper: what is run, what is claimed, and how the evidence is drawn.

    `fit(run)` is the law that goes into rates.csv, beside `predicted(run)` (NaN where nothing
    predicts it). `draw(runs, verdicts)` returns a matplotlib figure; `further` names more of them,
    each saved under its name beside the first.
    """

    title: str
    paper: str
    cite: str
    sweeps: Sequence[Sweep]
    claims: Sequence[Claim]
    draw: Callable[[list[Run], list[Verdict]], Any]
    fit: Callable[[Run], Fit]
    predicted: Callable[[Run], float]
    further: Mapping[str, Callable[[list[Run], list[Verdict]], Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        names = [sweep.name for sweep in self.sweeps]
        if len(set(names)) < len(names):
            raise ValueError(f"sweep names are not distinct: {names}")
        for sweep in self.sweeps:
            asked = {
                name
                for function in (sweep.problem, sweep.trial, sweep.after, *sweep.padded.values())
                if function is not None
                for name in inspect.signature(function).parameters
            }
            unused = set(sweep.axes) - asked
            if unused:
                raise ValueError(f"{sweep.name}: no problem, trial or stage names axes {unused}")
            for own in (sweep, sweep.with_axes(sweep.quick), sweep.with_axes(sweep.tiny)):
                if broken := own.broken():
                    values = ", ".join(f"{axis}={value}" for axis, value in broken.values.items())
                    raise ValueError(f"{sweep.name}, {values}: {broken.says}")

    def sweep(self, name: str) -> Sweep:
        """The sweep of that name."""
        return next(sweep for sweep in self.sweeps if sweep.name == name)


def grid_of(sweep: Sweep) -> Iterator[dict[str, Any]]:
    """Every combination of a sweep's axes."""
    for values in itertools.product(*sweep.axes.values()):
        yield dict(zip(sweep.axes, values, strict=True))


def runs_of(
    study_name: str,
    sweep: Sweep,
    seeds: int,
    precision: str,
    first: int = 0,
    names: Names | None = None,
) -> list[Run]:
    """The runs of a sweep's grid: every combination of its axes, for `seeds` seeds from `first` on.

    All are missing until they are computed, or found in a store. The id hashes what the numbers
    depend on: parameters, seed, the key that is drawn from, precision, and the program that
    computes them (`sims.identity.program`).
    """
    names = names or names_of(study_name)
    named = named_by(names, sweep, precision)
    out = []
    for run in unnamed(study_name, sweep, seeds, first):
        run = replace(run, program=named(run.params), precision=precision)
        out.append(replace(run, id=id_of(study_name, sweep, run)))
    names.remember()
    return out


def id_of(study_name: str, sweep: Sweep, run: Run) -> str:
    """The id of a run whose program and precision are known."""
    key = instance_key(study_name, sweep, run.params, run.seed).tolist()
    own = [run.params, run.seed, key, run.precision, run.program]
    return digest([study_name, sweep.name, *own])


def names_of(study_name: str, telling: Callable[[], None] = lambda: None) -> Names:
    """What names the programs of a study; it tells before the first is traced."""
    return Names(places.module_of(study_name), telling)


def named_by(names: Names, sweep: Sweep, precision: str) -> Callable[[Params], str]:
    """The name of the program of a run's parameters, found once for every shape."""
    operator = "float32" if "float32" in precision else "float64"
    found: dict[str, str] = {}

    def named(params: Params) -> str:
        static = sweep.static(params)
        key = repr(static)
        if key not in found:
            found[key] = names.of(sweep, static, sweep.instances_wide, operator)
        return found[key]

    return named


def unnamed(study_name: str, sweep: Sweep, seeds: int, first: int = 0) -> list[Run]:
    """The runs of a sweep's grid before anything is traced: without program, precision and id."""
    out = []
    for params in grid_of(sweep):
        derived = {name: size(**by_name(size, params)) for name, size in sweep.padded.items()}
        for seed in range(first, first + seeds):
            instance = instance_id(study_name, sweep, params, seed)
            out.append(Run("", sweep.name, params, seed, instance=instance, derived=derived))
    return out


def digest(identity: Any) -> str:
    """A hash of plain data, the same in every process."""
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def instance_id(study_name: str, sweep: Sweep, params: Params, seed: int) -> str:
    """What an instance is drawn from, hashed: what its problem asks for, and the seed.

    Whatever else differs (lanes, the method, the sweep) meets the same data, so that comparisons
    are paired; runs of one instance are not independent, and the judge counts them so.
    """
    return digest([study_name, {axis: params[axis] for axis in sweep.drawn}, seed])


def instance_key(study_name: str, sweep: Sweep, params: Params, seed: int) -> np.ndarray:
    """Key data (two uint32) of the instance, derived from its id alone."""
    found = instance_id(study_name, sweep, params, seed)
    return np.frombuffer(bytes.fromhex(found)[:8], np.uint32)
