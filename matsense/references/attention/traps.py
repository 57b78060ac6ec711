"""Traps of attention descent when all non-optimal scores of an input are equal (derived here).

Let inputs S be saturated at their best tokens, W along W_S, their max-margin direction of smallest
margin 1. An input outside S is pulled by its best token alone, with that token's softmax mass
exp(-c m) at depth m, where c, its lag, is how far W_S lets the best token fall behind the input's
leading one. The inputs of S pull with exp(-m). If c > 1 for every input outside, their pull is
summable beside that of S for ever, and the direction stays W_S: S is a trap. If c < 1 for one of
them it outweighs S in the end, and leaves. With one input there is no S: no trap exists.
"""

import itertools
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from matsense.errors import Infeasible, InvalidInput
from matsense.references.attention import svm
from matsense.references.attention.svm import Solution


class Left(NamedTuple):
    """Inputs S selected by their best tokens, and how the others fare along W_S.

    `lag` is the least c over inputs outside S, in units of the smallest margin inside: above 1 it
    makes a trap; below -1 the inputs outside are selected as well, without taking part.
    """

    inside: Bool[np.ndarray, " n"]
    solution: Solution
    lag: float

    def undecided(self, norm: float) -> float:
        """|1 - c| m, the nats between the pulls of an input left behind and of S at depth
        m = ||W|| / ||W_S||: while it is of order 1 nothing shows yet which of them wins.
        """
        return float(abs(1.0 - self.lag) * norm / self.solution.norm)


def left_behind(
    X: Float[np.ndarray, "n T d"],
    z: Float[np.ndarray, "n d"],
    best: Int[np.ndarray, " n"],
    inside: Bool[np.ndarray, " n"],
) -> Left:
    """W_S and the lag for S = `inside`, neither empty nor all, else `InvalidInput`; raises
    `Infeasible` as W_S does.
    """
    if inside.all() or not inside.any():
        raise InvalidInput("S", "some inputs are inside and some are not", "choose others")
    solution = svm.frobenius(X[inside], z[inside], best[inside])
    h = np.einsum("itd,de,ie->it", X[~inside], solution.W, z[~inside])
    behind = h - np.take_along_axis(h, best[~inside][:, None], axis=1)
    others = np.arange(h.shape[1]) != best[~inside][:, None]
    lag = np.where(others, behind, -np.inf).max(axis=1).min()
    return Left(inside, solution, float(lag))


def every(
    X: Float[np.ndarray, "n T d"], z: Float[np.ndarray, "n d"], best: Int[np.ndarray, " n"]
) -> list[Left]:
    """`left_behind` for each of the 2^n - 2 sets S that can be separated; none with one input."""
    svm.check_instance(X, z, best)
    found = []
    for bits in itertools.product((False, True), repeat=len(X)):
        inside = np.array(bits)
        if inside.any() and not inside.all():
            try:
                found.append(left_behind(X, z, best, inside))
            except Infeasible:
                continue
    return found
