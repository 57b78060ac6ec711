"""matsense: the mathematics of matrix recovery experiments, as pure functions and frozen data.

Nothing here opens a file, starts a process or prints; that is the other package, `sims`. Importing
it changes one thing in your process, and no other: JAX computes in 64 bits from then on
(`jax_enable_x64`), for your own code too.

What a notebook needs can be imported from here; each name is looked up where it is first asked for,
since all of them together take longer to import than JAX.
"""

from importlib import import_module
from typing import Any

import jax

# float64 is the default of every study: squared errors are followed down to about 1e-31.
jax.config.update("jax_enable_x64", True)

__version__ = "0.1.0"

_NAMES = {
    "matsense.errors": "InvalidInput",
    "matsense.problems": "attention corruption sensing streaming",
    "matsense.factors": "gaussian_start imbalanced_start",
    "matsense.solver": "Solver StreamSolver",
    "matsense.solvers.sensing.symmetric_gd": "symmetric_gd",
    "matsense.solvers.sensing.asymmetric_gd": "asymmetric_gd",
    "matsense.solvers.sensing.one_step_gd": "one_step_gd",
    "matsense.solvers.robust.subgm": "subgm",
    "matsense.solvers.attention.ngd": "attention_ngd",
    "matsense.loops": "linear_ticks log_ticks run trace",
    "matsense.fitting.rates": "fit fit_locally",
    "matsense.fitting.fits": "Fit",
    "matsense.fitting.estimate": "Call Estimate",
    "matsense.judging.claims": "Claim",
    "matsense.judging.conditions": "given happened lasting runs",
    "matsense.judging.laws": "law",
    "matsense.judging.readings": "exponent final first_passage plateau rate recorded",
    "matsense.judging.writing": "claim",
    "matsense.judging.judge": "Verdict judge",
    "matsense.judging.runs": "Run",
}
_HOME = {name: module for module, names in _NAMES.items() for name in names.split()}
__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    """The names of the face, when they are first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module(_HOME[name])
    found = getattr(home, name, None) or import_module(f"{_HOME[name]}.{name}")
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
