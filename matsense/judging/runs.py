"""What a claim is judged on: one point of a grid and one seed, with what was recorded of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np

from matsense.fitting import rates
from matsense.fitting.estimate import Estimate
from matsense.fitting.fits import Decay

Status = Literal["ok", "diverged", "failed", "excluded", "missing"]


@dataclass(frozen=True)
class Run:
    """One point of a grid and one seed, with what was recorded of it.

    `quantities` maps names to arrays: "t" (ticks) and, along the same leading axis or as scalars,
    whatever the trial recorded. A run that is wanted but not stored has status "missing" and no
    quantities; a diverged run keeps its numbers, NaN included; an excluded one (an infeasible
    instance) is one that no claim is about, and `message` says why. Runs of one `instance` share
    their data, and are not independent. `derived` are sizes that follow from the parameters, such
    as a horizon that depends on the method. `program` names what computes it, `precision` says in
    which arithmetic, `seconds` how long that took.
    """

    id: str
    sweep: str
    params: Mapping[str, Any]
    seed: int
    status: Status = "missing"
    quantities: Mapping[str, np.ndarray] = field(default_factory=dict, repr=False)
    message: str = ""
    instance: str = ""
    derived: Mapping[str, Any] = field(default_factory=dict, repr=False)
    program: str = ""
    precision: str = ""
    seconds: float = 0.0
    # Not handed on by `replace`: another run's numbers have other fits.
    _decays: dict[tuple[str, float, float], Decay | rates.Fit] = field(
        default_factory=dict, repr=False, init=False
    )
    _fits: dict[tuple[str, float, float], rates.Fit] = field(
        default_factory=dict, repr=False, init=False
    )

    def fit(self, quantity: str, start: float = 0.0, resolution: float = 0.0) -> rates.Fit:
        """The law that `quantity` follows from tick `start` on, above the rounding level
        `resolution`; computed once a run.
        """
        asked = (quantity, start, resolution)
        if asked not in self._fits:
            self._fits[asked] = rates.law_of(self._decay(*asked), resolution)
        return self._fits[asked]

    def pace(self, quantity: str, start: float = 0.0, resolution: float = 0.0) -> Estimate:
        """The local pace of `quantity`, see `matsense.fitting.rates.fit_locally`."""
        return rates.pace_of(self._decay(quantity, start, resolution))

    def _decay(self, *asked: Any) -> Decay | rates.Fit:
        """A trace made ready, once for its law and its pace."""
        if asked not in self._decays:
            quantity, start, resolution = asked
            t, y = self.quantities["t"], self.quantities[quantity]
            self._decays[asked] = rates.prepare(t, y, start, resolution)
        return self._decays[asked]

    @cached_property
    def known(self) -> Mapping[str, Any]:
        """What a law may ask for: what was recorded (a scalar as a number, a trace as an array),
        the parameters and what is derived from them, the `seed`, and the `run` itself.
        """
        recorded = {
            name: float(value) if np.ndim(value) == 0 else np.asarray(value)
            for name, value in self.quantities.items()
        }
        return {**recorded, "seed": self.seed, "run": self, **self.derived, **self.params}


Number = Callable[[Run], float]
Estimator = Callable[[Run], Estimate]
