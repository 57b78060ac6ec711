"""The words of the sweep command: what they mean, and refusal of those that cannot be."""

import argparse
import os
import re
import tempfile
from pathlib import Path

import jax
import joblib

from matsense.errors import InvalidInput
from sims.backends import BACKENDS
from sims.command import Parser
from sims.precision import has_device

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}


def parser(description: str | None) -> Parser:
    """The options of the command."""
    p = Parser("sims.sweep", description)
    p.add_argument("study", nargs="?", help="a module of sims/studies")
    p.add_argument("--list", action="store_true", help="list the studies and their papers")
    p.add_argument("--quick", action="store_true", help="the same study on a small grid")
    p.add_argument("--seeds", type=int, metavar="N", help="N seeds at every point")
    p.add_argument(
        "--first-seed",
        type=int,
        default=0,
        metavar="K",
        help="seeds from K on: a replication that no choice of this repository has seen",
    )
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="AXIS=V1,V2",
        help="replace an axis in every sweep that has it; SWEEP.AXIS=... in one (repeatable)",
    )
    p.add_argument("--dry-run", action="store_true", help="say what it would cost, and stop")
    p.add_argument("--jobs", type=int, default=-1, metavar="N", help="processes (default: cores)")
    p.add_argument(
        "--shard", metavar="I/N", help="the I-th of N disjoint shares of the runs (job arrays)"
    )
    p.add_argument("--memory", metavar="4G", help="bytes that all processes may need together")
    p.add_argument("--backend", metavar="NAME", help=f"{', '.join(BACKENDS)} (default: loky)")
    p.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="with --backend dask")
    p.add_argument("--device", default="cpu", metavar="cpu|gpu", help="where the runs are computed")
    p.add_argument(
        "--operator-dtype",
        default="float64",
        metavar="float64|float32",
        help="measurement operators in float32, all else in float64",
    )
    p.add_argument("--out", type=Path, default=Path("figures"), metavar="DIR")
    p.add_argument("--rejudge", action="store_true", help="judge and draw from the store alone")
    p.add_argument(
        "--prune",
        action="store_true",
        help="remove stored runs that no current program has computed, after saying how many",
    )
    p.add_argument("--table", action="store_true", help="the verdicts in --out as Markdown")
    return p


def check_prune(args: argparse.Namespace) -> None:
    """Raises InvalidInput for --prune beside words that ask for something else."""
    if args.study is None:
        raise InvalidInput("--prune", "it is about the runs of one study", "name the study")
    others = {"quick": "--quick", "rejudge": "--rejudge", "dry_run": "--dry-run"}
    others |= {"list": "--list", "table": "--table", "set": "--set", "memory": "--memory"}
    others |= {"backend": "--backend", "scheduler": "--scheduler", "first_seed": "--first-seed"}
    typed = [word for name, word in others.items() if getattr(args, name)]
    typed += [] if args.seeds is None else ["--seeds"]
    if typed:
        raise InvalidInput(
            f"--prune with {', '.join(typed)}",
            "it removes runs of older code, whatever grid they are of, and runs nothing",
            f"leave out {', '.join(typed)}, or give two commands",
        )


def check_jobs(jobs: int) -> int:
    """The number of processes meant by --jobs, where -1 means one a core."""
    if jobs == 0 or jobs < -1:
        raise InvalidInput(f"--jobs {jobs}", "a positive number, or -1 for all cores", "give 1")
    return joblib.cpu_count() if jobs == -1 else jobs


def check_first_seed(first: int) -> int:
    """The seed meant by --first-seed."""
    if not 0 <= first < 2**31:
        raise InvalidInput(
            f"--first-seed {first}", "seeds are 0 to 2147483647", "give --first-seed 1000"
        )
    return first


def check_memory(text: str | None) -> int | None:
    """The bytes meant by --memory."""
    if text is None:
        return None
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)B?", text.strip().upper())
    if not found or float(found[1]) == 0:
        raise InvalidInput(f"--memory {text}", "a size is a number and K, M, G or T", "give 4G")
    return int(float(found[1]) * UNITS[found[2]])


def check_operator(dtype: str) -> str:
    """The dtype of --operator-dtype."""
    if dtype not in ("float64", "float32"):
        raise InvalidInput(
            f"--operator-dtype {dtype}", "it is float64 or float32", "give --operator-dtype float32"
        )
    return dtype


def choose_device(kind: str, jobs: int) -> int:
    """Points JAX (workers included) at a device; returns the jobs that it bears."""
    if kind not in ("cpu", "gpu"):
        raise InvalidInput(f"--device {kind}", "a device is cpu or gpu", "give --device cpu")
    platforms = "cpu" if kind == "cpu" else "cuda,cpu"
    jax.config.update("jax_platforms", platforms)
    os.environ["JAX_PLATFORMS"] = platforms
    if kind == "cpu":
        return jobs
    # Products at full precision, in the bench's contenders too; and one process a device, which the
    # blocks are wide enough for.
    jax.config.update("jax_default_matmul_precision", "highest")
    os.environ["JAX_DEFAULT_MATMUL_PRECISION"] = "highest"
    # Those contenders share the device; each, and their caller, would take three quarters of it.
    os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")
    if not has_device(kind):
        raise InvalidInput(
            "--device gpu", "JAX sees no GPU here", 'use --device cpu, or pip install "jax[cuda13]"'
        )
    return 1


def check_folder(out: Path) -> None:
    """Raises InvalidInput unless `out` is, or can become, a folder that can be written."""
    place = out.absolute()
    try:
        while not place.exists():
            place = place.parent
        if not place.is_dir():
            raise InvalidInput(f"--out {out}", f"{place} is a file", "name a folder")
        # A nameless file: the only sure test, and it leaves nothing behind.
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        why = f"{place} cannot be written ({error.strerror})"
        raise InvalidInput(f"--out {out}", why, "name another folder") from None
