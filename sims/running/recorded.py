"""What a trial recorded, in the numbers that are stored, or why it cannot be."""

from dataclasses import replace

import numpy as np

from matsense.judging.runs import Run


def fitting(run: Run, ranks: dict[str, int]) -> Run:
    """The run with its quantities as float64; as a failed run if they cannot be stored."""
    quantities = {}
    for name, value in run.quantities.items():
        array = np.asarray(value)
        if array.dtype.kind not in "biufV" or (array.dtype.kind == "V" and array.dtype.names):
            why = f"quantity {name!r} is of {array.dtype}, not numbers"
        elif ranks.setdefault(name, array.ndim) != array.ndim:
            why = f"quantity {name!r} has {array.ndim} axes here, {ranks[name]} in another run"
        else:
            quantities[name] = array.astype(np.float64)
            continue
        return replace(run, status="failed", quantities={}, message=f"TypeError: {why}")
    return replace(run, quantities=quantities)
