"""Runs a study and answers for its claims: python -m sims.sweep overparam_gd

Without a study it lists them.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from matsense.claims import Claim, Run
from matsense.errors import InvalidInput
from matsense.judge import Verdict, judge
from sims import cost, listing, memory, options, processes, prune, report
from sims.backends import check_backend
from sims.blocks import blocks
from sims.cluster import WorkersLostError
from sims.command import INCOMPLETE, leave, main
from sims.drawing import save, state_precision, style
from sims.engine import Pool, run_all
from sims.escape import visible
from sims.failures import doing
from sims.grid import grid
from sims.precision import Precision, has_operator
from sims.progress import Progress
from sims.provenance import command_line, provenance
from sims.shards import check_shard, share, unfinished
from sims.stopwatch import Stopwatch
from sims.store import Store, write_whole
from sims.streams import delivered
from sims.study import Study, load, names_of, points
from sims.units import ADDRESSABLE, machine_bytes

# A quick grid is mostly compiled; its few seeds go to the worker that has compiled for them.
QUICK_TOGETHER = 3
TRACING = "tracing the study's programs, to know which stored runs they have computed"
GO_ON = "what is finished is stored; the same command goes on from there"


def execute(
    packed: Sequence[Any], store: Store, pool: Pool, watch: Stopwatch, console: Console
) -> None:
    """Runs blocks; every finished one is stored before the next is awaited."""
    with watch.part("run"), Progress(console, packed, pool.jobs) as progress:
        for done in run_all(packed, pool):
            with watch.part("store"), doing("storing what was computed"):
                store.write(done.records)
            progress.finished(done)
    watch.spent(progress.spent)


def conclude(
    name: str,
    study: Study,
    runs: list[Run],
    folder: Path,
    precision: Precision,
    origin: dict[str, Any],
    watch: Stopwatch,
) -> list[Verdict]:
    """Judges, draws, and writes the four results; each file is replaced whole."""
    with watch.part("judge"):
        verdicts = [_judged(claim, runs) for claim in study.claims]
        folder.mkdir(parents=True, exist_ok=True)
        judged = report.verdict_json(name, study, verdicts, str(precision))
        write_whole(folder / "verdict.json", judged.encode())
        write_whole(folder / "rates.csv", report.rates_csv(study, runs).encode())
    with watch.part("draw"), style():
        for stem, draw in {"figure": study.draw, **study.further}.items():
            with doing(f"drawing {stem}", checked=True):
                figure = draw(runs, verdicts)
                if not precision.is_default:
                    state_precision(figure, str(precision))
                save(figure, folder / stem)
    write_whole(
        folder / "provenance.json", report.dump({**origin, "seconds": watch.report()}).encode()
    )
    return verdicts


def _judged(claim: Claim, runs: list[Run]) -> Verdict:
    with doing(f"judging {claim.id}", checked=True):
        return judge(claim, runs)


def say(console: Console, text: str) -> None:
    """Prints a line that may hold text of files: as it is, whatever it is."""
    console.print(visible(text), markup=False)


def prepare(
    args: argparse.Namespace, study: Study, jobs: int
) -> tuple[memory.Grid, int, Precision]:
    """The grid, the number of jobs and the precision that the options ask for."""
    limit = options.check_memory(args.memory)
    operator = options.check_operator(args.operator_dtype)
    options.check_folder(args.out, args.study)
    # The workers of a cluster have memories of their own.
    memory_here = machine_bytes() if args.scheduler is None else ADDRESSABLE
    chosen = grid(study, args.quick, args.seeds, args.set, memory_here)
    options.check_first_seed(args.first_seed, max(seeds for _, seeds in chosen))
    precision = Precision(operator, args.device)
    if operator != "float64" and not any(has_operator(sweep) for sweep, _ in chosen):
        raise InvalidInput(
            f"--operator-dtype {operator}",
            "no sweep of this study has a measurement operator",
            "leave it out",
        )

    if args.device == "gpu":
        chosen = memory.widened(args.study, chosen)
    if limit is not None:
        chosen, jobs = memory.bounded(args.study, chosen, jobs, limit, args.memory)
    return chosen, jobs, precision


def clear(args: argparse.Namespace, console: Console) -> int:
    """Removes what older code has stored of a study, after saying how much."""
    options.check_prune(args)
    options.choose_device(args.device, 1)
    study, folder = load(args.study), args.out / args.study
    store = Store(folder)
    names = names_of(args.study, lambda: console.print(TRACING))
    with doing("reading the store"):
        found = prune.stale(store, args.study, study, names, args.device)
    names.remember()
    for notice in store.notices:
        say(console, notice)
    say(console, prune.what_is_removed(found, store.root))
    with doing("removing what older code has stored"):
        prune.remove(store, found)
    return 0


def command(argv: Sequence[str]) -> int:
    """Everything after the shell: returns the exit code, raises InvalidInput."""
    args = options.parser(__doc__).parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 200, soft_wrap=False, emoji=False)
    if args.prune:
        return clear(args, console)
    shard = check_shard(args)
    if args.table:
        with doing("printing the verdicts"):
            sys.stdout.write(listing.table(args.out))
            delivered()
        return 0
    if args.list or args.study is None:
        with doing("listing the studies"):
            unusable = listing.print_studies(console)
            delivered()
        return unusable
    check_backend(args)
    # Before the study is imported: an array that a module makes would choose JAX's own device.
    asked = options.choose_device(args.device, options.check_jobs(args.jobs))
    alone = args.scheduler is None and not processes.can_start()
    jobs, backend = (1, None) if alone else (asked, args.backend)
    study = load(args.study)
    chosen, jobs, precision = prepare(args, study, jobs)
    folder = args.out / args.study
    store = Store(folder)
    names = names_of(args.study, lambda: console.print(TRACING))
    with doing("naming the programs of the study"):
        wanted = [
            point
            for sweep, n in chosen
            for point in points(args.study, sweep, n, precision.of(sweep), args.first_seed, names)
        ]
    pool = Pool(jobs, backend, args.scheduler, QUICK_TOGETHER if args.quick else 1)
    watch = Stopwatch()
    code = None
    try:
        if not args.rejudge:
            sweeps = [sweep for sweep, _ in chosen]
            own = wanted if shard is None else share(args.study, sweeps, wanted, shard)
            with doing("reading the store"):
                known = store.known()
            lacking = [point for point in own if point.id not in known]
            packed = blocks(args.study, sweeps, lacking, precision.operator)
            if args.dry_run:
                with doing("saying what it would cost"):
                    cost_table = cost.probes(packed, jobs)
                    report.print_cost(console, packed, cost_table, len(own), jobs)
                    delivered()
                return 0
            console.print(report.what_is_to_run(len(own), len(lacking), shard))
            if lacking and alone and asked > 1:
                console.print(processes.ALONE, markup=False)
            with doing("running the study"):
                execute(packed, store, pool, watch, console)
        with watch.part("read"), doing("reading the store"):
            runs = store.read(wanted)
        incomplete = unfinished(runs, shard, str(folder))
        if incomplete:
            for notice in (*pool.notices, *store.notices, incomplete):
                say(console, notice)
            return INCOMPLETE
        with doing("writing the results"):
            origin = provenance(command_line(argv), str(precision), chosen, jobs, args.first_seed)
            verdicts = conclude(args.study, study, runs, folder, precision, origin, watch)
        code = report.exit_code(verdicts)
        with doing("printing the verdicts"):
            for notice in (*pool.notices, *store.notices):
                say(console, notice)
            report.print_table(console, study, verdicts)
            report.print_failures(console, runs)
            say(
                console,
                f"{folder}/figure.png, figure.pdf, verdict.json, rates.csv ({watch.sentence()})",
            )
    except KeyboardInterrupt:
        # The results are whole: who does not want to hear of them gets no other code.
        if code is None:
            console.print(f"interrupted: {GO_ON}")
            return INCOMPLETE
    except WorkersLostError as error:
        say(console, f"{error}: {GO_ON}")
        return INCOMPLETE
    return code


if __name__ == "__main__":
    leave(main(command))
