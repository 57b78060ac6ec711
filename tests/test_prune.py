"""What older code has stored is removed, after saying how much; nothing else is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.judging.runs import Run
from sims.storage import prune
from sims.storage.store import Store
from sims.study import Sweep, names_of, runs_of
from sims.study.catalogue import load
from sims.sweep import command

STUDY = "overparam_gd"


def small() -> Sweep:
    axes = {"n": (12,), "r": (2,), "steps": (60,), "kappa": (1.0,), "k": (2, 3), "alpha": (0.5,)}
    return load(STUDY).sweep("symmetric").with_axes(axes)


def finished(runs: list[Run]) -> list[Run]:
    return [replace(run, status="ok", quantities={"t": np.arange(3.0)}) for run in runs]


def older(run: Run) -> Run:
    return replace(run, id=f"{run.seed:032x}", program="0" * 32)


@pytest.fixture
def runs() -> list[Run]:
    return runs_of(STUDY, small(), 2, "float64")


def test_runs_of_older_code_go_and_current_ones_stay(tmp_path: Path, runs: list[Run]) -> None:
    """A file of older runs alone, one that holds both, one of current runs."""
    store = Store(tmp_path / STUDY)
    both = [*runs[:2], older(runs[0])]
    for part in ([older(runs[2])], both, runs[2:]):
        store.write(finished(part))
    found = prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu")
    said = prune.what_is_removed(found, store.root)
    size = sum(part.path.stat().st_size for part in found) / 1e3
    assert "removing 2 runs of older code, in 2 files of" in said
    assert f"{size:.3g} kB (1 of them also hold current runs, which stay)" in said
    assert len(store.parts()) == 3
    prune.remove(store, found)
    assert store.known() == {run.id for run in runs}
    assert [run.status for run in store.read(runs)] == ["ok"] * len(runs)
    assert store.notices == []
    again = prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu")
    assert "nothing to remove" in prune.what_is_removed(again, store.root)


def test_a_run_that_no_sweep_can_have_any_more_is_of_older_code(
    tmp_path: Path, runs: list[Run]
) -> None:
    store = Store(tmp_path)
    gone = [replace(run, sweep="gone") for run in runs]
    other = [replace(run, params={"n": 3}) for run in runs]
    for part in (gone, other, runs):
        store.write(finished(part))
    found = prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu")
    assert sorted(part.removed for part in found) == [len(runs)] * 2


def test_other_widths_and_another_device_are_current(tmp_path: Path, runs: list[Run]) -> None:
    """As bounded memory has made them; and as a device has that is not here."""
    store = Store(tmp_path)
    narrow = runs_of(STUDY, replace(small(), instances_wide=2), 1, "float64")
    assert not {run.program for run in narrow} & {run.program for run in runs}
    there = [replace(older(run), precision="float64, on gpu") for run in runs]
    for part in (narrow, there):
        store.write(finished(part))
    assert prune.stale(store, STUDY, load(STUDY), names_of(STUDY), "cpu") == []


def test_the_command_says_what_it_removes(
    tmp_path: Path,
    runs: list[Run],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("JAX_PLATFORMS", "cpu")
    store = Store(tmp_path / STUDY)
    store.write(finished([older(run) for run in runs]))
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
    tmp_path: Path, runs: list[Run], words: str
) -> None:
    store = Store(tmp_path / STUDY)
    store.write(finished([older(run) for run in runs]))
    with pytest.raises(InvalidInput, match=words.split()[0]):
        command([STUDY, "--prune", "--out", str(tmp_path), *words.split()])
    assert len(store.parts()) == 1
    with pytest.raises(InvalidInput, match="name the study"):
        command(["--prune"])
