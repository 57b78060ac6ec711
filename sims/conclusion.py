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
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matsense.claims import Run
from matsense.errors import InvalidInput
from matsense.judge import Verdict, judge
from sims import report, signals
from sims.drawing import rendered, state_precision, style
from sims.failures import doing
from sims.figures import evidence
from sims.files import about, stage, sync
from sims.precision import Precision
from sims.stopwatch import Stopwatch
from sims.study import Study

TRIES = 100


def conclude(
    name: str,
    study: Study,
    runs: list[Run],
    precision: Precision,
    origin: dict[str, Any],
    watch: Stopwatch,
) -> tuple[list[Verdict], dict[str, bytes], list[str]]:
    """Judges and draws: the verdicts, the files of the conclusion by name, and what could not be
    drawn. Writes nothing.
    """
    with watch.part("judge"):
        verdicts = []
        for claim in study.claims:
            with _asked_of(f"judging {claim.id}"):
                verdicts.append(judge(evidence.remembering(claim), runs))
        digest = grid_digest(name, precision, runs, verdicts)
        with _asked_of("fitting the runs for rates.csv"):
            rates = report.rates_csv(study, runs, digest).encode()
        judged = report.verdict_json(name, study, verdicts, str(precision), digest).encode()
    files: dict[str, bytes] = {}
    notices: list[str] = []
    with watch.part("draw"), style():
        for stem, draw in {"figure": study.draw, **study.further}.items():
            with _asked_of(f"drawing {stem}"):
                figure = draw(runs, verdicts)
                notices += getattr(figure, "notices", ())
                if not precision.is_default:
                    state_precision(figure, str(precision))
                for suffix, content in rendered(figure, digest).items():
                    files[stem + suffix] = content
        with _asked_of("drawing the evidence"):
            files["evidence.pdf"] = evidence.pages(verdicts, runs, digest)
    source = {**origin, "seconds": watch.report(), "grid_digest": digest}
    files["provenance.json"] = report.dump(source).encode()
    return verdicts, {**files, "rates.csv": rates, "verdict.json": judged}, notices


@contextlib.contextmanager
def _asked_of(what: str) -> Iterator[None]:
    """`doing`, where nothing is left to refuse: what was typed is good, or there were no runs."""
    with doing(what):
        try:
            yield
        except InvalidInput as error:
            raise RuntimeError(f"InvalidInput: {error}") from error


def grid_digest(
    name: str, precision: Precision, runs: Sequence[Run], verdicts: Sequence[Verdict]
) -> str:
    """Names a conclusion: which runs there are, how each ended, and what was found of them."""
    told = [name, str(precision), [(run.id, run.status) for run in runs]]
    text = json.dumps([*told, [report.as_data(verdict) for verdict in verdicts]], default=str)
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
