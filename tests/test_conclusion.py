"""The results of a sweep belong to one grid, whoever writes them, and whatever ends the writing."""

import csv
import json
import os
import re
import signal
import threading
from pathlib import Path

import pytest

from matsense.claims import Run
from sims import conclusion, signals
from sims.conclusion import grid_of_runs, locked, replace_together
from sims.files import temporary
from tests import children, toy


def digests(folder: Path) -> set[str]:
    """What grid each of the results says that it is of."""
    found = {json.loads((folder / name).read_text())["grid_digest"]
             for name in ("verdict.json", "provenance.json")}  # fmt: skip
    with (folder / "rates.csv").open() as file:
        found |= {row["grid_digest"] for row in csv.DictReader(file)}
    for name in ("figure.png", "figure.pdf"):
        found |= {
            m.decode() for m in re.findall(rb"grid ([0-9a-f]{16})", (folder / name).read_bytes())
        }
    return found


def test_every_result_names_its_grid_and_another_grid_another(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    assert toy.sweep(tree, "toy", "--quick", "--jobs", "1").returncode == 0
    (first,) = digests(tree / "figures" / "toy")
    assert toy.sweep(tree, "toy", "--quick", "--seeds", "4", "--jobs", "1").returncode == 0
    (second,) = digests(tree / "figures" / "toy")
    assert first != second


def test_two_commands_at_once_leave_one_whole_conclusion(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    assert toy.sweep(tree, "toy", "--seeds", "6", "--jobs", "1").returncode == 0
    both = [toy.start(tree, "toy", "--seeds", n, "--rejudge") for n in ("3", "4", "5", "6")]
    for process in both:
        out, err = children.finish(process)
        assert process.returncode == 0, out + err
    assert len(digests(tree / "figures" / "toy")) == 1
    assert not list((tree / "figures" / "toy").glob(".*"))


def test_the_digest_is_of_runs_what_became_of_them_and_precision() -> None:
    def run(id: str, status: str) -> Run:
        return Run(id, "s", {}, 0, status)

    grids = [
        grid_of_runs([run("a", "ok"), run("b", "ok")], "float64"),
        grid_of_runs([run("a", "ok"), run("b", "missing")], "float64"),
        grid_of_runs([run("a", "ok"), run("c", "ok")], "float64"),
        grid_of_runs([run("a", "ok"), run("b", "ok")], "float32"),
    ]
    assert len(set(grids)) == 4
    assert grids[0] == grid_of_runs([run("a", "ok"), run("b", "ok")], "float64")


def test_nothing_is_replaced_unless_everything_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace_together(tmp_path, {"a": b"1", "b": b"1"})
    made = conclusion.stage

    def full(path: Path, content: bytes) -> Path:
        if path.name == "b":
            raise OSError(28, "No space left on device")
        return made(path, content)

    monkeypatch.setattr(conclusion, "stage", full)
    with pytest.raises(OSError, match="No space"):
        replace_together(tmp_path, {"a": b"2", "b": b"2"})
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == {"a": b"1", "b": b"1"}


def test_ctrl_c_is_answered_after_the_last_file(tmp_path: Path, monkeypatch) -> None:
    before = {number: signal.getsignal(number) for number in signals.ASKING}
    replace = Path.replace

    def asked(path: Path, target: Path) -> Path:
        os.kill(os.getpid(), signal.SIGINT)
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", asked)
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signals.heard()
        with pytest.raises(KeyboardInterrupt):
            replace_together(tmp_path, {"a": b"1", "b": b"1"})
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert {p.name for p in tmp_path.iterdir()} == {"a", "b"}


def test_who_replaces_keeps_others_waiting(tmp_path: Path) -> None:
    inside, order = threading.Event(), []

    def other() -> None:
        inside.wait()
        with locked(tmp_path):
            order.append("other")

    thread = threading.Thread(target=other)
    with locked(tmp_path):
        thread.start()
        inside.set()
        thread.join(0.2)
        order.append("first")
    thread.join()
    assert order == ["first", "other"]


def test_what_a_killed_command_left_is_removed(tmp_path: Path) -> None:
    path = temporary(tmp_path / "a")
    dead = path.with_name(path.name.replace(f".{os.getpid()}-", ".4194305-"))
    dead.write_bytes(b"half")
    replace_together(tmp_path, {"a": b"1"})
    assert {p.name for p in tmp_path.iterdir()} == {"a"}
