"""Every study in sims/studies, found and not listed: what must hold of whatever is put there.

On grids, signatures and traced shapes alone: no trial is run.
"""

import importlib
import inspect
import itertools
import math
import re
import shlex
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import jax
import numpy as np
import pytest
from matplotlib.figure import Figure

from matsense.fitting.estimate import Call, Estimate
from matsense.judging.claims import Claim
from matsense.judging.conditions import Selection
from matsense.judging.expressions import Expression
from matsense.judging.judge import judge
from matsense.judging.laws import asked_by
from matsense.judging.runs import Run
from sims.running.blocks import blocks
from sims.running.worker import inputs, programs
from sims.storage.columns import FIXED
from sims.study import Study, Sweep, grid_of, runs_of, unnamed
from sims.study.catalogue import available, load
from sims.study.ranges import Words
from sims.terminal import options
from sims.terminal.grid import grid
from sims.text.notation import plain

BIB = (Path(__file__).parent.parent / "matsense" / "references.bib").read_text()
KEYS = set(re.findall(r"@\w+\{(\w+),", BIB))

# Claims some of whose runs are also their control's, since they are compared with its other runs.
SHARING = {("robust_subgm", "agnostic-rank"): "r' = r is compared with the ranks above it"}

each = pytest.mark.parametrize("name", available())
on_both_grids = pytest.mark.parametrize("quick", [False, True], ids=["full", "quick"])


def at_size(study: Study, quick: bool) -> list[Sweep]:
    return [s.with_axes(s.quick) if quick else s for s in study.sweeps]


def finished_at(study: Study, quick: bool, recorded: float) -> list[Run]:
    """A finished run at every point of the grid; whatever is asked of it, it recorded a number."""
    named = {name: np.array(recorded) for claim in study.claims for name in asked_of(claim)}
    seen: defaultdict[str, np.ndarray] = defaultdict(lambda: np.array(recorded), named)
    return [
        replace(run, id=f"{sweep.name} {number}", status="ok", quantities=seen)
        for sweep in at_size(study, quick)
        for number, run in enumerate(unnamed("", sweep, 1))
    ]


def asked_of(claim: Claim) -> set[str]:
    """Whatever its selections may ask of a run by name."""
    chosen = [own for own in (claim.runs, claim.control) if isinstance(own, Selection)]
    tests = [test.function for own in chosen for test in own.seen]
    return {n for f in tests for n in (f.names if isinstance(f, Expression) else asked_by(f))}


def judged(claim: Claim, runs: Iterable[Run]) -> list[Run]:
    """Those that the claim speaks of and that its hypotheses on parameters cover: what a run that
    did not finish would have shown is not held against it.
    """
    return [run for run in runs if claim.runs(run) and claim.covers(replace(run, status="missing"))]


def controls(claim: Claim, runs: Iterable[Run]) -> list[Run]:
    assert claim.control is not None, claim.id
    return [run for run in runs if claim.control(run)]


# Grids


@on_both_grids
@each
def test_every_grid_is_one_that_can_be(name: str, quick: bool) -> None:
    for sweep in at_size(load(name), quick):
        assert sweep.broken() is None, sweep.name


@each
def test_every_axis_says_what_it_may_be(name: str) -> None:
    """Declared or from its values; and every range and every rule is about axes that there are."""
    study = load(name)
    axes = {axis for sweep in study.sweeps for axis in sweep.axes}
    for sweep in study.sweeps:
        assert set(sweep.ranges) <= axes, sweep.name
        for axis, values in sweep.axes.items():
            assert isinstance(sweep.range_of(axis), Words) == isinstance(values[0], str), axis
    rules = {rule for sweep in study.sweeps for rule in sweep.rules}
    for rule in rules:
        assert any(
            rule in sweep.rules and set(rule.axes) <= set(sweep.axes) for sweep in study.sweeps
        ), rule.axes


@each
def test_axes_are_distinct_plain_values_of_one_type(name: str) -> None:
    """A whole number is static and a float traced, and `--set` reads words as the axis' type."""
    for sweep in load(name).sweeps:
        groups = [*sweep.shape, *sweep.instance, *sweep.lane, *sweep.padded]
        assert len(set(groups)) == len(groups), f"{sweep.name}: an axis stands in two groups"
        # `with_axes` passes over a name that it does not know.
        assert set(sweep.quick) <= set(sweep.axes), sweep.name
        for axis, full in sweep.axes.items():
            for values in (full, sweep.quick.get(axis, full)):
                assert len(set(values)) == len(values) > 0, f"{sweep.name}.{axis}"
                # Neither bool (`--set x=False` would be true) nor numpy's types (not JSON).
                assert {type(x) for x in values} == {type(full[0])}, f"{sweep.name}.{axis}"
                assert type(full[0]) in (int, float, str), f"{sweep.name}.{axis}"
                assert all(isinstance(x, str) or math.isfinite(x) for x in values)
        assert all(type(values[0]) is not str for values in sweep.lane.values()), "lanes are traced"


@each
def test_sizes_of_sweeps(name: str) -> None:
    """--quick is the smaller grid; blocks have widths; the horizon is a static parameter.

    A sweep that --quick leaves out, with no seeds, is one that no claim needs.
    """
    study = load(name)
    small, whole = (
        sum(len(list(grid_of(sweep))) * seeds for sweep, seeds in grid(study, quick, None, []))
        for quick in (True, False)
    )
    assert small < whole
    for sweep in study.sweeps:
        assert min(sweep.seeds, sweep.instances_wide, sweep.lanes_wide) >= 1, sweep.name
        if sweep.quick_seeds < 1:
            own = [
                r for x in (0.0, 1.0) for r in finished_at(study, True, x) if r.sweep == sweep.name
            ]
            assert not any(c.runs(r) or controls(c, [r]) for c in study.claims for r in own)
        static = sweep.static(next(grid_of(sweep)))
        assert sweep.horizon in static or sweep.horizon == "steps", sweep.name


@each
def test_every_function_is_given_what_it_asks_for(name: str) -> None:
    """By parameter name: one that no axis has would fail each run, inside a worker."""
    for sweep in load(name).sweeps:
        drawn = {*sweep.shape, *sweep.instance, *sweep.padded}
        own, all_of_them = set(sweep.axes), {*drawn, *sweep.lane}
        asking: list[tuple[Any, int, set[str]]] = [
            (sweep.problem, 1, drawn),
            (sweep.trial, 2, all_of_them),
            (sweep.after, 2, all_of_them),
            *((size, 0, own) for size in sweep.padded.values()),
        ]
        for function, positional, given in asking:
            if function is None:
                continue
            asked = list(inspect.signature(function).parameters.values())[positional:]
            needed = {p.name for p in asked if p.default is p.empty}
            assert needed <= given, f"{sweep.name}: {function.__name__} asks for {needed - given}"
        # An instance is shared by its lanes: a default would stand in for the lane's value.
        assert not set(inspect.signature(sweep.problem).parameters) & set(sweep.lane), sweep.name


# Claims


@each
def test_claims_are_whole_sentences_with_a_source(name: str) -> None:
    study = load(name)
    assert study.cite in KEYS
    assert study.title and study.paper and study.claims
    for names in ([c.id for c in study.claims], [c.plain for c in study.claims]):
        assert [twice for twice, count in Counter(names).items() if count > 1] == []
    for claim in study.claims:
        source = re.match(r"(derived|measured)\b|(\w+)", claim.cite)
        assert source and (source[1] or source[2] in KEYS), f"{claim.id}: {claim.cite}"
        assert all((claim.plain, claim.measured, claim.statement, claim.control_of)), claim.id
        # One line for a terminal, and LaTeX whose signs are paired.
        assert not set(plain(claim.plain) + plain(claim.measured)) & set("$\\\n"), claim.id
        assert claim.statement.count("$") % 2 == 0, claim.id
        assert claim.statement.count("{") == claim.statement.count("}"), claim.id
        assert all(condition.words for condition in claim.hypotheses), claim.id
        assert claim.tolerance >= 0
        assert isinstance(claim.mode, str) or 0 < claim.mode[1] <= 1, claim.id
        assert callable(claim.target) or math.isfinite(claim.target), claim.id


@on_both_grids
@each
def test_every_claim_selects_runs_and_a_control_that_differ(name: str, quick: bool) -> None:
    """Where a selection reads what was recorded, for runs that recorded 0, and 1, and 2."""
    study = load(name)
    each_of = [finished_at(study, quick, recorded) for recorded in (0.0, 1.0, 2.0)]
    for claim in study.claims:
        assert any(judged(claim, runs) for runs in each_of), claim.id
        assert any(controls(claim, runs) for runs in each_of), claim.id
        for runs in each_of:
            mine = {run.id for run in judged(claim, runs)}
            control = controls(claim, runs)
            if (name, claim.id) not in SHARING:
                assert not mine & {run.id for run in control}, claim.id
                continue
            # What is compared there are groups: each of the control's has runs of its own. Where
            # the recorded number is one by which nothing happened, no run is the claim's.
            assert claim.trend is not None
            groups = defaultdict(set)
            for run in control:
                groups[claim.trend.group_key(run.params, run.seed)].add(run.id)
            assert not mine or all(group & mine and group - mine for group in groups.values())


@each
def test_every_trend_has_as_many_values_as_it_needs(name: str) -> None:
    """In each group of the full grid, the claim's and the control's, a trend can be told."""
    study = load(name)
    runs = finished_at(study, False, 1.0)
    for claim in study.claims:
        if claim.trend is None:
            continue
        for chosen in (judged(claim, runs), controls(claim, runs)):
            groups = defaultdict(list)
            for run in chosen:
                groups[claim.trend.group_key(run.params, run.seed)].append(run.params)
            for group in groups.values():
                told = claim.trend.along(group, [Estimate(1.0)] * len(group))
                assert "are needed" not in told.reason, f"{claim.id}: {told.reason}"


# Trials


@each
def test_every_trial_can_be_traced_and_says_when(name: str) -> None:
    """Compiled for a block of the quick grid, but not run; the judge reads the ticks "t"."""
    met = set()
    for sweep in at_size(load(name), quick=True):
        if (sweep.problem, sweep.trial, *sweep.lane) in met:
            continue
        met.add((sweep.problem, sweep.trial, *sweep.lane))
        block = blocks(name, [sweep], runs_of(name, sweep, 1, "float64"))[0]
        generate, trial = programs(block)
        keys, floats, lanes = inputs(block)
        out = jax.eval_shape(trial, jax.eval_shape(generate, keys, floats), keys, floats, lanes)
        assert not set(out) & set(FIXED), f"{sweep.name}: columns of the store"
        assert not any(quantity.startswith("param.") for quantity in out), sweep.name
        assert all(x.dtype.kind in "fiub" for x in out.values()), f"{sweep.name}: not real numbers"
        assert sweep.after is not None or "t" in out, f"{sweep.name}: no ticks"
        if "t" in out:
            assert len(out["t"].shape) == 3 and out["t"].shape[2] > 0, sweep.name


# Verdicts, figures, words


@each
def test_a_study_without_a_finished_run_is_judged_and_drawn(name: str) -> None:
    study = load(name)
    none: itertools.cycle[Literal["missing", "failed", "excluded"]] = itertools.cycle(
        ("missing", "failed", "excluded")
    )
    runs = [
        Run(run.id, run.sweep, run.params, 0, next(none), {}, "none")
        for run in finished_at(study, True, 0.0)
    ]
    verdicts = [judge(claim, runs) for claim in study.claims]
    assert {verdict.call for verdict in verdicts} == {Call.INCONCLUSIVE}
    assert not {"figure", "verdict", "rates", "provenance"} & set(study.further)
    for draw in (study.draw, *study.further.values()):
        figure = draw(runs, verdicts)
        assert isinstance(figure, Figure)
        assert figure.axes


@each
def test_the_docstring_has_its_parts_and_an_example_that_works(name: str) -> None:
    doc = importlib.import_module(f"sims.studies.{name}").__doc__ or ""
    parts = re.findall(r"^(Problem|Algorithm|Guarantee|Example)s?:", doc, re.M)
    assert parts == ["Problem", "Algorithm", "Guarantee", "Example"]
    assert {key for key in re.findall(r"\[(\w+)\]", doc)} >= {load(name).cite}
    examples = re.findall(r"`python -m sims\.sweep ([^`]*)`", doc)
    assert examples
    for words in examples:
        args = options.parser(None).parse_args(shlex.split(words))
        assert args.study == name
        grid(load(name), args.quick, args.seeds, args.set)
