"""The bytes that a run's arrays would take, by their shapes: nothing is drawn or compiled."""

import math
from collections.abc import Iterator
from typing import Any

import jax

from sims.running.flops import inner
from sims.study import Params, Sweep
from sims.study.checks import traced


def largest_array(sweep: Sweep, params: Params) -> int:
    """Bytes of the largest array of one instance with its lanes, drawn and run at these parameters.

    Whatever the problem or the trial raise at shapes that cannot be is passed on.
    """
    computations, recorded = traced(sweep, params)
    results = [sweep.lanes_wide * _bytes(leaf) for leaf in jax.tree.leaves(recorded)]
    return max([*results, *(size for each in computations for size in _sizes(each.jaxpr))])


def _bytes(array: Any) -> int:
    return math.prod(array.shape) * getattr(array.dtype, "itemsize", 8)


def _sizes(jaxpr: Any) -> Iterator[int]:
    """Bytes of every array that a jaxpr computes, in the jaxprs that it calls too."""
    for equation in jaxpr.eqns:
        yield from (_bytes(v.aval) for v in equation.outvars if hasattr(v.aval, "shape"))
        for called in inner(equation.params):
            yield from _sizes(called)
