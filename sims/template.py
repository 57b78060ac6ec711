"""Symmetric gradient descent: linear for k = r, at the rate of theory; slower for k > r.

A study to begin with: a problem (an instance with its truth), a trial (one run, a JAX function that
returns what it records), a sweep of them along axes, and claims with controls.
"""

import jax.numpy as jnp

from matsense.claims import Claim, of, rate
from matsense.factors import gaussian_start
from matsense.problems import sensing
from matsense.solvers.symmetric_gd import symmetric_gd
from matsense.theory.overparam import exact_rate
from matsense.trace import linear_ticks, run
from sims import drawing
from sims.study import Study, Sweep

RESOLUTION = 1e-24  # of the squared error in double precision: no rate is read below it


def problem(key, n):
    """The truth U U^T has one singular value, 1, and is seen whole: r = 1."""
    return sensing.population(sensing.symmetric_truth(key, n, jnp.ones(1)))


def trial(instance, key, k, eta, steps):
    """One run from a small random start, n by k: the squared error every ten steps."""
    start = gaussian_start(key, instance.truth.U.shape[0], k, k, 0.1)
    ticks = linear_ticks(steps, 10)
    solver, error = symmetric_gd(instance, eta), lambda X: {"error": instance.squared_error(X, X)}
    return {"t": jnp.asarray(ticks), **run(solver, start, ticks, error)[1]}


def law(run):
    """The rate that theory says, in nats a step."""
    return float(exact_rate(run.params["eta"], 1.0))


def draw(runs, verdicts):
    """The error against t."""
    figure, (ax,) = drawing.canvas(1, 1, "symmetric gradient descent")
    drawing.panel(ax, "a", "squared error, k = 1 and 2", "t", "error", "linear log")
    for one in [one for one in runs if one.status == "ok"]:
        ax.plot(one.quantities["t"], one.quantities["error"], color=f"C{one.params['k']}")
    return figure


sweep = Sweep(
    "descent", problem, trial, shape={"n": (6,), "k": (1, 2), "steps": (1000,)},
    lane={"eta": (0.2, 0.1)}, seeds=10, quick={"eta": (0.1,)},
)  # fmt: skip
claim = Claim(
    "exact", "nobody2026", r"$e_T = e^{-\Omega(T)}$ for $k = r$", "k = r: linear convergence",
    "rate / (-2 ln(1 - eta))", of("descent", where=lambda p: p["k"] == 1),
    rate("error", lambda run: 0.0, RESOLUTION), "equals",
    law, 0.03, source="derived",
    control=of("descent", where=lambda p: p["k"] == 2), control_of="k = 2 > r",
)  # fmt: skip
study = Study(
    title="A first study", paper="whose, and where", cite="nobody2026",
    sweeps=(sweep,), claims=(claim,), draw=draw,
    fit=lambda run: run.fit("error", 0.0, RESOLUTION), predicted=law,
)  # fmt: skip
