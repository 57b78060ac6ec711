"""Shares of a study: disjoint, whole, the same whatever is stored; together they are the study."""

import argparse
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from matsense.errors import InvalidInput
from matsense.judging.runs import Run
from sims.running.blocks import blocks
from sims.running.shards import Shard, check_batches, check_shard, share
from sims.study import Sweep, runs_of
from sims.study.catalogue import load
from tests import children, toy

STUDY = "overparam_gd"


def small() -> tuple[list[Sweep], list[Run]]:
    """Two sweeps, with instances of several shapes."""
    study = load(STUDY)
    axes = {
        "n": (12,),
        "r": (2,),
        "steps": (60,),
        "k": (2, 3),
        "kappa": (1.0,),
        "alpha": (0.1, 0.2),
    }
    sweeps = [
        study.sweep("symmetric").with_axes(axes),
        study.sweep("symmetric_sensing").with_axes({**axes, "n": (8,), "m": (30, 60, 90, 120)}),
    ]
    return sweeps, [run for s in sweeps for run in runs_of(STUDY, s, 7, "float64")]


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50])
def test_every_batch_is_in_one_share_and_shares_are_equal(count: int) -> None:
    sweeps, wanted = small()
    shares = [share(STUDY, sweeps, wanted, (i + 1, count)) for i in range(count)]
    ids = [run.id for own in shares for run in own]
    assert sorted(ids) == sorted(run.id for run in wanted)
    whole = blocks(STUDY, sweeps, wanted)
    parts = [blocks(STUDY, sweeps, own) for own in shares]
    assert sum(map(len, parts)) == len(whole), "a batch was cut in two"
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    for shape in {block.shape for block in whole}:
        of_it = [sum(block.shape == shape for block in part) for part in parts]
        assert max(of_it) - min(of_it) <= 1


def told(shard: str, **words: object) -> argparse.Namespace:
    usual = {"study": STUDY, "table": False, "list": False, "rejudge": False}
    return argparse.Namespace(shard=shard, **{**usual, **words})


@pytest.mark.parametrize(("text", "shard"), [("1/1", (1, 1)), ("3/8", (3, 8)), ("08/8", (8, 8))])
def test_shares_are_counted_from_1(text: str, shard: Shard) -> None:
    assert check_shard(told(text)) == shard


@pytest.mark.parametrize(
    ("text", "words", "remedy"),
    [
        ("0/3", {}, "give --shard 1/3"),
        ("4/3", {}, "give --shard 3/3"),
        ("1/0", {}, "give --shard 1/1"),
        *((text, {}, "give --shard 1/4") for text in ("1", "1/", "/3", "-1/3", "1.0/3", "a/b")),
        *((text, {}, "give --shard 1/4") for text in ("", " 1/3", "1/3/4", "1/3\n", "١/٣", "1e/3")),
        ("1/" + "9" * 400, {}, "give --shard 1/4"),
        ("1/3", {"rejudge": True}, "--rejudge runs nothing"),
        ("1/3", {"table": True}, "--table runs nothing"),
        ("1/3", {"list": True}, "--list runs nothing"),
        ("1/3", {"study": None}, "name the study"),
    ],
)
def test_a_share_that_cannot_be(text: str, words: dict[str, object], remedy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_shard(told(text, **words))
    assert text.strip() in str(caught.value)
    assert remedy in str(caught.value)


def test_batches_that_a_memory_limit_has_narrowed_are_not_shared() -> None:
    sweeps, _ = small()
    check_batches(load(STUDY), sweeps)
    narrow = [replace(sweeps[0], instances_wide=sweeps[0].instances_wide - 1), *sweeps[1:]]
    with pytest.raises(InvalidInput, match="give more memory"):
        check_batches(load(STUDY), narrow)


@pytest.mark.slow
def test_shares_of_two_folders_are_the_study_when_they_lie_in_one(tmp_path: Path) -> None:
    """The second share lies elsewhere, where half of the seeds are stored already."""
    tree = toy.tree(tmp_path)
    words = ["toy", "--seeds", "6", "--jobs", "1", "--out"]
    assert toy.sweep(tree, *words, "whole").returncode == 0
    assert toy.sweep(tree, *words, "elsewhere", "--seeds", "3").returncode == 0
    for i, out in enumerate(["shared", "elsewhere", "shared"], 1):
        done = toy.sweep(tree, *words, out, "--shard", f"{i}/3")
        assert done.returncode == 3, done.stdout + done.stderr
        stored = {"shared": 0, "elsewhere": 4}[out]
        assert f"share {i} of 3, 8 runs: {stored} stored, {8 - stored} to run" in done.stdout
        assert "nothing is judged" in done.stdout
    assert len(toy.rows(tree / "shared")) == 16
    assert not (tree / "shared" / "toy" / "verdict.json").exists()
    again = toy.sweep(tree, *words, "shared", "--shard", "3/3")
    assert "8 runs: 8 stored, 0 to run" in again.stdout
    shutil.copytree(tree / "elsewhere/toy/runs", tree / "shared/toy/runs", dirs_exist_ok=True)
    judged = toy.sweep(tree, *words, "shared", "--rejudge")
    assert judged.returncode == 0, judged.stdout
    assert toy.rows(tree / "shared", once=False) == toy.rows(tree / "whole")
    for name in ("verdict.json", "rates.csv"):
        shared, whole = (tree / out / "toy" / name for out in ("shared", "whole"))
        assert shared.read_bytes() == whole.read_bytes()


def test_the_last_share_judges_what_all_have_stored(tmp_path: Path) -> None:
    """All at once in one folder, as a job array does: whoever finds the study whole judges it."""
    tree = toy.tree(tmp_path)
    words = ["toy", "--seeds", "4", "--jobs", "1"]
    array = [toy.start(tree, *words, "--shard", f"{i}/3") for i in (1, 2, 3)]
    codes = []
    for process in array:
        out, err = children.finish(process)
        assert "Traceback" not in out + err
        codes.append(process.returncode)
    assert set(codes) <= {0, 3} and 0 in codes
    assert len(toy.rows(tree / "figures")) == 16, "stored once, and none is missing"
