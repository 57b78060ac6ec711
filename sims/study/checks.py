"""What a study asks of its runs and they would not record: found by tracing, before any runs."""

from collections.abc import Iterator
from typing import Any

import jax

from matsense.errors import InvalidInput, nearest
from matsense.judging.claims import Claim
from matsense.judging.conditions import Selection
from matsense.judging.laws import Law, by_name
from sims.study.model import Params, Study, Sweep, grid_of

# What every law may ask for beside parameters and quantities.
ALWAYS = {"run", "seed"}


def traced(sweep: Sweep, params: Params) -> tuple[tuple[Any, Any], Any]:
    """The computations of an instance and of its trial at these parameters, as jaxprs; and the
    shapes of what the trial records. Nothing is drawn or compiled.

    Whatever the problem or the trial raise at shapes that cannot be is passed on.
    """
    static = sweep.static(params)
    key = jax.eval_shape(lambda: jax.random.key(0))
    own = {axis: _number(params[axis]) for axis in sweep.instance if axis not in static}
    lanes = {axis: _number(params[axis]) for axis in sweep.lane}

    def draw(key: Any, own: dict[str, Any]) -> Any:
        return sweep.problem(key, **by_name(sweep.problem, {**static, **own}))

    def run(instance: Any, key: Any, known: dict[str, Any]) -> Any:
        return sweep.trial(instance, key, **by_name(sweep.trial, {**static, **known}))

    drawn, instance = jax.make_jaxpr(draw, return_shape=True)(key, own)
    ran, recorded = jax.make_jaxpr(run, return_shape=True)(instance, key, {**own, **lanes})
    return (drawn, ran), recorded


def _number(value: float) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((), type(value))


def check_recorded(name: str, study: Study) -> None:
    """Raises InvalidInput if a claim asks for what no run of its sweeps records.

    Of a sweep with a stage on the host only that stage knows what is stored: it is left out.
    """
    found: dict[str, set[str]] = {}
    for claim in study.claims:
        for sweep_name, wanted in asked(claim):
            sweep = study.sweep(sweep_name)
            wanted = wanted - ALWAYS - set(sweep.axes) - set(sweep.padded)
            if sweep.after is not None or not wanted:
                continue
            if sweep_name not in found:
                # Methods may record different quantities: every word of every axis is tried.
                words = {axis: v for axis, v in sweep.axes.items() if isinstance(v[0], str)}
                try:
                    found[sweep_name] = {
                        name
                        for point in grid_of(sweep.with_axes({**sweep.tiny, **words}))
                        for name in traced(sweep, point)[1]
                    }
                except Exception:
                    break  # its runs will fail and say why; --try shows where
            for lacking in sorted(wanted - found[sweep_name]):
                raise InvalidInput(
                    f"study {name}, claim {claim.id}",
                    f"sweep {sweep_name} has no axis and records no quantity {lacking!r}",
                    nearest(lacking, {*found[sweep_name], *sweep.axes, *sweep.padded}),
                )


def asked(claim: Claim) -> Iterator[tuple[str, set[str]]]:
    """For each sweep of a claim and its control, the names that are asked of its runs."""
    if claim.answer is None:
        return
    reading = claim.answer.reading
    laws = [*reading.laws, *([claim.target] if isinstance(claim.target, Law) else [])]
    of_reading = {*reading.quantities, *(name for law in laws for name in law.names)}
    of_hypotheses = {name for condition in claim.hypotheses for name in condition.test.names}
    for selection, further in ((claim.runs, of_hypotheses), (claim.control, set[str]())):
        if isinstance(selection, Selection):
            seen = {name for test in selection.seen for name in test.names}
            for sweep in selection.sweeps:
                yield sweep, of_reading | further | seen
