"""What a sweep has concluded, as tables: the current runs and no others, or why not."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from matsense.errors import InvalidInput
from sims.results import load
from tests import mine, toy

TWO_SHAPES = toy.STUDY.replace('sweep("odd", asymmetric)', 'sweep("odd", other)').replace(
    "\ndef sweep(",
    "\ndef other(instance, key, alpha, steps):\n"
    '    """The last error alone, and diverged for alpha = 0.1."""\n'
    "    found = asymmetric(instance, key, alpha, steps)\n"
    "    last = jnp.where(alpha == 0.1, jnp.nan, found['error'][-1])\n"
    '    return {"t": found["t"], "error": last}\n\n\ndef sweep(',
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Judged on two seeds of one alpha, of which more were stored before."""
    folder = tmp_path_factory.mktemp("results")
    mine.write(folder, toy.STUDY, name="shown")
    words = ["shown.py", "--seeds", "2", "--jobs", "1"]
    assert mine.sweep(folder, *words, "--set", "alpha=0.1,0.07").returncode == 0
    assert mine.sweep(folder, *words, "--quick", "--rejudge").returncode == 0
    return folder / "figures" / "shown"


def test_the_current_runs_and_the_verdicts(folder: Path) -> None:
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    found = load(folder)
    assert (found.study, found.precision, found.missing) == ("shown", "float64", ())
    assert [claim["verdict"] for claim in found.verdicts] == ["consistent"]
    assert {name: table.num_rows for name, table in found.tables.items()} == {"even": 2, "odd": 2}
    even = found.tables["even"]
    assert even["param.alpha"].to_pylist() == [0.1, 0.1] and even["seed"].to_pylist() == [0, 1]
    rates = (folder / "rates.csv").read_text()
    assert all(run in rates for run in found.runs["run"].to_pylist())
    # The claim's own number, from the trace as it was read.
    t, error = (np.array(even[name].to_pylist()[0]) for name in ("t", "error"))
    assert t.tolist() == list(range(0, 301, 10))
    late = (error > 1e-24) & (t > 150)
    assert -np.polyfit(t[late], np.log(error[late]), 1)[0] == pytest.approx(0.2107, rel=0.01)
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_all_sweeps_in_one_table(folder: Path) -> None:
    runs = load(str(folder)).runs
    assert runs.column_names[0] == "sweep" and runs["sweep"].to_pylist() == [
        *2 * ["even"],
        *2 * ["odd"],
    ]
    assert runs.schema.field("error").type == pa.list_(pa.float64())
    if importlib.util.find_spec("pandas") is None:
        pytest.skip("pandas is not installed; the Arrow table was read")
    assert runs.to_pandas().groupby("sweep").size().to_dict() == {"even": 2, "odd": 2}


def test_what_diverged_is_there_and_sweeps_that_record_other_things_stand_apart(
    tmp_path: Path,
) -> None:
    mine.write(tmp_path, TWO_SHAPES, name="apart")
    mine.sweep(tmp_path, "apart.py", "--seeds", "1", "--jobs", "1")
    found = load(tmp_path / "figures" / "apart")
    assert found.tables["odd"]["status"].to_pylist() == ["diverged", "ok"]
    assert np.isnan(found.tables["odd"]["error"].to_pylist()[0])
    with pytest.raises(InvalidInput, match=r"\(error\); take the tables one by one"):
        found.runs  # noqa: B018
    lost = shutil.copytree(tmp_path / "figures" / "apart", tmp_path / "lost")
    shutil.rmtree(lost / "runs" / "sweep=even")
    with pytest.raises(InvalidInput, match="2 of its 4 runs are not in"):
        load(lost)


def test_runs_that_were_missing_are_named(tmp_path: Path, folder: Path) -> None:
    mine.write(tmp_path, toy.STUDY, name="shown")
    shutil.copytree(folder, tmp_path / "figures" / "shown")
    words = ["shown.py", "--quick", "--seeds", "3", "--rejudge", "--jobs", "1"]
    assert mine.sweep(tmp_path, *words).returncode == 3
    found = load(tmp_path / "figures" / "shown")
    assert len(found.missing) == 2 and not set(found.missing) & set(found.runs["run"].to_pylist())


def damaged(copy: Path, how: str) -> None:
    verdict, rates = copy / "verdict.json", copy / "rates.csv"
    part = next(copy.rglob("*.parquet"))
    if how == "no verdict":
        verdict.unlink()
    elif how == "no rates":
        rates.unlink()
    elif how == "another's verdict":
        verdict.write_text('{"claims": 3}')
    elif how == "cut":
        verdict.write_bytes(verdict.read_bytes()[:100])
    elif how == "another's rates":
        rates.write_text("a,b\n1,2\n")
    elif how == "empty rates":
        rates.write_text("run,sweep,status,grid_digest\n")
    elif how == "binary rates":
        rates.write_bytes(bytes(range(256)))
    elif how == "two conclusions":
        verdict.write_text(re.sub('"grid_digest": "g.', '"grid_digest": "gx', verdict.read_text()))
    elif how == "a part is damaged":
        part.write_bytes(part.read_bytes()[:-9])
    elif how == "another version":
        (copy / "runs" / "store.json").write_text(json.dumps({"format": 1}))
    elif how == "a gallery without runs":
        shutil.rmtree(copy / "runs")


@pytest.mark.parametrize(
    ("how", "rule"),
    [
        ("no verdict", "no verdict.json there"),
        ("no rates", "no rates.csv there"),
        ("another's verdict", "holds no verdicts"),
        ("cut", "holds no verdicts"),
        ("another's rates", "its rates.csv is not a sweep's"),
        ("empty rates", "its rates.csv is not a sweep's"),
        ("binary rates", "its rates.csv is not a sweep's"),
        ("two conclusions", "of two conclusions"),
        ("a part is damaged", "cannot be read"),
        ("another version", "format 1"),
        ("a gallery without runs", "4 of its 4 runs are not in"),
    ],
)
def test_a_folder_that_cannot_be_read_is_told_in_one_line(
    folder: Path, tmp_path: Path, how: str, rule: str
) -> None:
    copy = shutil.copytree(folder, tmp_path / "copy")
    damaged(copy, how)
    before = {path: path.is_file() and path.read_bytes() for path in copy.rglob("*")}
    with pytest.raises(InvalidInput) as caught:
        load(copy)
    assert rule in str(caught.value) and "\n" not in str(caught.value)
    assert {path: path.is_file() and path.read_bytes() for path in copy.rglob("*")} == before


def test_a_folder_above_is_told_which_one_to_take(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=f"give a study's folder, as {folder}"):
        load(folder.parent)
    with pytest.raises(InvalidInput, match="No such file"):
        load(tmp_path / "nowhere")
