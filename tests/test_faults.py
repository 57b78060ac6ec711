"""Interruption, growth and changed code, on real processes and a real store."""

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from tests import toy


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return toy.tree(tmp_path)


def rows(folder: Path) -> dict[str, dict]:
    """Everything that is stored, by run id, but for the wall time."""
    found: dict[str, dict] = {}
    for part in folder.glob("toy/runs/sweep=*/*.parquet"):
        for row in pq.read_table(part, partitioning=None).drop_columns("seconds").to_pylist():
            assert row["run"] not in found, "computed twice"
            found[row["run"]] = row
    return found


def parts(folder: Path) -> Iterator[Path]:
    return folder.glob("toy/runs/sweep=*/*.parquet")


def test_kill_9_loses_nothing_finished_and_resumes_to_the_same_table(tree: Path) -> None:
    words = ["toy", "--jobs", "2", "--out", "killed"]
    process = subprocess.Popen(
        toy.command(*words), cwd=tree, env=toy.environment(tree), stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(parts(tree / "killed"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    survived = rows(tree / "killed")
    assert 0 < len(survived) < 120, "the sweep was to be killed in the middle"
    resumed = toy.sweep(tree, *words)
    assert resumed.returncode == 0, resumed.stderr
    assert f"{len(survived)} stored, {120 - len(survived)} to run" in resumed.stdout
    whole = toy.sweep(tree, "toy", "--jobs", "1", "--out", "whole")
    assert whole.returncode == 0
    after = rows(tree / "killed")
    assert {id: after[id] for id in survived} == survived
    assert after == rows(tree / "whole")
    for name in ("verdict.json", "rates.csv"):
        killed, reference = (tree / out / "toy" / name for out in ("killed", "whole"))
        assert killed.read_bytes() == reference.read_bytes()


def test_growing_seeds_and_axes_runs_only_what_is_new(tree: Path) -> None:
    assert toy.sweep(tree, "toy", "--seeds", "10").returncode == 0
    old = rows(tree / "figures")
    grown = toy.sweep(tree, "toy", "--seeds", "12")
    assert "40 stored, 8 to run" in grown.stdout
    wider = toy.sweep(tree, "toy", "--seeds", "12", "--set", "even.alpha=0.1,0.2,0.05")
    assert "48 stored, 12 to run" in wider.stdout
    new = rows(tree / "figures")
    assert len(new) == 60
    assert {id: new[id] for id in old} == old


def test_code_decides_what_reruns(tree: Path) -> None:
    """A comment, a docstring, a tolerance: nothing. A solver's arithmetic: its runs alone."""
    study = tree / "sims" / "studies" / "toy.py"
    solver = tree / "matsense" / "solvers" / "symmetric_gd.py"
    base = ["toy", "--seeds", "2", "--jobs", "1"]
    assert toy.sweep(tree, *base).returncode == 0
    source = (
        study.read_text().replace("# a comment of the toy", "# another").replace("0.03,", "0.04,")
    )
    study.write_text(source.replace('"""Symmetric GD."""', '"""Symmetric descent."""'))
    text = solver.read_text()
    solver.write_text(text.replace("Stable for eta", "Known to be stable for eta"))
    assert "all 8 runs are stored" in toy.sweep(tree, *base).stdout
    assert text.count("return X - eta * (") == 1
    solver.write_text(text.replace("return X - eta * (", "return X - 0.5 * eta * ("))
    changed = toy.sweep(tree, *base)
    assert "4 stored, 4 to run" in changed.stdout
    assert "contradicted" in changed.stdout
    assert changed.returncode == 1


def test_a_broken_part_file_is_said_and_rerun(tree: Path) -> None:
    words = ["toy", "--seeds", "3", "--jobs", "1"]
    assert toy.sweep(tree, *words).returncode == 0
    before = rows(tree / "figures")
    part = next(iter(sorted(parts(tree / "figures"))))
    lost = pq.read_metadata(part).num_rows
    part.write_bytes(part.read_bytes()[:-20])
    again = toy.sweep(tree, *words)
    assert f"{lost} to run" in again.stdout
    assert "set aside" in again.stdout or "cannot be read" in again.stdout
    assert rows(tree / "figures") == before


def test_interrupt_keeps_what_is_finished_and_says_how_to_go_on(tree: Path) -> None:
    process = subprocess.Popen(
        toy.command("toy", "--seeds", "200", "--jobs", "1"), cwd=tree, env=toy.environment(tree),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(parts(tree / "figures"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3
    assert "same command goes on" in out
    assert "Traceback" not in err
    assert rows(tree / "figures")


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads process tables in /proc")
def test_a_dead_worker_is_said_in_one_line_and_loses_only_its_block(tree: Path) -> None:
    words = ["toy", "--seeds", "200", "--jobs", "2"]
    process = subprocess.Popen(
        toy.command(*words), cwd=tree, env=toy.environment(tree), stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip
    deadline = time.monotonic() + 120
    while len(list(parts(tree / "figures"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.005)
    workers = [
        int(status.parent.name)
        for status in Path("/proc").glob("[0-9]*/cmdline")
        if os.getpgid(int(status.parent.name)) == process.pid
        and "LokyProcess" in status.read_text()
    ]
    os.kill(workers[0], signal.SIGKILL)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 3
    assert "a worker died" in out
    assert "Traceback" not in out + err
    survived = rows(tree / "figures")
    assert survived
    assert f"{len(survived)} stored" in toy.sweep(tree, *words).stdout
