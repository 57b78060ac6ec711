"""Runs a study and answers for its claims: python -m sims.sweep overparam_gd

Without a study it lists them.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from rich.console import Console

from matsense.errors import InvalidInput
from matsense.judging.judge import Verdict
from matsense.judging.runs import Run
from sims.files import remove_abandoned
from sims.running import cost, memory, processes, signals
from sims.running.backends import check_backend
from sims.running.blocks import Block, blocks
from sims.running.cluster import WorkersLostError
from sims.running.engine import Pool, run_all
from sims.running.precision import Precision, has_operator
from sims.running.rehearsal import rehearse
from sims.running.shards import check_batches, check_shard, share, unfinished
from sims.running.worker import Spent
from sims.storage import prune
from sims.storage.company import Company
from sims.storage.conclusion import conclude, replace_together
from sims.storage.provenance import command_line, provenance
from sims.storage.store import Store
from sims.storage.study_file import check_study_file, study_file
from sims.study import Study, Sweep, names_of, runs_of
from sims.study.catalogue import find, load
from sims.study.checks import check_recorded
from sims.study.guarded import Troubles
from sims.terminal import listing, new, options, partial, report, streams
from sims.terminal.command import INCOMPLETE, leave, main
from sims.terminal.failures import doing
from sims.terminal.grid import grid
from sims.terminal.progress import Progress
from sims.terminal.stopwatch import Stopwatch
from sims.text.escape import visible

# A quick grid is mostly compiled; its few seeds go to the worker that has compiled for them.
QUICK_TOGETHER = 3
TRACING = "tracing the study's programs, to know which stored runs they have computed"
# What a rehearsal heeds.
REHEARSED = ("study", "quick", "set", "only", "first_seed", "operator_dtype", "device", "out")
GO_ON = "what is finished is stored; the same command goes on from there"


def execute(
    lacking: Sequence[Run],
    pack: Callable[[Sequence[Run]], Sequence[Block]],
    store: Store,
    pool: Pool,
    watch: Stopwatch,
    console: Console,
) -> None:
    """Runs what is lacking; every finished block is stored before the next is awaited.

    What another command in this folder has in flight is left to it.
    """
    spent, now = Spent(0.0), lacking
    with watch.part("run"), doing("running"), Company(store) as company:
        while now:
            packed = pack(now)
            with Progress(console, packed, pool.jobs) as progress:
                for done in run_all(packed, pool, company.take):
                    with watch.part("store"), doing("storing runs"):
                        store.write(done.runs)
                    company.stored(done)
                    progress.finished(done)
            spent += progress.spent
            now = company.left(lacking)
    watch.spent(spent)


def prepare(
    args: argparse.Namespace, study: Study, jobs: int
) -> tuple[memory.Grid, int, Precision]:
    """The grid, the number of jobs and the precision that the options ask for."""
    limit = options.check_memory(args.memory)
    operator = args.operator_dtype
    options.check_folder(args.out, args.study)
    # The workers of a cluster have memories of their own.
    memory_here = memory.machine_bytes() if args.scheduler is None else memory.ADDRESSABLE
    chosen = grid(study, args.quick, args.seeds, args.set, memory_here, args.only)
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
    typed, args.study = args.study, find(args.study)
    check_study_file(args.study, typed, args.out / args.study)
    study, folder = load(args.study), args.out / args.study
    store = Store(folder)
    store.check_writable(())
    store.tidy()
    names = names_of(args.study, lambda: console.print(TRACING))
    with doing("reading the store"):
        found = prune.stale(store, args.study, study, names, args.device)
    names.remember()
    say(console, *store.notices, prune.what_is_removed(found, store.root))
    with doing(f"removing runs of older code from {store.root}"):
        prune.remove(store, found)
    return 0


def command(argv: Sequence[str]) -> int:
    """Everything after the shell: returns the exit code, raises InvalidInput."""
    args = options.parser(__doc__).parse_args(argv)
    console = Console(width=None if sys.stdout.isatty() else 200, soft_wrap=False, emoji=False)
    if args.new is not None:
        options.check_alone(args, "new")
        say(console, new.write(args.new))
        streams.delivered()
        return 0
    if args.prune:
        return clear(args, console)
    shard = check_shard(args)
    if args.table:
        with doing("printing the verdicts"):
            sys.stdout.write(listing.table(args.out))
            streams.delivered()
        return 0
    if args.list or args.study is None:
        with doing("listing the studies"):
            unusable = listing.print_studies(console)
            streams.delivered()
        return unusable
    if args.rehearse:
        options.check_alone(args, "rehearse", REHEARSED)
        options.check_first_seed(args.first_seed)
    check_backend(args)
    typed, args.study = args.study, find(args.study)
    folder = args.out / args.study
    if not args.rehearse:
        check_study_file(args.study, typed, folder)
    # Before the study is imported: an array that a module makes would choose JAX's own device.
    asked = options.choose_device(args.device, options.check_jobs(args.jobs))
    alone = args.scheduler is None and not processes.can_start()
    jobs, backend = (1, None) if alone else (asked, args.backend)
    study = load(args.study)
    if args.rehearse:
        tiny = [replace(sweep, quick={**sweep.quick, **sweep.tiny}) for sweep in study.sweeps]
        chosen = grid(replace(study, sweeps=tiny), True, 1, args.set, only=args.only)
        return rehearse(args.study, chosen, args.first_seed, args.operator_dtype)
    chosen, jobs, precision = prepare(args, study, jobs)
    sweeps = [sweep for sweep, _ in chosen]
    store = Store(folder, only_reads=args.rejudge or args.dry_run)
    if not store.only_reads:
        store.check_writable(sweep.name for sweep in sweeps)
        store.tidy()
    names = names_of(args.study, lambda: console.print(TRACING))
    with doing("naming the programs of the study"):
        wanted = [
            run
            for sweep, n in chosen
            for run in runs_of(args.study, sweep, n, precision.of(sweep), args.first_seed, names)
        ]
    pool = Pool(jobs, backend, args.scheduler, QUICK_TOGETHER if args.quick else 1)
    watch = Stopwatch()
    verdicts: list[Verdict] | None = None

    def pack(lacking: Sequence[Run]) -> list[Block]:
        return blocks(args.study, sweeps, lacking, precision.operator)

    try:
        if not args.rejudge:
            own = wanted
            if shard is not None:
                check_batches(study, sweeps)
                own = share(args.study, sweeps, wanted, shard)
            with doing("reading the store"):
                known = store.known()
            lacking = [run for run in own if run.id not in known]
            if lacking:
                check_recorded(args.study, study)
            if args.dry_run:
                with doing("saying what it would cost"):
                    packed = pack(lacking)
                    cost_table = cost.probes(packed, jobs)
                    report.print_cost(console, packed, cost_table, len(own), jobs)
                    say(console, *store.notices)
                    streams.delivered()
                return 0
            say(console, report.what_is_to_run(len(own), len(lacking), shard))
            if lacking and alone and asked > 1:
                say(console, processes.ALONE)
            execute(lacking, pack, store, pool, watch, console)
            store.settle(sweep.name for sweep in sweeps)
        with watch.part("read"), doing("reading the store"):
            runs = store.read(wanted)
        incomplete = unfinished(runs, shard, str(folder))
        if incomplete:
            say(console, *pool.notices, *store.notices, incomplete)
            return INCOMPLETE
        if without := partial.left_out(study, sweeps):
            say(console, *pool.notices, *store.notices)
            return _answer(args.study, study, runs, without, console)
        origin = provenance(command_line(argv), str(precision), chosen, jobs, args.first_seed)
        origin |= {"study_file": study_file(args.study, folder)}
        troubles = Troubles()
        judged, files = conclude(args.study, study, runs, precision, origin, watch, troubles)
        with doing("writing the results"), signals.held():
            remove_abandoned(folder)
            refusal = replace_together(folder, files)
            verdicts = judged
        with doing("printing the verdicts"):
            say(console, *pool.notices, *store.notices, refusal)
            report.print_table(console, study, verdicts)
            report.print_failures(console, runs)
            say(console, *troubles.lines)
            say(console, f"{folder}/{', '.join(files)} ({watch.sentence()})")
    except KeyboardInterrupt:
        if verdicts is None:
            say(console, f"interrupted: {GO_ON}")
            return INCOMPLETE
        # All is written; what is said of it was not heard out.
    except WorkersLostError as error:
        say(console, f"{error}: {GO_ON}")
        return INCOMPLETE
    return report.exit_code(verdicts)


def _answer(
    name: str, study: Study, runs: list[Run], without: Sequence[Sweep], console: Console
) -> int:
    """Prints what some sweeps of a study answer; the exit code of that."""
    verdicts, claims = partial.answered(name, study, runs, without)
    if verdicts:
        report.print_table(console, study, verdicts)
    report.print_failures(console, runs)
    say(console, *partial.sentences(without, claims))
    return report.exit_code(verdicts)


def say(console: Console, *lines: str) -> None:
    """Prints lines as they are; what does not print is shown by its code."""
    for line in dict.fromkeys(lines):
        if line:
            console.print(visible(line), markup=False, highlight=False, soft_wrap=True)


if __name__ == "__main__":
    leave(main(command))
