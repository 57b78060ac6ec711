"""Where a result comes from: commit, versions, device, precision, command line, grid, seeds."""

import contextlib
import importlib.metadata
import platform
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jax
import joblib

from sims.study import Sweep

PACKAGES = ("matsense", "numpy", "jax", "jaxlib", "scipy", "matplotlib", "joblib", "pyarrow")


def provenance(
    command: Sequence[str],
    precision: str,
    grid: Sequence[tuple[Sweep, int]],
    jobs: int,
    first: int = 0,
) -> dict[str, Any]:
    """Everything that one needs to repeat a sweep, as plain data for provenance.json."""
    return {
        "command": " ".join(command),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        **_commit(),
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
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
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        names = {line.split(":")[1].strip() for line in lines if line.startswith("model name")}
    return {
        "cpu": ", ".join(sorted(names)) or platform.processor() or platform.machine(),
        "cores": joblib.cpu_count(),
        "devices": [str(device.device_kind) for device in jax.devices()],
        "python": platform.python_version(),
        "packages": {name: importlib.metadata.version(name) for name in PACKAGES},
        **_commit(),
    }


def _commit() -> dict[str, Any]:
    """The commit of the source tree that is imported, and whether it has uncommitted changes."""
    root = Path(__file__).parent
    head = _git(root, "rev-parse", "HEAD")
    if head is None:
        return {"commit": None, "dirty": None}
    # Results are not source: a redrawn gallery does not make the code dirty.
    status = _git(root, "status", "--porcelain", "--", ":/", ":(top,exclude)figures")
    return {"commit": head, "dirty": bool(status)}


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(
            ["git", *words], cwd=root, capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def command_line(argv: Sequence[str]) -> list[str]:
    """The command as a user would type it again."""
    return [Path(sys.executable).name, "-m", "sims.sweep", *argv]
