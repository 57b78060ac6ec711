"""Where the time of a whole study goes: cold, with its compiled functions kept, and redrawn."""

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sims.benches.table import exponent
from sims.study.catalogue import load

SEEDS = (2, 4, 8)


def breakdown(name: str, quick: bool, device: str, console: Console) -> list[dict[str, Any]]:
    """Runs the study's command three times in a folder of its own; prints seconds by part."""
    load(name)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for title, out in (("cold", "cold"), ("compiled before", "warm"), ("all stored", "warm")):
            words = [name, "--device", device, *(["--quick"] if quick else [])]
            found.append({"call": title, **_timed(words, Path(folder), out)})
    table = Table(title=f"seconds of {name}{' --quick' if quick else ''}", title_justify="left")
    columns = list(dict.fromkeys(key for row in found for key in row))
    for column in columns:
        table.add_column(column, justify="left" if column == "call" else "right")
    for row in found:
        cells = [row.get(column, "") for column in columns]
        table.add_row(*(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells))
    console.print(table)
    return found


def growth_with_seeds(name: str, device: str, console: Console) -> dict[str, Any]:
    """The power of the number of seeds that the workers' time grows with, compilation apart."""
    seconds = []
    with tempfile.TemporaryDirectory() as folder:
        for seeds in SEEDS:
            words = [name, "--device", device, "--quick", "--seeds", str(seeds)]
            told = _timed(words, Path(folder), f"seeds{seeds}")
            seconds.append(told["all workers"] - told["of which compiling"])
    power, error = exponent([{"seeds": seeds} for seeds in SEEDS], "seeds", seconds)
    console.print(
        f"the workers' time for {name} --quick, compilation apart, grows as seeds^{power:.2f} "
        f"(standard error {error:.2f}; seeds = {', '.join(map(str, SEEDS))})"
    )
    return {"power": power, "error": error, "seconds": seconds}


def _timed(words: list[str], folder: Path, out: str) -> dict[str, float]:
    """Wall seconds of one sweep command, and what it says of its parts."""
    settings = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(folder / "cache")}
    command = [sys.executable, "-m", "sims.sweep", *words, "--out", str(folder / out)]
    start = time.perf_counter()
    done = subprocess.run(command, env=settings, capture_output=True, text=True)
    wall = time.perf_counter() - start
    told = folder / out / words[0] / "provenance.json"
    if done.returncode == 2 or not told.exists():
        raise RuntimeError(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
    return {"wall": wall, **json.loads(told.read_bytes())["seconds"]}
