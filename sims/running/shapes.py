"""The bytes that a run's arrays would take, by their shapes: nothing is drawn or compiled."""

import math
from collections.abc import Iterator
from typing import Any

import jax

from matsense.judging.laws import by_name
from sims.running.flops import inner
from sims.study import Params, Sweep


def largest_array(sweep: Sweep, params: Params) -> int:
    """Bytes of the largest array of one instance with its lanes, drawn and run at these parameters.

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
    ran, outputs = jax.make_jaxpr(run, return_shape=True)(instance, key, {**own, **lanes})
    results = [sweep.lanes_wide * _bytes(leaf) for leaf in jax.tree.leaves(outputs)]
    return max([*results, *_sizes(drawn.jaxpr), *_sizes(ran.jaxpr)])


def _number(value: float) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct((), type(value))


def _bytes(array: Any) -> int:
    return math.prod(array.shape) * getattr(array.dtype, "itemsize", 8)


def _sizes(jaxpr: Any) -> Iterator[int]:
    """Bytes of every array that a jaxpr computes, in the jaxprs that it calls too."""
    for equation in jaxpr.eqns:
        yield from (_bytes(v.aval) for v in equation.outvars if hasattr(v.aval, "shape"))
        for called in inner(equation.params):
            yield from _sizes(called)
