"""The words of the sweep command: what they mean, and refusal of those that cannot be."""

import argparse
import errno
import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path

import jax
import joblib

from matsense.errors import InvalidInput
from sims.running.backends import BACKENDS
from sims.running.precision import has_device
from sims.terminal.command import Parser, count
from sims.text.words import shown

UNITS = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
# A process weighs some 300 MB: this many, or this many for each core, is more than can be of use.
MOST_JOBS, MOST_JOBS_A_CORE = 64, 4
# Seeds are numbers of 31 bits, sizes in bytes are whole numbers that a double holds.
SEEDS, MOST_BYTES = 2**31, 2**53
# The longest name of a file below a study's folder, about.
LONG_NAME = Path("runs", "sweep=" + 40 * "x", 60 * "x")
DEVICES = ("cpu", "gpu")
RESULTS = (".json", ".csv", ".png", ".pdf")


def folder(text: str) -> Path:
    """The folder that an option is given as; ~ is the home of a user."""
    try:
        text.encode()
        named = Path(text).expanduser()
    except UnicodeEncodeError:
        raise argparse.ArgumentTypeError(f"{text!r} is no name in UTF-8, give another") from None
    except RuntimeError:
        raise argparse.ArgumentTypeError(f"{text!r} is nobody's home, give another") from None
    if not text.strip() or "\0" in text:
        raise argparse.ArgumentTypeError(f"{text!r} names no folder, give . for this one")
    return named


def parser(description: str | None) -> Parser:
    """The options of the command."""
    p = Parser("sims.sweep", description)
    p.add_argument("study", nargs="?", help="a study by its name, or the path of its file")
    p.add_argument("--list", action="store_true", help="list the studies and their papers")
    p.add_argument("--quick", action="store_true", help="the same study on a small grid")
    p.add_argument("--seeds", type=count, metavar="N", help="N seeds at every point")
    p.add_argument(
        "--first-seed",
        type=count,
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
    p.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="SWEEP",
        help="this sweep alone, and what it answers; results are left as they are (repeatable)",
    )
    p.add_argument(
        "--try",
        dest="rehearse",
        action="store_true",
        help="one small run of each sweep, in the open: what it records, or a traceback (code 2)",
    )
    p.add_argument("--new", metavar="NAME", help="write NAME.py here, a study to begin with")
    p.add_argument("--dry-run", action="store_true", help="say what it would cost, and stop")
    p.add_argument("--jobs", type=count, default=-1, metavar="N", help="processes (default: cores)")
    p.add_argument(
        "--shard", metavar="I/N", help="the I-th of N disjoint shares of the runs (job arrays)"
    )
    p.add_argument("--memory", metavar="4G", help="bytes that all processes may need together")
    p.add_argument("--backend", metavar="NAME", help=f"{', '.join(BACKENDS)} (default: loky)")
    p.add_argument("--scheduler", metavar="tcp://HOST:PORT", help="with --backend dask")
    p.add_argument("--device", default="cpu", choices=DEVICES, help="where the runs are computed")
    p.add_argument(
        "--operator-dtype",
        default="float64",
        choices=("float64", "float32"),
        help="measurement operators in float32, all else in float64",
    )
    p.add_argument("--out", type=folder, default=Path("figures"), metavar="DIR")
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
    others |= {
        "only": "--only",
        "rehearse": "--try",
        "list": "--list",
        "table": "--table",
        "set": "--set",
        "memory": "--memory",
    }
    others |= {"backend": "--backend", "scheduler": "--scheduler", "first_seed": "--first-seed"}
    typed = [word for name, word in others.items() if getattr(args, name)]
    typed += [] if args.seeds is None else ["--seeds"]
    if typed:
        raise InvalidInput(
            f"--prune with {', '.join(typed)}",
            "it removes runs of older code, whatever grid they are of, and runs nothing",
            f"leave out {', '.join(typed)}, or give two commands",
        )


def check_alone(args: argparse.Namespace, name: str, beside: Collection[str] = ()) -> None:
    """Raises InvalidInput for options that are typed beside one that has no use for them."""
    unset = vars(parser(None).parse_args([]))
    others = {key: key.replace("_", "-") for key in unset if key not in (name, *beside)}
    typed = [f"--{word}" for key, word in others.items() if getattr(args, key) != unset[key]]
    typed = ["a study" if word == "--study" else word for word in typed]
    if typed:
        listed = ", ".join(typed)
        word = {"rehearse": "--try"}.get(name, f"--{name}")
        rule = f"{word} has no use for {'it' if len(typed) == 1 else 'them'}"
        raise InvalidInput(f"{word} with {listed}", rule, f"leave {listed} out")


def check_jobs(jobs: int) -> int:
    """The number of processes meant by --jobs, where -1 means one a core."""
    if jobs == 0 or jobs < -1:
        raise InvalidInput(f"--jobs {jobs}", "a positive number, or -1 for all cores", "give 1")
    cores = joblib.cpu_count()
    most = max(MOST_JOBS, MOST_JOBS_A_CORE * cores)
    if jobs > most:
        rule = f"processes weigh some 300 MB each and share {cores} cores here: at most {most}"
        raise InvalidInput(f"--jobs {jobs}", rule, "give --jobs -1 for one a core")
    return cores if jobs == -1 else jobs


def check_first_seed(first: int, seeds: int = 1) -> int:
    """The seed meant by --first-seed, from which so many seeds go on."""
    if not 0 <= first < SEEDS:
        raise InvalidInput(
            f"--first-seed {first}", f"seeds are 0 to {SEEDS - 1}", "give --first-seed 1000"
        )
    if first + seeds > SEEDS:
        raise InvalidInput(
            f"--first-seed {first} with {seeds} seeds",
            f"seeds are 0 to {SEEDS - 1}, and the last would be {first + seeds - 1}",
            f"give --first-seed {SEEDS - seeds} or less",
        )
    return first


def check_memory(text: str | None) -> int | None:
    """The bytes meant by --memory."""
    if text is None:
        return None
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([KMGT]?)B?", text.strip().upper())
    size = float(found[1]) * UNITS[found[2]] if found else 0.0
    if not 1 <= size <= MOST_BYTES:
        rule = "a size is a number and K, M, G or T, of 1 byte to 9007T"
        raise InvalidInput(f"--memory {shown(text)}", rule, "give 4G")
    return int(size)


def choose_device(kind: str, jobs: int) -> int:
    """Points JAX (workers included) at one of DEVICES; returns the jobs that it bears."""
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


def check_folder(out: Path, study: str) -> None:
    """Raises InvalidInput unless a study's folder in `out` is, or can become, one to write to."""
    home = (out / study).absolute()
    place = home / LONG_NAME
    try:
        while not _is_there(place):
            place = place.parent
        if not place.is_dir():
            what = "a link to nothing" if place.is_symlink() else "a file"
            raise InvalidInput(f"--out {out}", f"{place} is {what}", "name another folder")
        # A nameless file: the only sure test, and it leaves nothing behind.
        with tempfile.TemporaryFile(dir=place):
            pass
        taken = [x for x in home.glob("*") if x.suffix in RESULTS and x.is_dir()]
    except OSError as error:
        why = f"{_shown(place)} cannot be written ({error.strerror})"
        raise InvalidInput(f"--out {_shown(out)}", why, "name another folder") from None
    if taken:
        rule = f"{taken[0]} is a folder where a result is to be written"
        raise InvalidInput(f"--out {out}", rule, "move it away, or name another folder")


def _is_there(place: Path) -> bool:
    """Whether something of that name exists, be it a link to nothing; raises OSError for loops."""
    try:
        place.lstat()
        if place.is_symlink():
            place.resolve(strict=True)
    except NotADirectoryError:
        return False
    except FileNotFoundError:
        return place.is_symlink()
    except RuntimeError:
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from None
    return True


def _shown(place: Path) -> str:
    return shown(str(place), most=200)
