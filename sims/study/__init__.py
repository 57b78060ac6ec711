"""What a study is, and the words that it is written with."""

from matsense.judging.conditions import given, happened, lasting, runs
from matsense.judging.laws import law
from matsense.judging.readings import (
    deviation,
    exponent,
    final,
    first_passage,
    limit,
    pace,
    plateau,
    rate,
    recorded,
    rise,
)
from matsense.judging.writing import claim
from matsense.loops import trace
from sims.figures.panels import against, along, by_hand, histogram, shares, traces
from sims.study.model import (
    Axes,
    Params,
    Study,
    Sweep,
    digest,
    grid_of,
    id_of,
    instance_id,
    instance_key,
    named_by,
    names_of,
    runs_of,
    unnamed,
)
from sims.study.writing import paper, sweep

__all__ = [
    "Axes", "Params", "Study", "Sweep", "against", "along", "by_hand",
    "claim", "deviation", "digest", "exponent", "final", "first_passage", "given", "grid_of",
    "happened", "histogram", "id_of", "instance_id", "instance_key", "lasting", "law", "limit",
    "load", "named_by", "names_of", "pace", "paper", "plateau", "rate", "recorded",
    "rise", "runs", "runs_of", "shares", "sweep", "trace", "traces", "unnamed",
]  # fmt: skip
