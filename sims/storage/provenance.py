"""Where a result comes from: commit, versions, device, precision, command line, grid, seeds."""

import contextlib
import os
import platform
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import joblib

import matsense
from sims.running import environment
from sims.study import Sweep


def provenance(
    command: Sequence[str],
    precision: str,
    grid: Sequence[tuple[Sweep, int]],
    jobs: int,
    first: int = 0,
) -> dict[str, Any]:
    """Everything that one needs to repeat a sweep, as plain data for provenance.json."""
    return {
        "command": _written(shlex.join(command)),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **_commit(),
        "python": platform.python_version(),
        "packages": versions(),
        "device": [str(device.device_kind) for device in jax.devices()],
        "platform": f"{platform.system()} {platform.machine()}",
        "cores": joblib.cpu_count(),
        "jobs": jobs,
        "precision": precision,
        "grid": {
            sweep.name: {
                "seeds": list(range(first, first + seeds)),
                **{axis: list(values) for axis, values in sweep.axes.items()},
            }
            for sweep, seeds in grid
        },
    }


def machine() -> dict[str, Any]:
    """The processor, cores, devices and versions that a timing was taken with."""
    names: set[str] = set()
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text("utf-8", "replace").splitlines()
        names = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    return {
        "cpu": ", ".join(sorted(names)) or platform.processor() or platform.machine(),
        "cores": joblib.cpu_count(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "python": platform.python_version(),
        "packages": versions(),
        **_commit(),
    }


def versions() -> dict[str, str | None]:
    """The version of matsense as imported, and of each package that it needs; None if unknown."""
    return {"matsense": matsense.__version__, **environment.versions()}


def _commit() -> dict[str, Any]:
    """The commit of matsense's own checkout, and whether its source has uncommitted changes.

    None for a copy that lies in no checkout of its own: an installed one, even in an environment
    inside of another repository, or one that another repository holds.
    """
    root = Path(matsense.__file__).resolve().parent.parent
    told = _git(root, "rev-parse", "--show-toplevel", "HEAD")
    unknown = {"commit": None, "dirty": None}
    if told is None:
        return unknown
    top, _, head = told.rpartition("\n")
    try:
        project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
        if project["name"] != "matsense" or not root.samefile(top):
            return unknown
    except (OSError, ValueError, LookupError):
        return unknown
    if _git(root, "ls-files", "--error-unmatch", "matsense/__init__.py") is None:
        return unknown
    # Results are not source: a redrawn gallery does not make the code dirty.
    status = _git(root, "status", "--porcelain", "--", ":/", ":(top,exclude)figures")
    return {"commit": head, "dirty": None if status is None else bool(status)}


def _git(root: Path, *words: str) -> str | None:
    """What git says of a folder; None if it is not there, or will not."""
    # A hook, or an alias that runs this, has variables of its own that name another repository.
    settings = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "--no-optional-locks", *words],
            cwd=root, env=settings, stdin=subprocess.DEVNULL, capture_output=True, timeout=10,
            check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return os.fsdecode(done.stdout).strip("\n")


def _written(text: str) -> str:
    """The text as UTF-8 can hold it: bytes of file names that are no text stand escaped."""
    return text.encode("utf-8", "backslashreplace").decode()


def command_line(argv: Sequence[str]) -> list[str]:
    """The command as a user would type it again."""
    return [Path(sys.executable).name, "-m", "sims.sweep", *argv]
