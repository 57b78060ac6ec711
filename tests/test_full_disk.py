"""A disk that is full, becomes read-only, or holds files that are not ours."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import children, toy

pytestmark = pytest.mark.slow

WORDS = ["toy", "--seeds", "20", "--jobs", "2", "--out", "disk"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return toy.tree(tmp_path)


def mount(*words: str) -> bool:
    return subprocess.run(["mount", *words], capture_output=True).returncode == 0


@pytest.fixture
def disk(tree: Path) -> Iterator[Path]:
    """A disk of 300 kB, where this user may mount one."""
    folder = tree / "disk"
    folder.mkdir()
    if os.name != "posix" or not mount("-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)):
        pytest.skip("mounting a small disk needs privileges")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict]:
    """What a sweep stores that nothing disturbs; one process, since the bits are the same."""
    folder = toy.tree(tmp_path_factory.mktemp("whole"))
    assert toy.sweep(folder, "toy", "--seeds", "20", "--jobs", "1").returncode == 0
    return toy.rows(folder / "figures")


def assert_goes_on(tree: Path, disk: Path, stored: int, whole: dict[str, dict]) -> None:
    assert mount("-o", "remount,rw,size=30m", str(disk))
    # With one process, which is up sooner.
    again = toy.sweep(tree, *WORDS, "--jobs", "1")
    assert again.returncode == 0, again.stdout + again.stderr
    assert f"{stored} stored, {80 - stored} to run" in again.stdout
    assert toy.rows(disk) == whole


def test_a_full_disk_is_one_line_and_what_is_stored_is_used(
    tree: Path, disk: Path, whole: dict[str, dict]
) -> None:
    stopped = toy.sweep(tree, *WORDS)
    assert stopped.returncode == 4, stopped.stdout + stopped.stderr
    assert "error: while storing runs: No space left on device" in stopped.stderr
    assert "give the same command again" in stopped.stderr and stopped.stderr.count("\n") == 1
    assert "Traceback" not in stopped.stdout + stopped.stderr
    stored = toy.rows(disk)
    assert 0 < len(stored) < 80
    assert not list(disk.rglob("*.tmp"))
    assert_goes_on(tree, disk, len(stored), whole)


def test_a_disk_that_becomes_read_only_in_mid_sweep(
    tree: Path, disk: Path, whole: dict[str, dict]
) -> None:
    assert mount("-o", "remount,size=30m", str(disk))
    process = toy.start(tree, *WORDS)
    toy.wait_for_parts(disk, 2, process)
    assert mount("-o", "remount,ro", str(disk))
    out, err = children.finish(process)
    assert process.returncode == 4, out + err
    assert "Read-only file system" in err and err.count("\n") == 1
    assert "Traceback" not in out + err
    assert_goes_on(tree, disk, len(toy.rows(disk)), whole)


def test_broken_part_files_are_said_set_aside_and_rerun(tree: Path) -> None:
    """A truncated one, an empty one and a foreign one at once."""
    words = ["toy", "--seeds", "8", "--jobs", "1"]
    assert toy.sweep(tree, *words).returncode == 0
    before = toy.rows(tree / "figures")
    truncated, empty, foreign, *_ = sorted(toy.parts(tree / "figures"))
    truncated.write_bytes(truncated.read_bytes()[:-20])
    empty.write_bytes(b"")
    foreign.write_text("run,seed\n1,2\n")
    left = toy.readable(tree / "figures")
    again = toy.sweep(tree, *words)
    assert again.returncode == 0, again.stderr
    assert f"{left} stored, {len(before) - left} to run" in again.stdout
    assert again.stdout.count("renamed to") == 3
    assert toy.rows(tree / "figures") == before
    assert len(list((tree / "figures").rglob("*.unreadable"))) == 3
