"""The figure: failure against the derived thresholds, accuracy, blocks, and what memory costs."""

import math

from matsense.theory import streaming as theory
from sims.study import along, law, recorded, runs
from sims.studies.streaming_eig.claims import FAILING, LEAST, SIN2, relative

FD = law("R l / d", "R * l / d")


panels = (
    along(
        law("$R / R^*(d)$", relative),
        LEAST,
        of=runs("diagonal"),
        by="d",
        law=law("closed form", lambda d, R, m: float(theory.best_hard_failure(math.log(d), R, m))),
        scales="linear linear",
        title="diagonal instance: Oja at its best fixed rate",
    ),
)
