"""Which stored runs are current, on a real study whose author edits, moves and renames."""

import csv
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow.dataset as ds
import pytest

from matsense.judging.runs import Run
from sims.storage.store import Store
from sims.study import Sweep
from tests import toy


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The toy with a module of its author's own, at the root of the tree."""
    folder = toy.tree(tmp_path)
    study = folder / "sims" / "studies" / "toy.py"
    text = study.read_text().replace("asymmetric_gd(instance, 0.075)", "method(instance)")
    study.write_text("from mine import method\n" + text)
    (folder / "mine.py").write_text(
        "from matsense.solvers.sensing.asymmetric_gd import asymmetric_gd\n"
        "FACTOR = 0.075\n\n\n"
        "def method(instance):\n"
        "    return asymmetric_gd(instance, FACTOR)\n"
    )
    return folder


@pytest.mark.slow
def test_what_is_moved_and_renamed_stays_and_an_authors_own_factor_reruns(tree: Path) -> None:
    words = ["toy", "--seeds", "1", "--jobs", "1"]
    assert "0 stored, 4 to run" in toy.sweep(tree, *words).stdout
    before = toy.rows(tree / "figures")

    # The file becomes a folder of two; functions, comments and a tolerance change.
    study = tree / "sims" / "studies" / "toy.py"
    text = study.read_text().replace("def symmetric(", "def balanced(").replace("0.03,", "0.04,")
    text = text.replace('sweep("even", symmetric)', 'sweep("even", parts.balanced)')
    text = text.replace("# a comment of the toy", "# another").replace("record =", "measure =")
    text = text.replace("ticks, record)", "ticks, measure)")
    start, end = text.index("def problem("), text.index("def sweep(")
    head = text[: text.index("def problem(")]
    study.unlink()
    study.with_suffix("").mkdir()
    (study.with_suffix("") / "parts.py").write_text(head + text[start:end])
    rest = text[:start] + text[end:].replace("name, problem,", "name, parts.problem,")
    rest = rest.replace('"odd", asymmetric', '"odd", parts.asymmetric')
    (study.with_suffix("") / "__init__.py").write_text(
        "from sims.studies.toy import parts\n" + rest
    )
    moved = toy.sweep(tree, *words)
    assert "all 4 runs are stored" in moved.stdout, moved.stdout + moved.stderr
    assert toy.rows(tree / "figures") == before

    own = tree / "mine.py"
    own.write_text(own.read_text().replace("0.075", "0.05"))
    assert "2 stored, 2 to run" in toy.sweep(tree, *words).stdout

    # Both programs' runs lie in one folder, told apart by a column; what is read is the later one.
    after = toy.rows(tree / "figures")
    programs = {sweep: set() for sweep in ("even", "odd")}
    table = ds.dataset(
        tree / "figures" / "toy" / "runs", partitioning="hive", exclude_invalid_files=True
    ).to_table(columns=["sweep", "program", "precision", "date"])
    for row in table.to_pylist():
        programs[row["sweep"]].add(row["program"])
        assert row["precision"] == "float64"
        assert timedelta(0) <= datetime.now(UTC) - row["date"] < timedelta(minutes=10)
    assert {sweep: len(found) for sweep, found in programs.items()} == {"even": 1, "odd": 2}
    with (tree / "figures" / "toy" / "rates.csv").open() as file:
        shown = {row["run"] for row in csv.DictReader(file)}
    assert shown >= set(after) - set(before)
    stale = set(before) - shown
    assert Counter(after[run]["program"] in programs["odd"] for run in stale) == {True: 2}

    pruned = toy.sweep(tree, "toy", "--prune")
    assert "removing 2 runs of older code" in pruned.stdout, pruned.stdout + pruned.stderr
    assert pruned.returncode == 0
    assert set(toy.rows(tree / "figures")) == shown


def test_a_store_returns_only_what_is_current(tmp_path: Path) -> None:
    """Two programs' runs of the same parameters, even in one file."""
    old = Run("a" * 32, "s", {"n": 5}, 0, "ok", program="first", precision="float64")
    new = replace(old, id="b" * 32, program="second")
    store = Store(tmp_path)
    store.write([replace(p, quantities={"x": np.asarray(v)}) for p, v in ((old, 1.0), (new, 2.0))])
    (run,) = store.read([new])
    assert float(run.quantities["x"]) == 2.0
    (_, table) = next(store.tables())
    assert table["program"].to_pylist() == ["first", "second"]
    assert "program" not in run.quantities and "date" not in run.quantities


def test_numbers_that_ride_along_have_one_dtype_whatever_the_company() -> None:
    """A whole number beside others would else be computed with another program."""
    mixed = Sweep("s", lambda key: key, lambda instance, key, a: {}, lane={"a": (1, 0.5)})
    assert [type(value) for value in mixed.lane["a"]] == [float, float]
    assert [type(v) for v in mixed.with_axes({"a": (1, 2)}).lane["a"]] == [int, int]
