"""Runs a study and answers for its claims: python -m sims.sweep overparam_gd

Without a study it lists them. Exit code: 0 all claims consistent, 1 one contradicted,
2 unusable input (nothing is written), 3 inconclusive or incomplete.
"""

import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import jax
import joblib
from joblib.parallel import BACKENDS, EXTERNAL_BACKENDS
from rich.console import Console

from matsense.claims import Run
from matsense.errors import InvalidInput, nearest
from matsense.judge import Verdict, judge
from sims import engine, report
from sims.command import Parser, main
from sims.drawing import save
from sims.grid import grid
from sims.progress import Progress
from sims.provenance import command_line, provenance
from sims.store import Store, write_whole
from sims.study import Point, Study, Sweep, available, load, points

PRECISION = "float64"


def parser() -> Parser:
    """The options of the command."""
    p = Parser("sims.sweep", __doc__)
    p.add_argument("study", nargs="?", help="a module of sims/studies")
    p.add_argument("--list", action="store_true", help="list the studies and their papers")
    p.add_argument("--quick", action="store_true", help="the same study on a small grid")
    p.add_argument("--seeds", type=int, metavar="N", help="seeds 0 to N-1 at every point")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="AXIS=V1,V2",
        help="replace an axis in every sweep that has it; SWEEP.AXIS=... in one (repeatable)",
    )
    p.add_argument("--jobs", type=int, default=-1, metavar="N", help="processes (default: cores)")
    p.add_argument("--backend", default=None, help="any joblib backend (default: loky)")
    p.add_argument("--device", default="cpu", metavar="cpu|gpu", help="where the runs are computed")
    p.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR")
    p.add_argument("--rejudge", action="store_true", help="judge and draw from the store alone")
    p.add_argument("--table", action="store_true", help="the verdicts in --out as Markdown")
    return p


def check_jobs(jobs: int) -> int:
    """The number of processes meant by --jobs, where -1 means one a core."""
    if jobs == 0 or jobs < -1:
        raise InvalidInput(f"--jobs {jobs}", "a positive number, or -1 for all cores", "give 1")
    return joblib.cpu_count() if jobs == -1 else jobs


def check_backend(name: str | None) -> None:
    """Raises InvalidInput for a joblib backend that is unknown or not installed."""
    known = {*BACKENDS, *EXTERNAL_BACKENDS}
    if name is None:
        return
    if name not in known:
        raise InvalidInput(f"--backend {name}", "joblib has no such backend", nearest(name, known))
    try:
        joblib.parallel_config(backend=name).unregister()
    except (ImportError, ValueError, RuntimeError) as error:
        why = str(error).splitlines()[0]
        raise InvalidInput(
            f"--backend {name}",
            f"it cannot be used here ({why})",
            f"pip install {name}, or use loky",
        ) from None


def choose_device(kind: str, jobs: int) -> int:
    """Points JAX (workers included) at a device; returns the jobs that it bears."""
    if kind not in ("cpu", "gpu"):
        raise InvalidInput(f"--device {kind}", "a device is cpu or gpu", "give --device cpu")
    platforms = "cpu" if kind == "cpu" else "cuda,cpu"
    jax.config.update("jax_platforms", platforms)
    os.environ["JAX_PLATFORMS"] = platforms
    if kind == "cpu":
        return jobs
    # Products at full precision; and one process a device, which the blocks are wide enough for.
    jax.config.update("jax_default_matmul_precision", "highest")
    if not engine.has_device(kind):
        raise InvalidInput(
            "--device gpu", "JAX sees no GPU here", 'use --device cpu, or pip install "jax[cuda13]"'
        )
    return 1


def check_folder(out: Path) -> None:
    """Raises InvalidInput unless `out` is, or can become, a folder that can be written."""
    place = out.absolute()
    while not place.exists():
        place = place.parent
    if not place.is_dir():
        raise InvalidInput(f"--out {out}", f"{place} is a file", "name a folder")
    try:
        # A nameless file: the only sure test, and it leaves nothing behind.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        why = f"{place} cannot be written ({error.strerror})"
        raise InvalidInput(f"--out {out}", why, "name another folder") from None


def execute(
    name: str,
    sweeps: Sequence[Sweep],
    wanted: Sequence[Point],
    store: Store,
    jobs: int,
    backend: str | None,
    console: Console,
) -> None:
    """Runs what the store lacks; every finished block is stored before the next is awaited."""
    known = store.known()
    lacking = [point for point in wanted if point.id not in known]
    console.print(
        f"{len(wanted)} runs: {len(wanted) - len(lacking)} stored, {len(lacking)} to run"
        if lacking
        else f"all {len(wanted)} runs are stored: judging and drawing from the store"
    )
    pending = engine.blocks(name, sweeps, lacking)
    with Progress(console, pending, jobs) as progress:
        for block, records, seconds in engine.run_all(pending, jobs, backend):
            store.write(records)
            progress.finished(block, seconds)


def conclude(
    name: str, study: Study, runs: list[Run], folder: Path, origin: dict[str, Any]
) -> list[Verdict]:
    """Judges, draws, and writes the four results; each file is replaced whole."""
    verdicts = [judge(claim, runs) for claim in study.claims]
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(
        folder / "verdict.json", report.verdict_json(name, study, verdicts, PRECISION).encode()
    )
    write_whole(folder / "rates.csv", report.rates_csv(study, runs).encode())
    write_whole(folder / "provenance.json", report.dump(origin).encode())
    save(study.draw(runs, verdicts), folder / "figure")
    return verdicts


def command(argv: Sequence[str]) -> int:
    """Everything after the shell: returns the exit code, raises InvalidInput."""
    args = parser().parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 200, soft_wrap=False)
    if args.table:
        console.out(report.markdown_table(args.out, available()), end="", highlight=False)
        return 0
    if args.list or args.study is None:
        for name in available():
            study = load(name)
            console.print(f"[bold]{name}[/]  {study.title}\n    {study.paper}")
        console.print("\npython -m sims.sweep NAME runs one; --help lists the options")
        return 0
    study = load(args.study)
    jobs = check_jobs(args.jobs)
    check_backend(args.backend)
    chosen = grid(study, args.quick, args.seeds, args.set)
    wanted = [p for sweep, seeds in chosen for p in points(args.study, sweep, seeds, PRECISION)]
    check_folder(args.out)
    folder = args.out / args.study
    store = Store(folder)
    jobs = choose_device(args.device, jobs)
    start = time.perf_counter()
    try:
        if not args.rejudge:
            sweeps = [sweep for sweep, _ in chosen]
            execute(args.study, sweeps, wanted, store, jobs, args.backend, console)
        runs = store.read(wanted)
        origin = provenance(command_line(argv), PRECISION, chosen, jobs)
        verdicts = conclude(args.study, study, runs, folder, origin)
    except KeyboardInterrupt:
        console.print(
            "interrupted: finished blocks are stored; the same command goes on from there"
        )
        return 3
    except BrokenProcessPool:
        console.print(
            "a worker died (killed, or out of memory?): finished blocks are stored; the same "
            "command goes on from there, with --jobs 1 in a single process"
        )
        return 3
    except OSError as error:
        console.print(
            f"error: {folder}: {error.strerror or error}; what was finished is stored; "
            "mend that (make room?) and give the same command again"
        )
        return 3
    for notice in store.notices:
        console.print(notice)
    report.print_table(console, study, verdicts)
    seconds = time.perf_counter() - start
    console.print(f"{folder}/figure.png, figure.pdf, verdict.json, rates.csv ({seconds:.0f} s)")
    return report.exit_code(verdicts)


if __name__ == "__main__":
    sys.exit(main(command))
