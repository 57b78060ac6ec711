"""Counts the operations and bytes of a traced function, loops included."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Work:
    """Floating-point operations, and bytes of the operands and results of matrix products."""

    flops: float = 0.0
    moved: float = 0.0

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flops + other.flops, self.moved + other.moved)

    def __mul__(self, times: float) -> "Work":
        return Work(self.flops * times, self.moved * times)


def count(jaxpr: Any, steps: float) -> Work:
    """The work of a jaxpr whose loop of unknown length takes `steps` steps in all.

    A `while` inside a `scan` over ticks runs steps / ticks times on average, which is exact in the
    sum for `matsense.loops.run`. Everything but a product counts one operation an element and moves
    nothing: it stays in cache or is fused.
    """
    total = Work()
    for equation in jaxpr.eqns:
        if equation.primitive.name == "dot_general":
            total += _product(equation)
            continue
        called = list(inner(equation.params))
        if not called:
            total += Work(sum(float(np.prod(v.aval.shape)) for v in equation.outvars))
        elif equation.primitive.name == "scan":
            length = equation.params["length"]
            total += _sum(called, steps / max(length, 1)) * length
        elif equation.primitive.name == "while":
            total += _sum(called, 1.0) * steps
        else:
            total += _sum(called, steps)
    return total


def _sum(jaxprs: list[Any], steps: float) -> Work:
    total = Work()
    for jaxpr in jaxprs:
        total += count(jaxpr, steps)
    return total


def inner(params: dict[str, Any]) -> Iterator[Any]:
    """The jaxprs that an equation calls."""
    for value in params.values():
        for item in value if isinstance(value, tuple | list) else (value,):
            item = getattr(item, "jaxpr", item)
            if hasattr(item, "eqns"):
                yield item


def _product(equation: Any) -> Work:
    left, right = (v.aval for v in equation.invars)
    out = equation.outvars[0].aval
    (contracted, _), _ = equation.params["dimension_numbers"]
    depth = float(np.prod([left.shape[axis] for axis in contracted]))
    moved = sum(float(np.prod(a.shape)) * a.dtype.itemsize for a in (left, right, out))
    return Work(2.0 * depth * float(np.prod(out.shape)), moved)
