"""How runs of bounded-memory methods are measured, and what is predicted of each."""

import math

from matsense.fitting.estimate import Estimate
from matsense.judging.claims import Run
from matsense.solvers.streaming.block_power import level_of
from matsense.theory import streaming as theory
from sims.studies.streaming_eig.power_trials import SPEED
from sims.study import Params

# The constant of kw-upper, fixed before any run: D2 alone allows 2 / R, and 1 / sqrt(R) is that
# at R = 4.
UPPER = 1.0
# sin^2 beyond which v1 counts as lost.
LOST = 0.5


def value(run: Run, name: str = "sin2") -> float:
    """A recorded number."""
    return float(run.quantities[name])


def in_upper_units(run: Run) -> float:
    """sin^2 sqrt(R), R the true gap."""
    return value(run) * math.sqrt(value(run, "R"))


def over_certificate(run: Run) -> float:
    """sin^2 of Oja over what D0 leaves it in the end, eta lambda_2 / 2."""
    return value(run) / (0.5 * oja_speed(run.params) / value(run, "R"))


def oja_speed(p: Params) -> float:
    """eta lambda_1 of the runs at a fixed rate."""
    return SPEED * math.log(p["d"])


def over_limit(run: Run) -> Estimate:
    """Mean sin^2 over orders in units of D3, with its standard error."""
    law, orders = value(run, "law"), run.params["trials"]
    return Estimate(value(run, "mean") / law, value(run, "error") / law, orders - 1)


def spare_blocks(p: Params) -> float:
    """Blocks beyond ln d / (2 ln R)."""
    return float(p["blocks"]) - float(theory.blocks_needed(p["d"], p["R"]))


def flat_limit(p: Params) -> float:
    """D3 for a flat tail: sin^2 of the block power method."""
    return float(theory.flat_block_power_limit(p["n"], p["d"], p["R"], p["blocks"]))


def energy(p: Params) -> float:
    """||A||_F^2 of `streaming.draw`: 2 R along v1, h heavy tails and d - 1 light ones, or R + d - 1
    without heavy rows.
    """
    return float(2 * p["R"] + p["h"] + p["d"] - 1 if p["h"] else p["R"] + p["d"] - 1)


def heavy(p: Params) -> float:
    """||a||^2 d ln d / ||A||_F^2 of its heavy rows, which are heavy if it is 1 or more; 0 if there
    are none.
    """
    if p["h"] == 0:
        return 0.0
    return (2 * p["share"] * p["R"] / p["h"] + 1) * level_of(p["d"]) / energy(p)


def sampled(p: Params) -> float:
    """Expected number of tail rows that the block power method samples: 4 d ln d times their share
    of ||A||_F^2. With none z stays where it was, whatever the order.
    """
    along = (2 if p["h"] else 1) * p["R"]
    return 4.0 * level_of(p["d"]) * (1.0 - along / energy(p))


def after_the_first(blocks: float) -> float:
    """t - 1."""
    return blocks - 1.0


def kept_law(run: Run) -> float:
    """D9 with the true gap."""
    return float(theory.kept_share_error(run.params["s"], value(run, "R")))


def in_row_energy(run: Run) -> float:
    """sin^2 R^2, R the energy of the special row."""
    return value(run) / float(theory.forgotten_row_error(run.params["R"]))


def worst(run: Run) -> float:
    """The larger of both ratios to D2's bounds over all subsets."""
    return float(max(run.quantities["over_sigma"].max(), run.quantities["over_share"].max()))
