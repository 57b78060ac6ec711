"""Some sweeps of a study alone (--only): which claims they answer, and which they cannot."""

from collections.abc import Iterator, Sequence

from matsense.judging.claims import Claim
from matsense.judging.judge import Verdict
from matsense.judging.runs import Run
from sims.study import Study, Sweep, unnamed
from sims.study.guarded import judged


def left_out(study: Study, chosen: Sequence[Sweep]) -> list[Sweep]:
    """The sweeps that were not chosen."""
    names = {sweep.name for sweep in chosen}
    return [sweep for sweep in study.sweeps if sweep.name not in names]


def answered(
    name: str, study: Study, runs: Sequence[Run], without: Sequence[Sweep]
) -> tuple[list[Verdict], list[Claim]]:
    """The verdicts of the claims that need no run of the sweeps left out; and the other claims."""
    elsewhere = [run for sweep in without for run in _sample(name, sweep)]
    unanswered = [claim for claim in study.claims if _needs(claim, elsewhere)]
    return [judged(c, runs) for c in study.claims if c not in unanswered], unanswered


def _sample(name: str, sweep: Sweep) -> Iterator[Run]:
    """A run of each point of a sweep's own grids."""
    for grid in (sweep, sweep.with_axes(sweep.quick)):
        yield from unnamed(name, grid, 1)


def _needs(claim: Claim, runs: Sequence[Run]) -> bool:
    """Whether a claim, or its control, is about one of these runs."""
    try:
        return any(
            claim.runs(run) or (claim.control is not None and claim.control(run)) for run in runs
        )
    except Exception:
        return False  # it is judged, and says there what it raises


def sentences(without: Sequence[Sweep], claims: Sequence[Claim]) -> list[str]:
    """What to say below the table of the others."""
    names = ", ".join(sweep.name for sweep in without)
    listed = ", ".join(claim.id for claim in claims)
    told = [f"not judged, since they need runs of {names}: {listed}"] if claims else []
    return [
        *told,
        "the runs are stored; results, which are of whole studies, are left as they are: the same "
        "command without --only judges all claims and draws",
    ]
