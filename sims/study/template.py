"""NAME: what the paper asks, in a sentence.

Problem: recover a positive semidefinite matrix of rank r, seen as a whole. Algorithm: gradient
descent on X X^T with k columns. Guarantee: linear for k = r, at the rate derived below.
"""

import jax
import jax.numpy as jnp

from matsense.problems import sensing
from sims.study import along, claim, law, paper, rate, runs, sweep, trace, traces


def problem(key, n, r, kappa):
    """Whatever is random about an instance; its truth is known."""
    return sensing.population(sensing.symmetric_truth(key, n, sensing.geometric_spectrum(r, kappa)))


def trial(instance, key, n, k, eta, steps):
    """X <- X - eta (X X^T - Sigma) X from a small Gaussian start."""

    def step(t, X):
        return X - eta * instance.residual(X, X) @ X

    start = 0.5 * jax.random.normal(key, (n, k)) / jnp.sqrt(n)
    return trace(step, start, steps, {"error": lambda X: instance.squared_error(X, X)}, every=20)


RATE = rate("error")
# Derived: close to the truth the part of X across the signal shrinks by 1 - eta sigma_r a step.
LAW = law(r"-2\ln(1-\eta\sigma_r)", "-2 * ln(1 - eta / kappa)")

study = paper(
    "NAME",
    "who, where, when",
    sweeps=(
        sweep(
            "gd",
            problem,
            trial,
            dict(n=20, r=2, k=(2, 3), kappa=2.0, eta=(0.05, 0.1), steps=20_000),
        ),
    ),
    claims=(
        claim(
            "rate",
            r"$k=r$: the error falls at the rate $-2\ln(1-\eta\sigma_r)$",
            RATE.equals(LAW, within=0.03).in_the_mean(),
            source="derived",
            about=runs("gd", where="k == r"),
            control=runs("gd", where="k > r"),
        ),
    ),
    panels=(
        traces("error", of=runs("gd", where="eta == 0.1"), by="k"),
        along("eta", RATE, of=runs("gd", where="k == r"), by="kappa", law=LAW),
    ),
)
