"""Interruption, growth and changed code, on real processes and a real store."""

import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests import children, toy

pytestmark = pytest.mark.slow

NEEDS_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="reads tables in /proc")
RESULTS = ("verdict.json", "rates.csv")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return toy.tree(tmp_path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An uninterrupted sweep of 120 runs, to compare with."""
    folder = toy.tree(tmp_path_factory.mktemp("whole"))
    assert toy.sweep(folder, "toy", "--jobs", "1", "--out", "whole").returncode == 0
    return folder / "whole"


@pytest.fixture(scope="module")
def eight(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree in which the first two seeds are stored: 8 runs."""
    folder = toy.tree(tmp_path_factory.mktemp("eight"))
    assert toy.sweep(folder, "toy", "--seeds", "2", "--jobs", "1").returncode == 0
    return folder


def assert_same_results(out: Path, whole: Path, once: bool = True) -> None:
    assert toy.rows(out, once) == toy.rows(whole)
    for name in RESULTS:
        assert (out / "toy" / name).read_bytes() == (whole / "toy" / name).read_bytes()


def test_kill_9_in_mid_sweep_loses_only_what_was_in_flight(tree: Path, whole: Path) -> None:
    words = ["toy", "--jobs", "2", "--out", "killed"]
    process = toy.start(tree, *words)
    toy.wait_for_parts(tree / "killed", 3, process)
    toy.kill(process)
    survived = toy.rows(tree / "killed")
    assert 0 < len(survived) < 120, "the sweep was to be killed in the middle"
    resumed = toy.sweep(tree, "toy", "--jobs", "1", "--out", "killed")
    assert resumed.returncode == 0, resumed.stderr
    assert f"{len(survived)} stored, {120 - len(survived)} to run" in resumed.stdout
    assert toy.rows(tree / "killed").items() >= survived.items()
    assert_same_results(tree / "killed", whole)


def killed_at_10_moments(tree: Path, out: Path, jobs: str, chance: random.Random) -> None:
    """Kills at 8 moments of starting, computing and writing; then at 2 of judging and drawing."""
    words = ["toy", "--out", str(out), "--jobs", jobs]
    kept: dict[str, dict] = {}
    for _ in range(8):
        process = toy.start(tree, *words)
        if chance.random() < 0.75:
            toy.wait_for_parts(out, len(kept) // 2 + chance.randrange(4), process)
            time.sleep(chance.uniform(0.0, 0.05))
        else:
            toy.wait(process, chance.uniform(0.0, 4.0))
        toy.kill(process)
        now = toy.rows(out)
        assert now.items() >= kept.items()
        kept = now
    whole = toy.sweep(tree, *words)
    assert whole.returncode == 0, whole.stderr
    kept = toy.rows(out)
    verdict = out / "toy" / "verdict.json"
    for _ in range(2):
        verdict.unlink()
        process = toy.start(tree, *words)
        children.wait_until(verdict.exists, process)
        toy.wait(process, chance.uniform(0.0, 0.3))
        toy.kill(process)
        assert toy.rows(out) == kept


def test_kill_9_at_20_random_moments_then_the_same_table(tree: Path, whole: Path) -> None:
    """While starting, computing, writing, or judging: nothing that was finished is ever lost.

    Half of them with one process, half with two workers, which take longer to start; side by side.
    """
    folders = {jobs: tree / f"killed{jobs}" for jobs in ("1", "2")}
    with ThreadPoolExecutor() as both:
        chains = [
            both.submit(killed_at_10_moments, tree, out, jobs, random.Random(int(jobs)))
            for jobs, out in folders.items()
        ]
        for chain in chains:
            chain.result()
    for jobs, out in folders.items():
        final = toy.sweep(tree, "toy", "--out", str(out), "--jobs", jobs)
        assert final.returncode == 0, final.stderr
        assert_same_results(out, whole)
        assert not list(out.rglob("*.unreadable"))


def test_two_sweeps_at_once_in_one_folder(tree: Path, whole: Path) -> None:
    both = [toy.start(tree, "toy", "--jobs", "1", "--out", "shared") for _ in range(2)]
    for process in both:
        out, err = children.finish(process)
        assert process.returncode == 0, out + err
    assert_same_results(tree / "shared", whole)


def test_growing_computes_only_what_is_new(eight: Path, tmp_path: Path) -> None:
    tree = shutil.copytree(eight, tmp_path / "tree")
    base = ["toy", "--jobs", "1"]
    before = toy.rows(tree / "figures")
    assert len(before) == 8
    assert "8 stored, 4 to run" in toy.sweep(tree, *base, "--seeds", "3").stdout
    grown = toy.sweep(tree, *base, "--seeds", "3", "--set", "alpha=0.1,0.05,0.02")
    assert "12 stored, 6 to run" in grown.stdout
    after = toy.rows(tree / "figures")
    assert {id: after[id] for id in before} == before


def test_comments_do_not_rerun_but_arithmetic_does(eight: Path, tmp_path: Path) -> None:
    """The toy's comment and tolerance; then a solver that only one of its two sweeps reaches."""
    tree = shutil.copytree(eight, tmp_path / "tree")
    study = tree / "sims" / "studies" / "toy.py"
    solver = tree / "matsense" / "solvers" / "sensing" / "symmetric_gd.py"
    base = ["toy", "--seeds", "2", "--jobs", "1"]
    source = (
        study.read_text().replace("# a comment of the toy", "# another").replace("0.03,", "0.04,")
    )
    study.write_text(source.replace('"""Symmetric GD."""', '"""Symmetric descent."""'))
    text = solver.read_text()
    solver.write_text(text.replace("Stable for eta", "Known to be stable for eta"))
    assert "all 8 runs are stored" in toy.sweep(tree, *base).stdout
    assert text.count("return X - eta * (") == 1
    solver.write_text(text.replace("return X - eta * (", "return X - 0.5 * eta * ("))
    changed = toy.sweep(tree, *base)
    assert "4 stored, 4 to run" in changed.stdout
    assert "contradicted" in changed.stdout
    assert changed.returncode == 1


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_ctrl_c_leaves_within_2_seconds_and_says_how_to_go_on(tree: Path, jobs: str) -> None:
    """In the middle of blocks that take minutes: nobody waits for them."""
    study = tree / "sims" / "studies" / "toy.py"
    # Ticks 0 and the last; the block tells when it is at the first, and computes.
    text = study.read_text().replace("linear_ticks(steps, 10)", "linear_ticks(steps, steps)")
    study.write_text(
        text.replace(
            'record = lambda state: {"error": instance.squared_error(*state)}',
            """import jax
    def record(state):
        error = instance.squared_error(*state)
        jax.debug.callback(lambda _: open("running", "w").close(), error)
        return {"error": error}""",
        )
    )
    words = ["toy", "--jobs", jobs, "--seeds", "3", "--set", "odd.steps=1000000000"]
    process = toy.start(tree, *words)
    children.wait_until((tree / "running").exists, process)
    # Of two workers the other may still be at the other sweep: three blocks of two runs.
    toy.wait_for_parts(tree / "figures", {"1": 1, "2": 3}[jobs], process)
    before = toy.rows(tree / "figures")
    asked = time.monotonic()
    out, err = toy.kill(process, signal.SIGINT)
    assert time.monotonic() - asked < children.stretched(2.0)
    assert process.returncode == 3, out + err
    assert "same command goes on" in out
    assert "Traceback" not in out + err
    assert before
    assert toy.rows(tree / "figures") == before


@NEEDS_PROC
def test_a_worker_that_dies_is_replaced_and_nothing_is_lost(tree: Path, whole: Path) -> None:
    process = toy.start(tree, "toy", "--jobs", "2")
    toy.wait_for_parts(tree / "figures", 3, process)
    os.kill(toy.workers(process)[0], signal.SIGKILL)
    out, err = children.finish(process)
    assert process.returncode == 0, out + err
    assert "a worker died" in out
    assert "Traceback" not in out + err
    assert_same_results(tree / "figures", whole)


# When it runs, not when it is traced, which the command itself does to name it.
DIES = "import jax, os; jax.debug.callback(lambda: os.kill(os.getpid(), 9))"


@NEEDS_PROC
def test_batches_that_kill_their_workers_are_found_and_the_rest_goes_on(tree: Path) -> None:
    """A trial that kills its process, in one of the two sweeps: the other is finished and kept."""
    study = tree / "sims" / "studies" / "toy.py"
    text = study.read_text().replace('"""Asymmetric GD."""', f'"""Asymmetric GD."""\n    {DIES}')
    study.write_text(text)
    done = toy.sweep(tree, "toy", "--seeds", "8", "--jobs", "2")
    # The sweep that is lost is the claim's control.
    assert done.returncode == 3, done.stdout + done.stderr
    assert "the worker died of this batch, alone" in done.stdout
    assert "runs of odd were not tried" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    status = [row["status"] for row in toy.rows(tree / "figures").values()]
    # How many were in flight when the first worker died is left to chance.
    assert status.count("ok") == 16
    assert 6 <= status.count("failed") < 16


def test_a_run_that_raises_fails_alone_and_the_rest_goes_on(tree: Path) -> None:
    study = tree / "sims" / "studies" / "toy.py"
    stage = '''
def after(instance, quantities, alpha):
    """Fails for one run: alpha = 0.05 on the instance whose first entry is the largest of all."""
    if alpha == 0.05 and abs(float(instance.truth.U[0, 0])) > LARGE:
        raise ValueError("no answer for this one")
    return quantities

'''
    text = study.read_text().replace("\ndef sweep(", stage + "\ndef sweep(")
    text = text.replace("seeds=30,", "seeds=30, after=after if name == 'even' else None,")
    large = _between_the_two_largest(tree)
    study.write_text(text.replace("\ndef problem(", f"\nLARGE = {large!r}\n\n\ndef problem("))
    done = toy.sweep(tree, "toy", "--seeds", "5", "--jobs", "2")
    assert done.returncode == 3, done.stdout + done.stderr
    why = "no answer for this one"
    assert why in done.stdout
    found = toy.rows(tree / "figures").values()
    failed = [row for row in found if row["status"] == "failed"]
    assert len(found) == 20
    raising = study.read_text().splitlines().index(f'        raise ValueError("{why}")') + 1
    assert [row["message"] for row in failed] == [f"ValueError: {why} (toy.py line {raising})"]
    assert "19 stored, 1 to run" in toy.sweep(tree, "toy", "--seeds", "5", "--jobs", "1").stdout


@pytest.mark.parametrize("jobs", ["1", "2"])
@pytest.mark.parametrize("how", ["raise SystemExit(0)", "raise BaseException('a panic')"])
def test_a_run_that_would_end_the_process_fails(tree: Path, jobs: str, how: str) -> None:
    """In a stage on the host, which may call whatever it likes."""
    study = tree / "sims" / "studies" / "toy.py"
    stage = f"\ndef after(instance, quantities):\n    {how}\n\n"
    text = study.read_text().replace("\ndef sweep(", stage + "\ndef sweep(")
    study.write_text(text.replace("seeds=30,", "seeds=30, after=after,"))
    done = toy.sweep(tree, "toy", "--quick", "--seeds", "1", "--jobs", jobs)
    assert done.returncode == 3, done.stdout + done.stderr
    assert {row["status"] for row in toy.rows(tree / "figures").values()} == {"failed"}


def _between_the_two_largest(tree: Path) -> float:
    """A threshold that one instance of the toy's five passes (seeds 0 to 4)."""
    script = (
        "import jax, numpy as np\n"
        "from sims.study.catalogue import load\n"
        "from sims.study import instance_key\n"
        "found = []\n"
        "sweep = load('toy').sweep('even')\n"
        "for seed in range(5):\n"
        "    data = instance_key('toy', sweep, {'n': 6, 'steps': 300}, seed)\n"
        "    key = jax.random.fold_in(jax.random.wrap_key_data(data), 0)\n"
        "    found.append(abs(float(sweep.problem(key, 6, 300).truth.U[0, 0])))\n"
        "print(sum(sorted(found)[-2:]) / 2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=tree, env=toy.environment(tree), capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    return float(done.stdout)


def test_kept_compilations_that_are_broken_change_nothing(
    tree: Path, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compiled functions are kept; truncated ones are compiled again."""
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(tree / "cache"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    words = ["toy", "--jobs", "1", "--out"]
    assert toy.sweep(tree, *words, "first", "--seeds", "1").returncode == 0
    kept = list((tree / "cache").glob("jit_trial*-cache"))
    assert kept
    for path in kept:
        path.write_bytes(path.read_bytes()[:500])
    assert toy.sweep(tree, *words, "second").returncode == 0
    assert_same_results(tree / "second", whole)


def test_a_clock_that_jumps_back_changes_nothing(tree: Path, whole: Path) -> None:
    """time.time falls by an hour, again and again, in every process of the sweep."""
    (tree / "sitecustomize.py").write_text(
        "import time\n"
        "real, calls = time.time, 0\n"
        "def jumping():\n"
        "    global calls\n"
        "    calls += 1\n"
        "    return real() - 3600.0 * (calls // 50)\n"
        "time.time = jumping\n"
    )
    done = toy.sweep(tree, "toy", "--jobs", "2", "--out", "jumped")
    assert done.returncode == 0, done.stderr
    assert_same_results(tree / "jumped", whole)


@NEEDS_PROC
@pytest.mark.parametrize("moment", ["LokyProcess", "jaxlib"], ids=["starting", "importing"])
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGHUP], ids=["Ctrl-C", "closed terminal"])
def test_while_workers_import_a_terminal_gets_one_line(
    tree: Path, how: signal.Signals, moment: str
) -> None:
    """The terminal tells the whole group; only the command itself may answer, and once."""
    process = toy.start(tree, "toy", "--jobs", "2")
    toy.wait_for_workers(process, 2)
    first = Path(f"/proc/{toy.workers(process)[0]}")
    told = {"LokyProcess": first / "cmdline", "jaxlib": first / "maps"}[moment]
    children.wait_until(lambda: moment in told.read_text(), process)
    for pid in toy.workers(process):
        status = Path(f"/proc/{pid}/status").read_text()
        blocked = int(re.findall(r"SigBlk:\s*(\w+)", status)[0], 16)
        assert blocked & (1 << (how - 1)), "whether it would have spoken is chance"
    asked = time.monotonic()
    children.tell(process, how)
    time.sleep(0.05)
    out, err = toy.kill(process, how)  # an impatient user
    assert time.monotonic() - asked < children.stretched(2.0)
    assert process.returncode == 3, out + err
    assert "same command goes on" in out
    assert err == ""


def test_ctrl_c_before_the_command_has_begun_is_one_line(tree: Path) -> None:
    """JAX takes a second to import; a module that says so stands in its way here: in a folder of
    the path, since one in the current folder would be refused.
    """
    slow = tree / "slow"
    slow.mkdir()
    (slow / "jax.py").write_text("import time\nopen('importing', 'w').close()\ntime.sleep(60)\n")
    path = os.pathsep.join([str(slow), str(tree)])
    environment = toy.environment(tree) | {"PYTHONPATH": path}
    process = children.start(toy.command("toy"), tree, environment)
    children.wait_until((tree / "importing").exists, process)
    out, err = toy.kill(process, signal.SIGINT)
    assert (process.returncode, out, err) == (3, "", "interrupted: nothing was written\n")


@NEEDS_PROC
@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_worker_outlives_its_command(tree: Path, how: signal.Signals) -> None:
    """The command alone is told, as by `kill` or a batch system; then nobody holds its output."""
    process = toy.start(tree, "toy", "--jobs", "2")
    toy.wait_for_parts(tree / "figures", 1, process)
    process.send_signal(how)
    out, err = children.finish(process)
    assert toy.workers(process) == []
    assert process.returncode == (3 if how is signal.SIGTERM else -9)
    assert ("same command goes on" in out) == (how is signal.SIGTERM)
    assert "Traceback" not in out + err
