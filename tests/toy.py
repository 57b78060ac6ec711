"""A toy study in one file, and a copy of the source tree to put it into."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

STUDY = '''"""Two small sweeps whose answer is known."""
import jax.numpy as jnp
from matsense.claims import Claim, rate
from matsense.factors import gaussian_start, imbalanced_start
from matsense.problems import sensing
from matsense.solvers.asymmetric_gd import asymmetric_gd
from matsense.solvers.symmetric_gd import symmetric_gd
from matsense.theory.overparam import exact_rate
from matsense.trace import linear_ticks, run
from sims import drawing
from sims.study import Study, Sweep


def problem(key, n, steps):
    """A rank-1 truth."""
    return sensing.population(sensing.symmetric_truth(key, n, jnp.ones(1)))


def symmetric(instance, key, alpha, steps):
    """Symmetric GD."""
    # a comment of the toy
    solver = symmetric_gd(instance, 0.1)
    start = gaussian_start(key, instance.truth.U.shape[0], 1, 1, alpha)
    ticks = linear_ticks(steps, 10)
    record = lambda X: {"error": instance.squared_error(X, X)}
    return {"t": jnp.asarray(ticks), **run(solver, start, ticks, record)[1]}


def asymmetric(instance, key, alpha, steps):
    """Asymmetric GD."""
    n = instance.truth.U.shape[0]
    solver = asymmetric_gd(instance, 0.1)
    start = solver.init(*imbalanced_start(key, (n, n), 1, 1, alpha))
    ticks = linear_ticks(steps, 10)
    record = lambda state: {"error": instance.squared_error(*state)}
    return {"t": jnp.asarray(ticks), **run(solver, start, ticks, record)[1]}


def sweep(name, trial):
    """One of the two."""
    return Sweep(
        name, problem, trial, shape={"n": (6,), "steps": (300,)}, lane={"alpha": (0.1, 0.05)},
        seeds=30, quick={"alpha": (0.1,)}, instances_wide=1, lanes_wide=2,
    )


def draw(runs, verdicts):
    """Error against t."""
    figure, (ax,) = drawing.canvas(1, 1, "toy")
    drawing.panel(ax, "a", "error", "t", "e", "linear log")
    for run in runs:
        if run.status == "ok":
            ax.plot(run.quantities["t"], run.quantities["error"], ".")
    return figure


study = Study(
    title="A toy", paper="nobody, nowhere", cite="toy",
    sweeps=(sweep("even", symmetric), sweep("odd", asymmetric)),
    claims=(
        Claim(
            "exact", "toy", "$e^{-T}$", "exponential", "rate / law",
            lambda run: run.sweep == "even",
            rate("error", lambda run: 0.0, 1e-24), "equals",
            lambda run: float(exact_rate(0.1, 1.0)), 0.03,
        ),
    ),
    draw=draw, fit=lambda run: run.fit("error", 0.0, 1e-24), predicted=lambda run: 0.21,
)
'''


def tree(folder: Path) -> Path:
    """A copy of both packages in `folder`, with the toy study as its one new file."""
    for package in ("matsense", "sims"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "sims" / "studies" / "toy.py").write_text(STUDY)
    return folder


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sims.sweep", *words]


def sweep(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the command in a tree, as a user would."""
    return subprocess.run(
        command(*words), cwd=folder, env=environment(folder), capture_output=True, text=True,
        timeout=300,
    )  # fmt: skip
