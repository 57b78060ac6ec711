"""Names of programs are remembered: nothing is traced twice, and no stale name is believed."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from sims.identity import jitted, names, program
from sims.study import grid_of
from sims.study.catalogue import load
from tests.changes import LONG, SEEN, Side
from tests.lab import lab, remembered

__all__ = ["lab"]


def test_nothing_is_traced_when_nothing_changed_and_damage_costs_tracing_alone(
    tmp_path: Path, lab: Callable[[Side], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    original = names.watching

    def counted(place: str) -> Any:
        calls.append(place)
        return original(place)

    monkeypatch.setattr(names, "watching", counted)
    side = Side(LONG)
    lab(side)
    first = remembered()
    assert len(calls) == 1
    for same in (side, Side(LONG.replace("# a comment", "# another"))):
        lab(same)
        assert remembered() == first
    assert len(calls) == 1
    lab(Side(LONG.replace("TOLERANCE = 0.1", "TOLERANCE = 0.2")))
    assert remembered() == first, "traced again, to the same program"
    assert len(calls) == 2
    for damage in (b"", b"{", b'{"entries": {}, "checksum": ""}'):
        for path in (tmp_path / "cache").rglob("*.json"):
            path.write_bytes(damage or path.read_bytes().replace(first[:8].encode(), b"00000000"))
        lab(side)
        assert remembered() == first
    assert len(calls) == 5


def test_what_is_read_while_tracing_belongs_to_its_folder(
    tmp_path: Path, lab: Callable[[Side], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of a study, with a file of its own: what is remembered of the first is not its."""
    side = SEEN["data file loaded in the function"][0]
    lab(side)
    first = remembered()
    copy = tmp_path / "copy"
    copy.mkdir()
    lab(side)
    for path in (*tmp_path.glob("*.py"), tmp_path / "data.txt"):
        shutil.copy(path, copy)
    (copy / "data.txt").write_text("5.0")
    monkeypatch.chdir(copy)
    monkeypatch.syspath_prepend(str(copy))
    assert remembered() != first


def test_shapes_are_named_alike_in_any_order_and_process() -> None:
    study = load("overparam_gd")

    def named(sweeps: Sequence[Any]) -> dict[str, str]:
        jitted.forget()
        return {
            sweep.name: program.name_of(sweep, sweep.static(next(grid_of(sweep))), 2, "float64", "")
            for sweep in sweeps
        }

    here = named(study.sweeps[:3])
    assert named(study.sweeps[2::-1]) == here
    script = (
        "from sims.identity import program\n"
        "from sims.study.catalogue import load\n"
        "from sims.study import grid_of\n"
        "for s in load('overparam_gd').sweeps[:3]:\n"
        "    static = s.static(next(grid_of(s)))\n"
        "    print(s.name, program.name_of(s, static, 2, 'float64', ''))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True,
        cwd=Path(__file__).parent.parent, env=os.environ | {"PYTHONHASHSEED": "7"},
    )  # fmt: skip
    assert dict(line.split() for line in done.stdout.splitlines()) == here
