"""A certified max-margin reference of an attention instance, one solve after another."""

from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from matsense.problems import attention
from matsense.references.attention import nuclear_svm, svm
from sims.benches import Case, Contender

INSTANCES = 20


def solving(solve: Callable[..., Any]) -> Callable[..., Callable[[int], float]]:
    """Solves for the best tokens of so many instances of the authors' generator."""

    def build(n: int, T: int, d: int) -> Callable[[int], float]:
        drawn = [
            attention.draw(key, n, T, d) for key in jax.random.split(jax.random.key(0), INSTANCES)
        ]
        arrays = [(np.asarray(p.X), np.asarray(p.z), np.asarray(p.best)) for p in drawn]

        def run(steps: int) -> float:
            for step in range(steps):
                solve(*arrays[step % INSTANCES])
            return float("nan")

        return run

    return build


def each(n: int, T: int, d: int) -> float:
    """One solve a step."""
    return 1.0


case = Case(
    title="certified attention SVM, relative gap 1e-8",
    unit="us per solve",
    sizes=tuple({"n": n, "T": T, "d": d} for n, T, d in ((6, 8, 10), (10, 10, 20), (20, 10, 40))),
    contenders=(
        Contender("Frobenius, least distance", solving(svm.frobenius), each, True),
        Contender("nuclear, SCS or Clarabel", solving(nuclear_svm.nuclear), each, True),
    ),
)
