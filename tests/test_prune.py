"""What older code has stored is removed, after saying how much; nothing else is."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from matsense.errors import InvalidInput
from sims.running.worker import Record
from sims.storage import prune
from sims.storage.store import Store
from sims.study import Point, Sweep, names_of, points
from sims.study.catalogue import load
from sims.sweep import command

STUDY = "overparam_gd"


def small() -> Sweep:
    axes = {"n": (12,), "r": (2,), "steps": (60,), "kappa": (1.0,), "k": (2, 3), "alpha": (0.5,)}
    return load(STUDY).sweep("symmetric").with_axes(axes)


def stored(points: list[Point]) -> list[Record]:
    return [Record(point, "ok", {"t": np.arange(3.0)}) for point in points]


def older(point: Point) -> Point:
    return dataclasses.replace(point, id=f"{point.seed:032x}", program="0" * 32)


@pytest.fixture
def runs() -> list[Point]:
    return points(STUDY, small(), 2, "float64")


def test_runs_of_older_code_go_and_current_ones_stay(tmp_path: Path, runs: list[Point]) -> None:
    """A file of older runs alone, one that holds both, one of current runs."""
    store = Store(tmp_path / STUDY)
    both = [*runs[:2], older(runs[0])]
    for part in ([older(runs[2])], both, runs[2:]):
        store.write(stored(part))
    found = prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu")
    said = prune.what_is_removed(found, store.root)
    size = sum(part.path.stat().st_size for part in found) / 1e3
    assert "removing 2 runs of older code, in 2 files of" in said
    assert f"{size:.3g} kB (1 of them also hold current runs, which stay)" in said
    assert len(store.parts()) == 3
    prune.remove(store, found)
    assert store.known() == {point.id for point in runs}
    assert [run.status for run in store.read(runs)] == ["ok"] * len(runs)
    assert store.notices == []
    again = prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu")
    assert "nothing to remove" in prune.what_is_removed(again, store.root)


def test_a_run_that_no_sweep_can_have_any_more_is_of_older_code(
    tmp_path: Path, runs: list[Point]
) -> None:
    store = Store(tmp_path)
    gone = [dataclasses.replace(point, sweep="gone") for point in runs]
    other = [dataclasses.replace(point, params={"n": 3}) for point in runs]
    for part in (gone, other, runs):
        store.write(stored(part))
    found = prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu")
    assert sorted(part.removed for part in found) == [len(runs)] * 2


def test_other_widths_and_another_device_are_current(tmp_path: Path, runs: list[Point]) -> None:
    """As bounded memory has made them; and as a device has that is not here."""
    store = Store(tmp_path)
    narrow = points(STUDY, dataclasses.replace(small(), instances_wide=2), 1, "float64")
    assert not {point.program for point in narrow} & {point.program for point in runs}
    there = [dataclasses.replace(older(p), precision="float64, on gpu") for p in runs]
    for part in (narrow, there):
        store.write(stored(part))
    assert prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu") == []


def test_the_command_says_what_it_removes(
    tmp_path: Path,
    runs: list[Point],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    store = Store(tmp_path / STUDY)
    store.write(stored([older(point) for point in runs]))
    assert command([STUDY, "--prune", "--out", str(tmp_path)]) == 0
    assert f"removing {len(runs)} runs of older code, in 1 files" in capsys.readouterr().out
    assert store.parts() == []
    assert command([STUDY, "--prune", "--out", str(tmp_path / "none")]) == 0
    assert "nothing to remove" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    "words",
    ["--rejudge", "--dry-run", "--quick", "--list", "--table", "--seeds 2", "--set k=2",
     "--memory 4G", "--backend loky", "--first-seed 3"],
)  # fmt: skip
def test_beside_words_that_ask_for_something_else_it_is_refused(
    tmp_path: Path, runs: list[Point], words: str
) -> None:
    store = Store(tmp_path / STUDY)
    store.write(stored([older(point) for point in runs]))
    with pytest.raises(InvalidInput, match=words.split()[0]):
        command([STUDY, "--prune", "--out", str(tmp_path), *words.split()])
    assert len(store.parts()) == 1
    with pytest.raises(InvalidInput, match="name the study"):
        command(["--prune"])
