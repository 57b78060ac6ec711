"""In which arithmetic runs are computed: the dtype of operators, the kind of device."""

from dataclasses import dataclass

import jax

from matsense.judging.laws import by_name
from matsense.operators import Gram, Rows
from sims.study import Sweep, grid_of


@dataclass(frozen=True)
class Precision:
    """float64 throughout, unless operators are kept in float32; on cpu or gpu."""

    operator: str = "float64"
    device: str = "cpu"

    def __str__(self) -> str:
        mixed = "" if self.operator == "float64" else f", operator in {self.operator}"
        return f"float64{mixed}" + ("" if self.device == "cpu" else f", on {self.device}")

    @property
    def is_default(self) -> bool:
        """Whether nothing differs from float64 on a CPU."""
        return self == Precision()

    def of(self, sweep: Sweep) -> str:
        """What enters the ids of a sweep's runs: those without a dense operator stay float64."""
        touched = self.operator != "float64" and has_operator(sweep)
        return str(self if touched else Precision(device=self.device))


def has_operator(sweep: Sweep) -> bool:
    """Whether the instances of a sweep hold the matrix of an operator. Traces, computes nothing."""
    values = next(grid_of(sweep))
    asked = by_name(sweep.problem, {**values, **sweep.static(values)})
    problem = jax.eval_shape(lambda key: sweep.problem(key, **asked), jax.random.key(0))
    leaves = jax.tree.leaves(problem, is_leaf=lambda node: isinstance(node, Rows | Gram))
    return any(isinstance(leaf, Rows | Gram) for leaf in leaves)


def has_device(kind: str) -> bool:
    """Whether JAX finds a device of a kind ("cpu" or "gpu")."""
    try:
        return bool(jax.devices(kind))
    except RuntimeError:
        return False
