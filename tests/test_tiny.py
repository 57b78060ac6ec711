"""Every study that is found, really run: one tiny point of each sweep, twice; all that reads it."""

import functools
import json
import re
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from matsense.judging.judge import Verdict, judge
from matsense.judging.runs import Run
from sims.running.blocks import Block
from sims.running.worker import run_block
from sims.storage.rows import as_stored, table_of
from sims.study import Sweep, unnamed
from sims.study.catalogue import available, load

BIB = (Path(__file__).parent.parent / "matsense" / "references.bib").read_text()
KEYS = set(re.findall(r"@\w+\{(\w+),", BIB))

SWEEPS = [(name, sweep.name) for name in available() for sweep in load(name).sweeps]
each = pytest.mark.parametrize("name", available())


def block_of(name: str, sweep: Sweep) -> Block:
    """The first point of the tiny grid, in a block of its own."""
    point = unnamed(name, sweep.with_axes(sweep.tiny), 1)[0]
    static = sweep.static(point.params)
    return Block(name, sweep.name, static, ((point,),))


@functools.cache
def run_once(name: str, sweep: str) -> Run:
    (run,) = run_block(block_of(name, load(name).sweep(sweep))).runs
    return run


@functools.cache
def runs_of(name: str) -> list[Run]:
    """As the store gives them back."""
    found = []
    for sweep in load(name).sweeps:
        run = run_once(name, sweep.name)
        ranks = {quantity: np.ndim(value) for quantity, value in run.quantities.items()}
        found.append(as_stored(run, table_of([run], ranks)))
    return found


@functools.cache
def verdicts_of(name: str) -> list[Verdict]:
    return [judge(claim, runs_of(name)) for claim in load(name).claims]


@pytest.mark.parametrize(("name", "sweep"), SWEEPS)
def test_a_tiny_point_of_every_sweep_runs_is_finite_and_bit_equal_the_second_time(
    name: str, sweep: str
) -> None:
    first = run_once(name, sweep)
    assert first.status in ("ok", "excluded"), first.message
    (second,) = run_block(block_of(name, load(name).sweep(sweep))).runs
    assert second.status == first.status
    assert set(second.quantities) == set(first.quantities)
    for quantity, value in first.quantities.items():
        np.testing.assert_array_equal(value, second.quantities[quantity], err_msg=quantity)


@each
def test_every_claim_is_judged_on_tiny_runs(name: str) -> None:
    """Whatever they say: a sentence, and no exception."""
    for verdict in verdicts_of(name):
        assert verdict.sentence.endswith((".", ")")), verdict.claim.id
        json.dumps(verdict.sentence)


@each
def test_every_run_has_a_law_or_a_reason(name: str) -> None:
    study = load(name)
    for run in runs_of(name):
        if run.status == "ok":
            fit = study.fit(run)
            assert np.isfinite(fit.value) or fit.reason, run.sweep
            study.predicted(run)


@each
def test_figures_are_drawn_from_tiny_runs_and_from_nothing(name: str) -> None:
    study = load(name)
    for draw in (study.draw, *study.further.values()):
        assert isinstance(draw(runs_of(name), verdicts_of(name)), Figure)
        assert isinstance(draw([], [judge(claim, []) for claim in study.claims]), Figure)


@each
def test_what_is_cited_is_in_the_bibliography(name: str) -> None:
    study = load(name)
    for cited in (study.cite, *(claim.cite for claim in study.claims)):
        for key in re.findall(r"\b[a-z]+\d{4}[a-z]*\b", cited):
            assert key in KEYS, cited
