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

from sims.study import load


def breakdown(name: str, quick: bool, device: str, console: Console) -> list[dict[str, Any]]:
    """Runs the study's command three times in a folder of its own; prints seconds by part."""
    load(name)
    found = []
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "sims.sweep", name, "--device", device, "--out"]
        words += [f"{folder}/cold", *(["--quick"] if quick else [])]
        settings = os.environ | {"JAX_COMPILATION_CACHE_DIR": f"{folder}/cache"}
        for title, out in (("cold", "cold"), ("compiled before", "warm"), ("all stored", "warm")):
            words[words.index("--out") + 1] = f"{folder}/{out}"
            start = time.perf_counter()
            done = subprocess.run(words, env=settings, capture_output=True, text=True)
            wall = time.perf_counter() - start
            told = Path(folder) / out / name / "provenance.json"
            if done.returncode == 2 or not told.exists():
                raise RuntimeError(f"{' '.join(words)}\n{done.stdout}{done.stderr}")
            parts = json.loads(told.read_text())["seconds"]
            found.append({"call": title, "wall": wall, **parts})
    table = Table(title=f"seconds of {name}{' --quick' if quick else ''}", title_justify="left")
    columns = list(dict.fromkeys(key for row in found for key in row))
    for column in columns:
        table.add_column(column, justify="left" if column == "call" else "right")
    for row in found:
        cells = [row.get(column, "") for column in columns]
        table.add_row(*(f"{c:.3g}" if isinstance(c, float) else str(c) for c in cells))
    console.print(table)
    return found
