"""A toy study in one file, and a copy of the source tree to put it into."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tests import children
from tests.children import wait_until

ROOT = Path(__file__).parent.parent

STUDY = '''"""Two small sweeps whose answer is known."""
import jax.numpy as jnp
from matsense.judging.claims import Claim, rate
from matsense.factors import gaussian_start, imbalanced_start
from matsense.problems import sensing
from matsense.solvers.sensing.asymmetric_gd import asymmetric_gd
from matsense.solvers.sensing.symmetric_gd import symmetric_gd
from matsense.theory.overparam import exact_rate
from matsense.loops import linear_ticks, run
from sims.figures import drawing
from sims.study import Study, Sweep


def problem(key, n, steps):
    """A rank-1 truth."""
    return sensing.population(sensing.symmetric_truth(key, n, jnp.ones(1)))


def symmetric(instance, key, alpha, steps):
    """Symmetric GD."""
    # a comment of the toy
    solver = symmetric_gd(instance, 0.1)
    start = gaussian_start(key, instance.truth.U.shape[0], 1, 1, alpha)
    ticks = linear_ticks(steps, 10)
    record = lambda X: {"error": instance.squared_error(X, X)}
    return {"t": jnp.asarray(ticks), **run(solver, start, ticks, record)[1]}


def asymmetric(instance, key, alpha, steps):
    """Asymmetric GD."""
    # Three quarters of the step, hence of the rate: the claim's control.
    n = instance.truth.U.shape[0]
    solver = asymmetric_gd(instance, 0.075)
    start = solver.init(*imbalanced_start(key, (n, n), 1, 1, alpha))
    ticks = linear_ticks(steps, 10)
    record = lambda state: {"error": instance.squared_error(*state)}
    return {"t": jnp.asarray(ticks), **run(solver, start, ticks, record)[1]}


def sweep(name, trial):
    """One of the two."""
    return Sweep(
        name, problem, trial, shape={"n": (6,), "steps": (300,)}, lane={"alpha": (0.1, 0.05)},
        seeds=30, quick={"alpha": (0.1,)}, instances_wide=1, lanes_wide=2,
    )


def draw(runs, verdicts):
    """Error against t."""
    figure, (ax,) = drawing.canvas(1, 1, "toy")
    drawing.panel(ax, "a", "error", "t", "e", "linear log")
    for run in runs:
        if run.status == "ok":
            ax.plot(run.quantities["t"], run.quantities["error"], ".")
    return figure


study = Study(
    title="A toy", paper="nobody, nowhere", cite="toy",
    sweeps=(sweep("even", symmetric), sweep("odd", asymmetric)),
    claims=(
        Claim(
            "exact", "toy", "$e^{-T}$", "exponential", "rate / law",
            lambda run: run.sweep == "even",
            rate("error", lambda run: 0.0, 1e-24), "equals",
            lambda run: float(exact_rate(0.1, 1.0)), 0.03, source="derived",
            control=lambda run: run.sweep == "odd", control_of="three quarters of the step",
        ),
    ),
    draw=draw, fit=lambda run: run.fit("error", 0.0, 1e-24), predicted=lambda run: 0.21,
)
'''


def tree(folder: Path) -> Path:
    """A copy of both packages in `folder`, with the toy study as its one new file."""
    for package in ("matsense", "sims"):
        shutil.copytree(
            ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    (folder / "sims" / "studies" / "toy.py").write_text(STUDY)
    return folder


def environment(folder: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "sims.sweep", *words]


def sweep(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs the sweep command in a tree, as a user would."""
    return call(folder, "sims.sweep", *words)


def call(folder: Path, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    """Runs a module of a tree, as a user would."""
    return children.call([sys.executable, "-m", module, *words], folder, environment(folder))


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Starts the command in a process group of its own, as a terminal would."""
    return children.start(command(*words), folder, environment(folder))


def kill(process: subprocess.Popen[str], how: signal.Signals = signal.SIGKILL) -> tuple[str, str]:
    """Sends a signal to the whole group and waits for what the command still says."""
    children.tell(process, how)
    return children.finish(process)


def parts(out: Path) -> Iterator[Path]:
    return out.glob("toy/runs/sweep=*/*.parquet")


def wait_for_parts(out: Path, count: int, process: subprocess.Popen[str] | None = None) -> None:
    """Until so many part files are there, or the process that writes them has ended."""
    wait_until(lambda: len(list(parts(out))) >= count, process)


def wait(process: subprocess.Popen[str], seconds: float) -> None:
    """So many seconds, or until the process has ended."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def rows(out: Path, once: bool = True) -> dict[str, dict]:
    """Everything that is stored, by run id, but for the clock's; with `once`, stored once."""
    found: dict[str, dict] = {}
    for part in parts(out):
        table = pq.read_table(part, partitioning=None).drop_columns(["seconds", "date"])
        for row in table.to_pylist():
            assert not once or row["run"] not in found, "computed twice"
            assert found.setdefault(row["run"], row) == row
    return found


def readable(out: Path) -> int:
    """How many runs stand in part files that can be read."""
    count = 0
    for part in parts(out):
        try:
            count += pq.read_metadata(part).num_rows
        except (OSError, pa.ArrowException):
            continue
    return count


def workers(process: subprocess.Popen[str]) -> list[int]:
    """The process ids of a command's loky workers."""
    found = []
    for told in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            pid = int(told.parent.name)
            if os.getpgid(pid) == process.pid and "LokyProcess" in told.read_text():
                found.append(pid)
        except (OSError, ProcessLookupError):
            continue  # it has ended meanwhile
    return found


def wait_for_workers(process: subprocess.Popen[str], count: int) -> None:
    """Until so many loky workers have been started."""
    wait_until(lambda: len(workers(process)) >= count, process)


def weight(process: subprocess.Popen[str]) -> int:
    """Bytes of a command's processes together; what they share is counted once."""
    total = 0
    for status in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(status.name)) == process.pid:
                lines = (status / "smaps_rollup").read_text().splitlines()
                total += sum(1024 * int(x.split()[1]) for x in lines if x.startswith("Pss:"))
        except (OSError, ProcessLookupError):
            continue  # it has ended meanwhile
    return total
