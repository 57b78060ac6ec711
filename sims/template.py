"""Symmetric gradient descent from a small start: linear for k = r, at the rate of theory.

A study to begin with: a problem (an instance with its truth), a trial (one run, a JAX function that
returns what it records), a sweep of them along axes, and claims with controls.
"""

import jax.numpy as jnp

from matsense.claims import Claim, of, rate
from matsense.factors import gaussian_start
from matsense.problems import sensing
from matsense.solvers.symmetric_gd import symmetric_gd
from matsense.theory.overparam import exact_rate
from matsense.trace import log_ticks, run
from sims import drawing
from sims.study import Study, Sweep


def problem(key, n):
    """The truth U U^T, n by n, has one singular value, 1, and is seen whole."""
    return sensing.population(sensing.symmetric_truth(key, n, jnp.ones(1)))


def trial(instance, key, eta, share, steps):
    """One run with a share of the step eta: the squared error at log-spaced ticks."""
    start = gaussian_start(key, instance.truth.U.shape[0], 1, 1, 0.1)
    ticks, solver = log_ticks(steps), symmetric_gd(instance, share * eta)
    seen = run(solver, start, ticks, lambda X: {"error": instance.squared_error(X, X)})[1]
    return {"t": jnp.asarray(ticks), **seen}


def law(run):
    """The rate of the whole step, in nats a step."""
    return float(exact_rate(run.params["eta"], 1.0))


def draw(runs, verdicts):
    """The error against t."""
    figure, (ax,) = drawing.canvas(1, 1, "symmetric gradient descent, k = r = 1")
    drawing.panel(ax, "a", "squared error", "t", "error", "log log")
    for one in [one for one in runs if one.status == "ok"]:
        ax.plot(one.quantities["t"], one.quantities["error"], color=drawing.colour(0))
    return figure


floor = 1e-24  # of the squared error in double precision: no rate is read below it
sweep = Sweep(
    "descent", problem, trial, shape={"n": (6,), "steps": (1000,)}, seeds=10,
    lane={"eta": (0.2, 0.1), "share": (1.0, 0.75)}, quick={"eta": (0.1,)},
)  # fmt: skip
claim = Claim(
    "exact", "nobody2026", r"$k = r$: $e_T = e^{-\Omega(T)}$", "k = r: linear", "rate / law",
    of("descent", where=lambda p: p["share"] == 1), rate("error", lambda run: 0.0, floor),
    "equals", law, 0.03, source="derived", control_of="three quarters of the step",
    control=of("descent", where=lambda p: p["share"] == 0.75),
)  # fmt: skip
study = Study(
    "A first study", "whose, and where", "nobody2026", sweeps=(sweep,), claims=(claim,), draw=draw,
    fit=lambda run: run.fit("error", 0.0, floor), predicted=law,
)  # fmt: skip
