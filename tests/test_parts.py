"""What cannot be read now changes nothing; what is damaged is set aside, and may come back."""

import builtins
import errno
import os
import shutil
import stat
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from matsense.errors import InvalidInput
from sims.files import temporary
from sims.storage import parts
from sims.storage.parts import checksum
from sims.storage.store import Store
from tests import children, toy
from tests.test_store import finished, wanted

IDS = {wanted(i).id for i in range(3)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three parts of a run each."""
    store = Store(tmp_path)
    for i in range(3):
        store.write([finished(i)])
    return store


def tree_of(folder: Path) -> dict[str, bytes | None]:
    """Every file with its content, links and folders without."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if stat.S_ISREG(kind) else None
        for path in folder.rglob("*")
        for kind in [path.lstat().st_mode]
    }


def raising(error: BaseException) -> Callable[..., Any]:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    return refuse


class Reading:
    """A file whose reading fails, or ends too soon."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def __call__(self, *words: Any, **options: Any) -> "Reading":
        self.file = builtins.open(*words, **options)  # noqa: SIM115, PTH123
        return self

    def __enter__(self) -> "Reading":
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def fileno(self) -> int:
        return self.file.fileno()

    def read(self, count: int) -> bytes:
        if self.error is not None:
            raise self.error
        return self.file.read(min(count, 10)) if self.file.tell() < 10 else b""


def system(number: int) -> OSError:
    return OSError(number, os.strerror(number))


FAULTS = {
    "no permission": ("_at_once", raising(system(errno.EACCES))),
    "too many open files": ("_at_once", raising(system(errno.EMFILE))),
    "too many in the system": ("_at_once", raising(system(errno.ENFILE))),
    "stale handle": ("_at_once", raising(system(errno.ESTALE))),
    "a folder": ("_at_once", raising(system(errno.EISDIR))),
    "bad sector": ("open", Reading(system(errno.EIO))),
    "no memory for it": ("open", Reading(system(errno.ENOMEM))),
    "out of memory": ("open", Reading(MemoryError())),
    "interrupted": ("open", Reading(InterruptedError(errno.EINTR, "Interrupted system call"))),
    "short read": ("open", Reading(None)),
    "Arrow out of memory": ("pq.ParquetFile", raising(pa.ArrowMemoryError("malloc failed"))),
    "error beneath Arrow": ("pq.ParquetFile", raising(system(errno.EIO))),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_cannot_be_read_now_is_an_error_that_changes_nothing(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    before = tree_of(tmp_path)
    name, fake = FAULTS[fault]
    with monkeypatch.context() as patched:
        patched.setattr(f"sims.storage.parts.{name}", fake, raising=False)
        for act in (
            lambda s: s.known(),
            lambda s: s.read([wanted(0)]),
            lambda s: list(s.tables()),
            lambda s: s.settle(["s"]),
        ):
            with pytest.raises((OSError, MemoryError)) as caught:
                act(Store(tmp_path))
            error = caught.value
            assert isinstance(error, MemoryError) or "runs/sweep=s/" in str(error.filename)
    assert tree_of(tmp_path) == before
    assert Store(tmp_path).known() == IDS


def test_a_folder_that_cannot_be_listed_is_not_an_empty_one(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "scandir", raising(system(errno.EACCES)))
    with pytest.raises(PermissionError) as caught:
        Store(tmp_path).known()
    assert caught.value.filename == str(store.root)


def spoil(part: Path) -> bytes:
    content = part.read_bytes()
    part.write_bytes(content[:-1])
    return content


def test_what_is_whole_after_all_is_taken_back_by_a_command_that_writes(
    store: Store, tmp_path: Path
) -> None:
    part = store.parts()[0]
    content = spoil(part)
    assert len(Store(tmp_path).known()) == 2
    aside = part.with_name(f"_{part.name}.unreadable")
    aside.write_bytes(content)
    reader = Store(tmp_path, only_reads=True)
    assert (reader.known(), reader.notices, aside.exists()) == (IDS, [], True)
    writer = Store(tmp_path)
    assert writer.known() == IDS
    assert "taken back" in writer.notices[0]
    assert (part.exists(), aside.exists()) == (True, False)


def test_one_that_an_earlier_version_has_set_aside_is_taken_back(
    store: Store, tmp_path: Path
) -> None:
    part = store.parts()[0]
    part.rename(part.with_name(f"{part.name}.unreadable"))
    assert Store(tmp_path).known() == IDS
    assert part.exists()


def test_a_name_that_is_taken_is_not_overwritten(store: Store, tmp_path: Path) -> None:
    part = store.parts()[0]
    for number in ("", ".2"):
        part.with_name(f"_{part.name}{number}.unreadable").write_bytes(number.encode())
    spoil(part)
    found = Store(tmp_path)
    assert len(found.known()) == 2
    assert f"_{part.name}.3.unreadable" in found.notices[0]
    assert part.with_name(f"_{part.name}.2.unreadable").read_bytes() == b".2"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_what_is_no_file_is_said_and_never_waited_for(store: Store, tmp_path: Path) -> None:
    folder = store.parts()[0].parent
    names = [f"{kind}-{'0' * 16}.parquet" for kind in ("folder", "pipe", "device")]
    (folder / names[0]).mkdir()
    os.mkfifo(folder / names[1])
    (folder / names[2]).symlink_to("/dev/zero")
    before = tree_of(tmp_path)
    found = Store(tmp_path)
    assert found.known() == IDS
    assert len(found.read([wanted(0)])) == 1
    for name in names:
        assert sum(name in notice for notice in found.notices) == 1
    assert tree_of(tmp_path) == before


def foreign(folder: Path, table: pa.Table) -> Path:
    """A part with a checksum that is right, from somebody else."""
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue().to_pybytes()
    path = folder / f"x-{checksum(content)}.parquet"
    path.write_bytes(content)
    return path


def test_a_whole_file_of_another_kind_is_said_and_left_as_it_is(
    store: Store, tmp_path: Path
) -> None:
    folder = store.parts()[0].parent
    other = foreign(folder, pa.table({"x": [1.0]}))
    no_table = folder / f"y-{checksum(b'hello')}.parquet"
    no_table.write_bytes(b"hello")
    before = tree_of(tmp_path)
    found = Store(tmp_path)
    assert found.known() == IDS
    for path in (other, no_table):
        assert any(path.name in n and "not written by this program" in n for n in found.notices)
    assert tree_of(tmp_path) == before


def test_commands_that_read_rename_nothing(store: Store, tmp_path: Path) -> None:
    spoil(store.parts()[0])
    before = tree_of(tmp_path)
    reader = Store(tmp_path, only_reads=True)
    assert len(reader.known()) == 2
    reader.settle(["s"])
    reader.tidy()
    assert "sets it aside" in reader.notices[0]
    assert tree_of(tmp_path) == before


def test_links_are_read_and_not_written_through(store: Store, tmp_path: Path) -> None:
    """A part, a sweep's folder, or all of runs/, that lies elsewhere."""
    part = store.parts()[0]
    folder, elsewhere = part.parent, tmp_path / "elsewhere"
    part.rename(tmp_path / part.name)
    part.symlink_to(tmp_path / part.name)
    assert Store(tmp_path).known() == IDS
    spoil(tmp_path / part.name)
    found = Store(tmp_path)
    assert len(found.known()) == 2
    assert "a link leads to it" in found.notices[0]
    for place in (folder, store.root):
        place.rename(elsewhere)
        place.symlink_to(elsewhere)
        before = tree_of(elsewhere)
        found = Store(tmp_path)
        assert len(found.known()) == 2
        found.tidy()
        with pytest.raises(InvalidInput, match=f"{place.name} is a link to"):
            found.check_writable(["s"])
        with pytest.raises(InvalidInput):
            found.write([finished(5)])
        assert tree_of(elsewhere) == before
        place.unlink()
        elsewhere.rename(place)


WEIGHED = """
import sys
from pathlib import Path
import pyarrow as pa
from sims.storage.store import Store
from tests.test_store import wanted
def weight():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
runs = [wanted(i) for i in range(3)]
small, large = (Store(Path(folder)) for folder in sys.argv[1:])
assert len(small.known()) == 3 and len(small.read(runs)) == 3
before = weight()
assert len(large.known()) == 4
assert [run.status for run in large.read(runs)] == ["ok"] * 3
print(weight() - before, pa.default_memory_pool().max_memory())
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads tables in /proc")
def test_a_foreign_part_costs_no_memory(store: Store, tmp_path: Path) -> None:
    """100 MB of numbers in a part that holds none of the wanted runs; in a process of its own,
    since what this one has freed would hide what is taken.
    """
    shutil.copytree(tmp_path / "runs", tmp_path / "small" / "runs")
    own = pq.read_table(store.parts()[0], partitioning=None)
    wide = own.set_column(0, "run", [["f" * 32]]).set_column(
        own.column_names.index("error"), "error", [[np.zeros(13_000_000)]]
    )
    foreign(store.parts()[0].parent, wide)
    words = [sys.executable, "-c", WEIGHED, str(tmp_path / "small"), str(tmp_path)]
    done = children.call(words, toy.ROOT, toy.environment(toy.ROOT))
    assert done.returncode == 0, done.stderr
    process, arrow = map(int, done.stdout.split())
    assert process < 10e6 and 0 < arrow < 5e6


def test_a_large_file_is_not_held_in_memory(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parts, "MANY", 100)
    (run,) = Store(tmp_path).read([wanted(1)])
    np.testing.assert_array_equal(run.quantities["error"], finished(1).quantities["error"])
    spoil(store.parts()[0])
    assert len(Store(tmp_path).known()) == 2


def test_a_disk_that_cannot_sync_folders_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def sync(place: int) -> None:
        if stat.S_ISDIR(os.fstat(place).st_mode):
            raise system(errno.EINVAL)
        real(place)

    monkeypatch.setattr(os, "fsync", sync)
    store = Store(tmp_path)
    for i in range(3):
        store.write([finished(i)])
    store.write([finished(4, sweep="other")])
    assert len(store.notices) == 1
    assert "cannot sync folders" in store.notices[0]
    monkeypatch.setattr(os, "fsync", raising(system(errno.EIO)))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        store.write([finished(5)])


@pytest.mark.slow
def test_commands_that_only_read_leave_the_store_as_it_is(tmp_path: Path) -> None:
    """A damaged part, one that was set aside and is whole, and a killed command's file."""
    tree = toy.tree(tmp_path / "tree")
    words = ["toy", "--seeds", "2", "--jobs", "1"]
    assert toy.sweep(tree, *words).returncode == 0
    whole, damaged, *_ = sorted(toy.parts(tree / "figures"))
    spoil(damaged)
    aside = whole.with_name(f"_{whole.name}.unreadable")
    whole.rename(aside)
    runs = tree / "figures" / "toy" / "runs"
    left = temporary(runs / "x")
    left.with_name(left.name.replace(f".{os.getpid()}-", ".999999999-")).touch()
    before = tree_of(runs)
    for options in (["toy", "--seeds", "2", "--dry-run"], ["toy", "--rejudge"], ["--table"], []):
        done = toy.sweep(tree, *options)
        assert done.returncode in (0, 3), done.stdout + done.stderr
        assert tree_of(runs) == before
        said = "the next command that runs sets it aside" in " ".join(done.stdout.split())
        assert said == ("toy" in options), done.stdout
    again = toy.sweep(tree, *words)
    assert "taken back" in again.stdout
    assert "renamed to" in again.stdout
    assert len(toy.rows(tree / "figures")) == 8
    assert [path.name for path in runs.iterdir() if not path.name.startswith("sweep=")] == []

    own = runs / "sweep=odd"
    own.rename(tree / "elsewhere")
    own.symlink_to(tree / "elsewhere")
    before = tree_of(tree)
    refused = toy.sweep(tree, "toy", "--seeds", "3", "--jobs", "1")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert refused.stderr.count("\n") == 1
    assert "sweep=odd is a link to" in refused.stderr
    assert tree_of(tree) == before
    assert toy.sweep(tree, "toy", "--seeds", "2", "--rejudge").returncode == 0


def test_failed_records_are_kept(tmp_path: Path) -> None:
    """What is no number fails its run, not the sweep."""
    store = Store(tmp_path)
    store.write([replace(wanted(0), status="ok", quantities={"x": np.asarray(["a"])}), finished(1)])
    first, second = store.read([wanted(0), wanted(1)])
    assert (first.status, second.status) == ("failed", "ok")
    assert "not numbers" in first.message
