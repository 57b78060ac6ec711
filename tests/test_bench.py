"""The bench: contenders agree before their times count, ratios are of one repetition."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import psutil
import pytest

from matsense.errors import InvalidInput
from sims import bench
from sims.benches import Case, Contender, available, load, table
from tests import children, toy


@pytest.mark.parametrize("name", available())
def test_every_case_is_whole(name: str) -> None:
    case = load(name)
    names = [contender.name for contender in case.contenders]
    assert len(set(names)) == len(names)
    assert case.sizes
    for contender in case.contenders:
        assert contender.limit is None or contender.limit in names
        assert all(contender.units(**size) > 0 for size in case.sizes)
    assert all(isinstance(case.note(**size), str) for size in case.sizes)
    assert not case.growth or case.grows in names


SAME = """
import json, sys
from sims.benches import load, table
case, size = load(sys.argv[1]), json.loads(sys.argv[2])
usable = [c for c in table.usable(case, "cpu") if "copy" not in c.name]
print(json.dumps({c.name: float(c.build(**size)(5)) for c in usable}))
"""


@pytest.mark.parametrize(
    ("name", "size"),
    [("sensing", {"n": 12, "m": 60, "lanes": 8}), ("streaming_eig", {"n": 99, "d": 5, "lanes": 3})],
)
def test_contenders_compute_the_same(name: str, size: dict[str, int]) -> None:
    """At a small size, to the agreement that each of them promises; limits compute nothing.

    In a process of its own: the libraries of all contenders would stay in this one to its end.
    """
    words = [sys.executable, "-c", SAME, name, json.dumps(size)]
    done = children.call(words, toy.ROOT, toy.environment(toy.ROOT))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    contenders = {c.name: c for c in load(name).contenders}
    reference = next(iter(found.values()))
    assert len(found) > 2 and np.isfinite(reference)
    for name, value in found.items():
        if contenders[name].limit is not None or not np.isnan(value):
            np.testing.assert_allclose(value, reference, rtol=contenders[name].agree)


def test_the_command_times_and_records(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A contender of each kind: the reference, one that is compared, its limit, a copy."""
    # As on one core, where a crowd is one process; and of a copy that takes little memory.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    monkeypatch.chdir(toy.tree(tmp_path))
    case = Path("sims/benches/sensing.py")
    assert case.read_text().count("COPIED = 2**25") == 1
    case.write_text(case.read_text().replace("COPIED = 2**25", "COPIED = 2**20"))
    some = ["jitted, 1 trajectory", "ours, float64", "product, float64", "copy, us per MB"]
    usable = table.usable
    monkeypatch.setattr(table, "usable", lambda *told: [c for c in usable(*told) if c.name in some])
    out = tmp_path / "bench.json"
    words = ["sensing", "--only", "n=20", "--only", "lanes=8", "--repeats", "2"]
    assert bench.command([*words, "--seconds", "0.01", "--json", str(out)]) == 0
    assert "us per trajectory-step" in capsys.readouterr().out
    record = json.loads(out.read_text())
    rows = {row["contender"]: row for row in record["cases"][0]["rows"]}
    assert set(some) == set(rows)
    assert all(row["seconds"] > 0 and row["size"]["n"] == 20 for row in rows.values())
    assert rows["jitted, 1 trajectory"]["ratio"] == 1
    assert rows["ours, float64"]["share"] > 0
    assert record["machine"]["cpu"]


def test_contenders_that_disagree_are_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    class Fake:
        def __init__(self, value: float) -> None:
            def build(**_: int) -> None:
                raise AssertionError("not in this process")

            self.contender = Contender(str(value), build, lambda **_: 1.0)  # type: ignore[arg-type]
            self.value = value

        def together(self, **_: object) -> list[dict[str, float]]:
            return [{"value": self.value, "first": 1.0}]

        def seconds(self, steps: int) -> float:
            return 1.0 * steps

        def per_unit(self, steps: int, size: dict[str, int]) -> float:
            return 1.0

    rows = table.compare([Fake(1.0), Fake(1.0 + 1e-12)], {"n": 1}, 2, 0.1)  # type: ignore[list-item]
    assert [row.ratio for row in rows] == [1.0, 1.0]
    with pytest.raises(AssertionError, match="Not equal"):
        table.compare([Fake(1.0), Fake(1.0 + 1e-6)], {"n": 1}, 2, 0.1)  # type: ignore[list-item]


def test_growth_is_the_power_of_the_axis() -> None:
    sizes = [{"n": n} for n in (10, 20, 40, 80)]
    power, error = table.exponent(sizes, "n", [3.0 * size["n"] ** 2.5 for size in sizes])
    assert power == pytest.approx(2.5)
    assert error < 1e-6


def test_packages_that_are_missing_leave_a_contender_out() -> None:
    there, missing = (
        Contender(name, lambda **_: lambda steps: 0.0, lambda **_: 1.0, needs=needs)
        for name, needs in (("there", ("numpy",)), ("missing", ("no_such_package",)))
    )
    case = Case("t", "u", ({"n": 1},), (there, missing))
    assert table.usable(case, "cpu") == [there]
    assert table.usable(case, "gpu") == []


@pytest.mark.parametrize(
    ("words", "remedy"),
    [
        (["nonsense"], "sensing"),
        (["sensing", "--only", "k=3"], "no such axis"),
        (["sensing", "--only", "n=21"], "give one of [20, 50, 100]"),
        (["sensing", "--only", "n=20", "--only", "m=400"], "leave one out"),
        (["--repeats", "1"], "2 or more"),
        (["--seconds", "0"], "give 0.2"),
        (["--json", "no/such/folder.json"], "make it first"),
        (["--device", "tpu"], "invalid choice: 'tpu'"),
        (["--study", "nonsense"], "no such study"),
    ],
)
def test_bad_input_is_one_line(words: list[str], remedy: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        bench.command(words)
    assert remedy in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_the_breakdown_of_a_study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cold, compiled before, all stored: the third call runs nothing."""
    tree = toy.tree(tmp_path)
    # Six sweeps on one core: the workers of two would take most of the time to start.
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    words = ["--study", "toy", "--quick", "--growth", "--json", str(tmp_path / "study.json")]
    done = toy.call(tree, "sims.bench", *words)
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "study.json").read_text())
    assert len(record["growth with seeds"]["seconds"]) == 3
    calls = record["study"]
    assert [call["call"] for call in calls] == ["cold", "compiled before", "all stored"]
    assert calls[0]["all workers"] > 0
    assert calls[2]["all workers"] == 0


@pytest.mark.skipif(os.name != "posix", reason="sends a signal to a process group")
def test_ctrl_c_is_one_line_and_leaves_no_process(tmp_path: Path) -> None:
    """While contenders import and compile: the last one to hold the output has ended with it."""
    out = tmp_path / "record.json"
    words = [sys.executable, "-m", "sims.bench", "sensing", "--json", str(out)]
    environment = toy.environment(toy.ROOT)
    process = children.start(words, toy.ROOT, environment, stderr=subprocess.STDOUT)
    children.wait_until(lambda: len(psutil.Process(process.pid).children()) > 1, process)
    children.tell(process, signal.SIGINT)
    told, _ = children.finish(process)
    assert process.returncode == 3, told
    assert "interrupted" in told
    assert "Traceback" not in told
    assert not out.exists()


def test_a_case_without_a_contender_for_the_device_is_said_and_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "choose_device", lambda kind, jobs: 1)
    assert bench.command(["attention_svm", "--device", "gpu"]) == 0
    assert "attention_svm: nothing of it runs on --device gpu" in capsys.readouterr().out
