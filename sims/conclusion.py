"""The results of a sweep: judged, drawn, and written together, of one grid.

Verdicts, rates, figures and provenance belong to the same runs. Each of the files names them by one
digest; all are made before the first is replaced, and whoever replaces them keeps others waiting.
"""

import contextlib
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from matsense.claims import Run
from matsense.judge import Verdict, judge
from sims import report, signals
from sims.drawing import rendered, state_precision, style
from sims.failures import doing
from sims.files import remove_abandoned, stage, sync
from sims.precision import Precision
from sims.stopwatch import Stopwatch
from sims.study import Study


class Concluded(NamedTuple):
    """What was found, the names of the files that say so, and what a person should hear of it."""

    verdicts: list[Verdict]
    files: list[str]
    notice: str


def conclude(
    name: str,
    study: Study,
    runs: list[Run],
    folder: Path,
    precision: Precision,
    origin: dict[str, Any],
    watch: Stopwatch,
) -> Concluded:
    """Judges and draws the runs of a grid and replaces the results in `folder`, all or none."""
    grid = grid_of_runs(runs, str(precision))
    verdicts, contents = [], {}
    with watch.part("judge"):
        for claim in study.claims:
            with doing(f"judging {claim.id}"):
                verdicts.append(judge(claim, runs))
        with doing("writing down the verdicts and rates"):
            judged = report.verdict_json(name, study, verdicts, str(precision), grid)
            contents["verdict.json"] = judged.encode()
            contents["rates.csv"] = report.rates_csv(study, runs, grid).encode()
    with watch.part("draw"), style():
        for stem, draw in {"figure": study.draw, **study.further}.items():
            with doing(f"drawing {stem}"):
                figure = draw(runs, verdicts)
                if not precision.is_default:
                    state_precision(figure, str(precision))
                for suffix, content in rendered(figure, grid).items():
                    contents[stem + suffix] = content
    told = {**origin, "grid_digest": grid, "seconds": watch.report()}
    contents["provenance.json"] = report.dump(told).encode()
    with doing(f"writing results to {folder}"):
        figures_first = sorted(contents, key=lambda name: not name.endswith((".png", ".pdf")))
        return Concluded(verdicts, figures_first, replace_together(folder, contents))


def grid_of_runs(runs: Sequence[Run], precision: str) -> str:
    """The digest of a grid: of its runs, what became of them, and their precision."""
    told = "\n".join([precision, *(f"{run.id} {run.status}" for run in runs)])
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def replace_together(folder: Path, contents: dict[str, bytes]) -> str:
    """Replaces all files in a folder; returns why they might not outlive a power cut, if so."""
    folder.mkdir(parents=True, exist_ok=True)
    remove_abandoned(folder)
    staged: dict[Path, Path] = {}
    try:
        for name, content in contents.items():
            staged[folder / name] = stage(folder / name, content)
        # Ctrl-C is answered after the last of them, and other commands wait.
        with locked(folder), signals.held():
            for path, new in staged.items():
                new.replace(path)
    finally:
        for new in staged.values():
            new.unlink(missing_ok=True)
    return sync(folder)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Waits until no other process has locked the folder; a lock ends with its process.

    On Windows, and on a file system without locks, nobody waits: of two commands that end at the
    same moment the files may then be mixed, which their digests tell.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    place = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(place, fcntl.LOCK_EX)
        yield
    finally:
        os.close(place)
