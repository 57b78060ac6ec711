"""How fast a sensing step is: python -m sims.bench [--n 50 --m 1250 --lanes 64]

Prints, for one symmetric instance, the flops and bytes of a step, and the time per trajectory-step
of (a) a plain jitted loop over one trajectory, with A as an m-by-n^2 array and as many threads as
XLA likes, and (b) the engine's way: lanes on one instance, the cheaper exact form of A*A, one
process a core. Both run on the same instance and start, in turn, in this one call; ratios are
between times of the same repetition. The final errors of both are compared before any time counts.
"""

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import joblib
import numpy as np
from rich.console import Console
from rich.table import Table

from matsense.factors import gaussian_start
from matsense.operators import cheaper_form
from matsense.problems import sensing
from matsense.solvers.symmetric_gd import symmetric_gd
from sims.command import Parser, at_least, main

ETA, ALPHA, RANK, WIDTH = 0.1, 0.5, 3, 8
CONTENDERS = ("plain", "lanes")


def instance(n: int, m: int, form: Any) -> sensing.Sensing:
    """The instance that both contenders run on."""
    key_truth, key_rows = jax.random.split(jax.random.key(0))
    truth = sensing.symmetric_truth(key_truth, n, sensing.geometric_spectrum(RANK, 1.0))
    return sensing.measured(key_rows, truth, m, form, symmetric=True)


def starts(n: int, lanes: int) -> jax.Array:
    """Starts of rank WIDTH, one a lane; lane 0 is the plain loop's."""
    keys = jax.random.split(jax.random.key(1), lanes)
    return jax.vmap(lambda key: gaussian_start(key, n, WIDTH, WIDTH, ALPHA))(keys)


def plain(n: int, m: int, lanes: int) -> Callable[[int], jax.Array]:
    """One trajectory, written as one would without thinking of lanes: two products with A."""
    problem = instance(n, m, "rows")
    rows = problem.operator.rows  # type: ignore[union-attr]
    unpack = jax.vmap(problem.operator.coordinates.unpack)  # type: ignore[union-attr]
    A = unpack(rows).reshape(m, n * n) / np.sqrt(m)
    Sigma, X0 = problem.truth.matrix.dense(), starts(n, 1)[0]

    def step(_: int, X: jax.Array) -> jax.Array:
        gap = A @ (X @ X.T - Sigma).reshape(-1)
        return X - ETA * (gap @ A).reshape(n, n) @ X

    run = jax.jit(lambda X, steps: jax.lax.fori_loop(0, steps, step, X))
    return lambda steps: run(X0, steps)


def laned(n: int, m: int, lanes: int) -> Callable[[int], jax.Array]:
    """The engine's step: all lanes share one read of the operator."""
    problem = instance(n, m, cheaper_form(m, n * (n + 1) // 2, 10_000 * lanes))
    X0 = starts(n, lanes)

    def many(problem: sensing.Sensing, X0: jax.Array, steps: int) -> jax.Array:
        step = symmetric_gd(problem, ETA).step
        one = lambda X: jax.lax.fori_loop(0, steps, step, X)  # noqa: E731
        return jax.vmap(one)(X0)

    run = jax.jit(many)
    return lambda steps: run(problem, X0, steps)[0]


def serve(contender: str, n: int, m: int, lanes: int) -> None:
    """A worker: for every number of steps read from stdin, prints seconds and lane 0's norm."""
    run = {"plain": plain, "lanes": laned}[contender](n, m, lanes)
    run(1).block_until_ready()
    print("ready", flush=True)
    for line in sys.stdin:
        began = time.perf_counter()
        X = run(int(line)).block_until_ready()
        print(time.perf_counter() - began, float(jnp.linalg.norm(X @ X.T)), flush=True)


class Worker:
    """A process that times one contender when told to."""

    def __init__(self, contender: str, sizes: Sequence[int], threads: bool) -> None:
        words = [sys.executable, "-m", "sims.bench", "--serve", contender]
        for name, value in zip(("--n", "--m", "--lanes"), sizes, strict=True):
            words += [name, str(value)]
        flags = "--xla_cpu_multi_thread_eigen=true" if threads else ""
        self.process = subprocess.Popen(
            words,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"XLA_FLAGS": flags},
        )

    def read(self) -> str:
        """The next line of its answer."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def tell(self, steps: int) -> None:
        """Asks for a timed run of so many steps."""
        assert self.process.stdin is not None
        self.process.stdin.write(f"{steps}\n")
        self.process.stdin.flush()


def timed(workers: Sequence[Worker], steps: int) -> tuple[float, float]:
    """The longest time of workers that run at once, and the norm that the first one ends at."""
    for worker in workers:
        worker.tell(steps)
    answers = [[float(x) for x in worker.read().split()] for worker in workers]
    return max(seconds for seconds, _ in answers), answers[0][1]


def compare(n: int, m: int, lanes: int, steps: int, repeats: int) -> dict[str, Any]:
    """Microseconds per trajectory-step of both contenders, interleaved, and their ratio."""
    cores = joblib.cpu_count()
    sizes = (n, m, lanes)
    alone = [Worker("plain", sizes, threads=True)]
    crowd = [Worker("lanes", sizes, threads=False) for _ in range(cores)]
    for worker in (*alone, *crowd):
        worker.read()
    norms = [timed(group, steps)[1] for group in (alone, crowd)]
    np.testing.assert_allclose(norms[0], norms[1], rtol=1e-9)
    rows = []
    for _ in range(repeats):
        slow = timed(alone, steps)[0] / steps
        fast = timed(crowd, steps)[0] / (steps * lanes * cores)
        rows.append((1e6 * slow, 1e6 * fast, slow / fast))
    for worker in (*alone, *crowd):
        worker.process.kill()
        worker.process.communicate()
    columns = list(zip(*rows, strict=True))
    return {
        "plain_us": statistics.median(columns[0]),
        "lanes_us": statistics.median(columns[1]),
        "ratio": statistics.median(columns[2]),
        "ratio_range": (min(columns[2]), max(columns[2])),
        "cores": cores,
    }


def command(words: Sequence[str]) -> int:
    """The command line."""
    p = Parser("sims.bench", __doc__)
    p.add_argument("--n", type=at_least(WIDTH), default=50)
    for name, default in (("m", 1250), ("lanes", 64), ("steps", 100), ("repeats", 7)):
        p.add_argument(f"--{name}", type=at_least(1), default=default)
    p.add_argument("--serve", choices=CONTENDERS, help=argparse.SUPPRESS)
    args = p.parse_args(words)
    if args.serve:
        serve(args.serve, args.n, args.m, args.lanes)
        return 0
    n, m, lanes, size = args.n, args.m, args.lanes, args.n * (args.n + 1) // 2
    form = cheaper_form(m, size, 10_000 * lanes)
    gram = form == "gram"
    found = compare(n, m, lanes, args.steps, args.repeats)
    table = Table(
        title=f"symmetric sensing step, n = {n}, m = {m}, float64, {found['cores']} cores"
    )
    for heading in ("", "flops of A*A", "bytes of A read", "us per trajectory-step"):
        table.add_column(heading, justify="right")
    table.add_row(
        "plain, 1 trajectory", f"{4 * m * n * n:.3g}", f"{2 * 8 * m * n * n:.3g}",
        f"{found['plain_us']:.4g}",
    )  # fmt: skip
    flops, read = (2 * size**2, 8 * size**2) if gram else (4 * m * size, 16 * m * size)
    table.add_row(
        f"{lanes} lanes, {form}", f"{flops:.3g}", f"{read / lanes:.3g}", f"{found['lanes_us']:.4g}"
    )
    console = Console()
    console.print(table)
    low, high = found["ratio_range"]
    rate = flops / found["lanes_us"] / 1e3
    console.print(
        f"ratio {found['ratio']:.3g} (median of {args.repeats}; {low:.3g} to {high:.3g}); "
        f"{rate:.3g} Gflop/s on {found['cores']} cores"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(command))
