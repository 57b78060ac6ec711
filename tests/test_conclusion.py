"""The files of a conclusion name the runs that it was made of, and are of one conclusion."""

import csv
import json
import re
import sys
from pathlib import Path

import pytest
from PIL import Image

from sims.storage import conclusion
from sims.storage.conclusion import replace_together
from tests import children, toy

NAMES = {
    "verdict.json", "rates.csv", "figure.png", "figure.pdf", "evidence.pdf", "provenance.json",
}  # fmt: skip


def digests(folder: Path) -> list[str]:
    """What each file says it was made of, read as a user would."""
    with (folder / "rates.csv").open(encoding="utf-8") as file:
        (in_rates,) = {row["grid_digest"] for row in csv.DictReader(file)}
    with Image.open(folder / "figure.png") as image:
        in_png = image.info["grid_digest"]
    in_pdfs = [
        found.decode()
        for name in ("figure.pdf", "evidence.pdf")
        for found in re.findall(rb"grid_digest=(\w+)", (folder / name).read_bytes())
    ]
    assert len(in_pdfs) == 2
    told = [
        json.loads((folder / f"{n}.json").read_text("utf-8")) for n in ("verdict", "provenance")
    ]
    return [in_rates, in_png, *in_pdfs, *(one["grid_digest"] for one in told)]


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = toy.tree(tmp_path_factory.mktemp("tree"))
    assert toy.sweep(tree, "toy", "--seeds", "3", "--jobs", "1").returncode == 0
    return tree


@pytest.mark.slow
def test_two_conclusions_at_once_leave_one_whole(tree: Path) -> None:
    """Of other grids; whichever is last. Each grid has its own digest, and always the same."""
    folder = tree / "figures" / "toy"
    alone = {}
    for seeds in ("2", "3"):
        assert toy.sweep(tree, "toy", "--rejudge", "--seeds", seeds).returncode == 0
        (alone[seeds],) = set(digests(folder))
    assert alone["2"] != alone["3"]
    both = [toy.start(tree, "toy", "--rejudge", "--seeds", seeds) for seeds in alone]
    for process in both:
        out, err = children.finish(process)
        assert process.returncode == 0, out + err
    assert set(digests(folder)) <= {alone["2"]} or set(digests(folder)) <= {alone["3"]}
    assert {path.name for path in folder.iterdir()} == NAMES | {"runs"}


REPLACING = """
import sys
from pathlib import Path
from sims.storage.conclusion import replace_together

own = sys.argv[2].encode()
for turn in range(30):
    replace_together(Path(sys.argv[1]), {f"{i}.txt": own + b"%d" % turn for i in range(6)})
"""


def test_files_that_two_processes_replace_at_once_are_of_one(tree: Path, tmp_path: Path) -> None:
    folder = tmp_path / "results"
    both = [
        children.start(
            [sys.executable, "-c", REPLACING, str(folder), name], tree, toy.environment(tree)
        )
        for name in ("a", "b")
    ]
    for process in both:
        out, err = children.finish(process)
        assert process.returncode == 0, out + err
    assert len({path.read_bytes() for path in folder.iterdir()}) == 1
    assert {path.name for path in folder.iterdir()} == {f"{i}.txt" for i in range(6)}


def test_another_that_replaces_in_between_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It replaces the first file just when this one has replaced it."""
    real, calls = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal calls
        calls += 1
        done = real(self, target)
        if calls == 1:
            target.write_bytes(b"another's")
        return done

    monkeypatch.setattr(Path, "replace", replace)
    replace_together(tmp_path, {"a": b"own", "b": b"own"})
    assert [(tmp_path / name).read_bytes() for name in "ab"] == [b"own", b"own"]
    assert calls > 2


def test_a_disk_that_is_full_leaves_the_old_conclusion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Everything is on the disk before the first file is replaced."""
    replace_together(tmp_path, {"a": b"old", "b": b"old"})
    real = conclusion.stage

    def stage(path: Path, content: bytes) -> Path:
        if path.name == "b":
            raise OSError(28, "No space left on device", str(path))
        return real(path, content)

    monkeypatch.setattr(conclusion, "stage", stage)
    with pytest.raises(OSError, match="No space"):
        replace_together(tmp_path, {"a": b"new", "b": b"new"})
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {
        "a": b"old",
        "b": b"old",
    }


@pytest.mark.slow
def test_a_kill_between_two_files_is_seen_and_mended(tree: Path) -> None:
    folder = tree / "figures" / "toy"
    words = ["toy", "--rejudge", "--seeds"]
    assert toy.sweep(tree, *words, "2").returncode == 0
    older = (folder / "rates.csv").read_bytes()
    assert toy.sweep(tree, *words, "3").returncode == 0
    (folder / "rates.csv").write_bytes(older)
    left = folder / f".figure.png.999999999-{conclusion_machine()}-{'0' * 8}.tmp"
    left.touch()
    assert len(set(digests(folder))) == 2
    assert toy.sweep(tree, *words, "3").returncode == 0
    assert len(set(digests(folder))) == 1
    assert not left.exists()


def conclusion_machine() -> str:
    """As this machine's temporary files name it."""
    from sims.files import temporary

    return temporary(Path("x")).name.split(".")[2].split("-")[1]
