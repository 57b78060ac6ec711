"""Commands at once in one folder: what one has in flight, no other computes too."""

import os
import signal
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from sims.running.blocks import Block
from sims.storage.company import Company
from sims.storage.store import Store
from tests import children, toy
from tests.test_store import finished, wanted

pytestmark = pytest.mark.slow


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return toy.tree(tmp_path)


def times_stored(out: Path) -> Counter[str]:
    """How often each run lies in the store."""
    found: Counter[str] = Counter()
    for part in toy.parts(out):
        found.update(pq.read_table(part, columns=["run"], partitioning=None)["run"].to_pylist())
    return found


def test_three_at_once_share_the_work(tree: Path) -> None:
    """Two that take a batch in the same instant see each other, and both leave it for later."""
    words = ["toy", "--seeds", "25", "--jobs", "1"]
    processes = [toy.start(tree, *words) for _ in range(3)]
    for process in processes:
        out, err = children.finish(process)
        assert process.returncode == 0, out + err
    stored = times_stored(tree / "figures")
    assert len(stored) == 100
    assert sum(stored.values()) == 100
    assert len(toy.rows(tree / "figures", once=False)) == 100


def test_a_command_alone_does_not_list_the_parts_for_every_batch(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They may be thousands; whoever comes or goes is seen in the folder above them."""
    store = Store(tmp_path)
    store.write([finished(0)])
    looks = []
    news = Store.news
    monkeypatch.setattr(Store, "news", lambda own: looks.append(1) or news(own))
    blocks = [Block("study", "s", {}, ((wanted(i),),)) for i in range(1, 60)]
    with Company(store) as company:
        assert all(company.take(block) for block in blocks[:50])
        assert len(looks) <= 3
        # One that came, stored a run and went is noticed; what it stored is not taken.
        with Company(Store(tmp_path)) as other:
            assert other.take(blocks[50])
            assert not company.take(blocks[50])
            Store(tmp_path).write([finished(51)])
        assert not company.take(blocks[50])
        assert company.take(blocks[51])


@pytest.mark.skipif(os.name != "posix", reason="stops a process")
def test_what_a_stopped_or_killed_command_had_in_flight_is_computed(tree: Path) -> None:
    words = ["toy", "--seeds", "25", "--jobs", "1"]
    first = toy.start(tree, *words)
    toy.wait_for_parts(tree / "figures", 2, first)
    children.tell(first, signal.SIGSTOP)
    second = toy.start(tree, *words)
    out, err = children.finish(second)
    assert second.returncode == 0, out + err
    assert len(times_stored(tree / "figures")) == 100
    children.tell(first, signal.SIGCONT)
    out, err = children.finish(first)
    assert first.returncode == 0, out + err
    stored = times_stored(tree / "figures")
    assert (len(stored), sum(stored.values()) - 100 <= 4) == (100, True)
    runs = tree / "figures" / "toy" / "runs"
    assert [path.name for path in runs.iterdir() if not path.name.startswith("sweep=")] == []
