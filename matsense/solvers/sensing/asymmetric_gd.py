"""Gradient descent on the asymmetric factorisation, [xiong2024] asymmetric update."""

from typing import NamedTuple

from jaxtyping import Array, Float

from matsense.problems.sensing import Sensing
from matsense.solver import Solver


class Factors(NamedTuple):
    """The pair (F, G) whose product F G^T approximates Sigma."""

    F: Float[Array, "n1 k"]
    G: Float[Array, "n2 k"]

    @property
    def factors(self) -> "Factors":
        """Itself: what states of asymmetric methods have in common."""
        return self


def asymmetric_gd(problem: Sensing, eta: float | Float[Array, ""]) -> Solver[Factors]:
    """R = (A*A)(F G^T - Sigma);  F <- F - eta R G,  G <- G - eta R^T F, simultaneously."""

    def init(F: Float[Array, "n1 k"], G: Float[Array, "n2 k"]) -> Factors:
        return Factors(F, G)

    def step(t: Array, state: Factors) -> Factors:
        F, G = state
        R = problem.residual(F, G)
        return Factors(F - eta * (R @ G), G - eta * (R.T @ F))

    return Solver(init, step)
