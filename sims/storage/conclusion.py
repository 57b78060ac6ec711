"""The files of one conclusion: verdict, rates, figures and provenance, replaced together.

Each names the runs that it was made of, by one digest: `grid_digest` in verdict.json and
provenance.json, the last column of rates.csv, a text of each PNG and a keyword of each PDF. Files
whose digests differ are of two conclusions: a command was killed just then; the next mends it.
"""

import contextlib
import errno
import hashlib
import json
import random
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from matsense.judging.judge import Verdict
from matsense.judging.runs import Run
from sims.figures import evidence
from sims.figures.drawing import rendered, state_precision, style
from sims.files import about, stage, sync
from sims.running import signals
from sims.running.precision import Precision
from sims.storage.verdicts import as_data, dump, rates_csv, verdict_json
from sims.study import Study
from sims.study.guarded import Troubles, drawn, judged
from sims.terminal.failures import doing
from sims.terminal.stopwatch import Stopwatch

TRIES = 100


def conclude(
    name: str,
    study: Study,
    runs: list[Run],
    precision: Precision,
    origin: dict[str, Any],
    watch: Stopwatch,
    troubles: Troubles,
) -> tuple[list[Verdict], dict[str, bytes]]:
    """Judges and draws: the verdicts, and the files of the conclusion by name. Writes nothing.

    What raises of the study's own costs itself, and is noted in `troubles`.
    """
    with watch.part("judge"):
        verdicts = []
        for claim in study.claims:
            with doing(f"judging {claim.id}", checked=True):
                verdicts.append(judged(evidence.remembering(claim), runs))
        digest = grid_digest(name, precision, runs, verdicts)
        with doing("fitting the runs for rates.csv", checked=True):
            rates = rates_csv(study, runs, digest, troubles).encode()
        told = verdict_json(name, study, verdicts, str(precision), digest).encode()

    def finished(figure: Figure) -> dict[str, bytes]:
        for notice in getattr(figure, "notices", ()):
            troubles.note(notice)
        if not precision.is_default:
            state_precision(figure, str(precision))
        return rendered(figure, digest)

    files: dict[str, bytes] = {}
    with watch.part("draw"), style():
        for stem, draw in {"figure": study.draw, **study.further}.items():
            with doing(f"drawing {stem}", checked=True):
                made = drawn(stem, partial(draw, runs, verdicts), finished, troubles)
                files |= {stem + suffix: content for suffix, content in made.items()}
        with doing("drawing the evidence", checked=True):
            files["evidence.pdf"] = evidence.pages(verdicts, runs, digest)
    source = {**origin, "seconds": watch.report(), "grid_digest": digest}
    files["provenance.json"] = dump(source).encode()
    return verdicts, {**files, "rates.csv": rates, "verdict.json": told}


def grid_digest(
    name: str, precision: Precision, runs: Sequence[Run], verdicts: Sequence[Verdict]
) -> str:
    """Names a conclusion: which runs there are, how each ended, and what was found of them."""
    told = [name, str(precision), [(run.id, run.status) for run in runs]]
    text = json.dumps([*told, [as_data(verdict) for verdict in verdicts]], default=str)
    # The letter keeps a program that reads tables from taking digits for a number.
    return "g" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def replace_together(folder: Path, files: Mapping[str, bytes]) -> str:
    """Replaces these files so that all are of one conclusion in the end, whoever else does so too.

    All are written beside the old ones before the first is replaced. Whoever replaces a file looks
    afterwards at all of them, and starts again if another was at it; so the last one leaves a whole
    conclusion. Returns why the folder could not be synced, or "".
    """
    with about(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for _ in range(TRIES):
            _replace(folder, files)
            if all(_holds(folder / name, content) for name, content in files.items()):
                return sync(folder)
            time.sleep(random.uniform(0.0, 0.1))
        raise OSError(errno.EAGAIN, "another command keeps replacing them", str(folder))


def _replace(folder: Path, files: Mapping[str, bytes]) -> None:
    staged: dict[Path, Path] = {}
    try:
        for name, content in files.items():
            staged[folder / name] = stage(folder / name, content)
        # Ctrl-C is answered after the last of them.
        with signals.held():
            for path, new in staged.items():
                new.replace(path)
    finally:
        for new in staged.values():
            with contextlib.suppress(OSError):
                new.unlink(missing_ok=True)


def _holds(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False
