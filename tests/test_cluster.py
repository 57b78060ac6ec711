"""A real dask scheduler with two worker processes on this machine, one of which is killed."""

import asyncio
import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from sims.running import cluster
from sims.running.distributed_logging import hushed
from tests import children, toy

pytestmark = pytest.mark.slow

CALM = ["--no-dashboard"]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return toy.tree(tmp_path)


def started(tree: Path, module: str, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"distributed.cli.{module}", *words, *CALM]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return children.start(command, tree, toy.environment(tree), **quiet)


@pytest.fixture
def scheduler_process(tree: Path) -> subprocess.Popen[str]:
    told = tree / "scheduler.json"
    words = ["--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(told)]
    process = started(tree, "dask_scheduler", *words)
    children.wait_until(lambda: told.exists() and bool(told.read_text()), process)
    return process


@pytest.fixture
def scheduler(tree: Path, scheduler_process: subprocess.Popen[str]) -> str:
    return json.loads((tree / "scheduler.json").read_text())["address"]


@pytest.fixture
def workers(tree: Path, scheduler: str) -> list[subprocess.Popen[str]]:
    return [
        started(
            tree, "dask_worker", scheduler, "--nthreads", "1", "--no-nanny",
            "--local-directory", str(tree / f"worker{i}"),
        )
        for i in range(2)
    ]  # fmt: skip


def wait_for_workers(scheduler: str, count: int) -> None:
    from distributed import Client

    with Client(scheduler, set_as_default=False) as client:
        client.wait_for_workers(count, timeout=children.DEADLINE)


def test_a_cluster_that_loses_a_worker_gives_the_local_table(
    tree: Path, scheduler: str, workers: list[subprocess.Popen[str]]
) -> None:
    wait_for_workers(scheduler, 2)
    words = ["toy", "--seeds", "40"]
    process = toy.start(
        tree, *words, "--backend", "dask", "--scheduler", scheduler, "--out", "cluster"
    )
    toy.wait_for_parts(tree / "cluster", 10, process)
    workers[0].kill()
    out, err = children.finish(process)
    assert process.returncode == 0, out + err
    assert "Traceback" not in out + err
    assert toy.sweep(tree, *words, "--jobs", "1", "--out", "local").returncode == 0
    assert toy.rows(tree / "cluster") == toy.rows(tree / "local")
    for name in ("verdict.json", "rates.csv"):
        cluster, local = (tree / out / "toy" / name for out in ("cluster", "local"))
        assert cluster.read_bytes() == local.read_bytes()


def test_a_worker_with_other_code_computes_nothing(
    tree: Path, scheduler: str, workers: list[subprocess.Popen[str]]
) -> None:
    """The caller's solver is changed after the workers have imported theirs."""
    wait_for_workers(scheduler, 2)
    words = ["toy", "--seeds", "1", "--backend", "dask", "--scheduler", scheduler]
    assert toy.sweep(tree, *words).returncode == 0
    solver = tree / "matsense" / "solvers" / "sensing" / "symmetric_gd.py"
    text = solver.read_text()
    assert text.count("return X - eta * (") == 1
    solver.write_text(text.replace("return X - eta * (", "return X - 0.5 * eta * ("))
    done = toy.sweep(tree, *words)
    assert done.returncode == 3
    assert "2 runs failed" in done.stdout
    assert "differs from the caller's" in done.stdout
    status = [row["status"] for row in toy.rows(tree / "figures").values()]
    assert sorted(set(status)) == ["failed", "ok"]


def test_a_scheduler_that_dies_is_one_line_and_what_is_finished_is_kept(
    tree: Path,
    scheduler_process: subprocess.Popen[str],
    scheduler: str,
    workers: list[subprocess.Popen[str]],
) -> None:
    wait_for_workers(scheduler, 2)
    words = ["toy", "--seeds", "100", "--backend", "dask", "--scheduler", scheduler]
    process = toy.start(tree, *words)
    toy.wait_for_parts(tree / "figures", 5, process)
    scheduler_process.kill()
    out, err = children.finish(process)
    assert process.returncode == 3, out + err
    assert "cannot be reached any more: what is finished is stored" in out
    assert "Traceback" not in out + err
    assert "ERROR" not in err
    stored = len(toy.rows(tree / "figures"))
    assert 0 < stored < 400
    assert f"{stored} stored" in toy.sweep(tree, *words[:3], "--dry-run").stdout


def test_batches_that_kill_their_workers_are_found_and_the_rest_goes_on(
    tree: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """As out of memory does: a nanny starts the worker again, and the scheduler blames the task."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES", "0")
    study = tree / "sims" / "studies" / "toy.py"
    study.write_text(
        study.read_text().replace(
            '"""Asymmetric GD."""',
            # Not in the command itself, which traces it.
            '"""Asymmetric GD."""\n    import os, sys\n'
            '    "sims.sweep" in sys.orig_argv or os.kill(os.getpid(), 9)',
        )
    )
    scheduler = request.getfixturevalue("scheduler")
    started(tree, "dask_worker", scheduler, "--nthreads", "1", "--local-directory", str(tree / "w"))
    wait_for_workers(scheduler, 1)
    done = toy.sweep(tree, "toy", "--seeds", "6", "--backend", "dask", "--scheduler", scheduler)
    assert done.returncode == 3, done.stdout + done.stderr
    assert done.stderr == ""
    assert "the worker died of this batch, alone" in done.stdout
    assert "6 runs of odd were not tried" in done.stdout
    status = [row["status"] for row in toy.rows(tree / "figures").values()]
    assert (status.count("ok"), status.count("failed")) == (12, 6)


def test_a_cluster_without_workers_is_given_up(
    scheduler: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "LOOK", 0.2)
    with pytest.raises(cluster.WorkersLostError, match="has no worker any more"):
        list(cluster.run_there(list, [(1,)], scheduler))


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes a certificate")
def test_a_cluster_behind_tls(
    tree: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """The variables that README names, on all three sides; without them nobody is let in."""
    monkeypatch.chdir(tree)
    made = "req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=us"
    subprocess.run(["openssl", *made.split()], check=True, capture_output=True)
    with monkeypatch.context() as told:
        told.setenv("DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION", "true")
        told.setenv("DASK_DISTRIBUTED__COMM__TLS__CA_FILE", str(tree / "cert.pem"))
        for side in ("SCHEDULER", "WORKER", "CLIENT"):
            for what in ("CERT", "KEY"):
                file = str(tree / f"{what.lower()}.pem")
                told.setenv(f"DASK_DISTRIBUTED__COMM__TLS__{side}__{what}", file)
        words = ["--protocol", "tls", "--host", "127.0.0.1", "--port", "0"]
        started(tree, "dask_scheduler", *words, "--scheduler-file", str(tree / "told.json"))
        told_by = tree / "told.json"
        children.wait_until(lambda: told_by.exists() and bool(told_by.read_text()))
        address = json.loads(told_by.read_text())["address"]
        assert address.startswith("tls://")
        started(tree, "dask_worker", address, "--nthreads", "1", "--no-nanny")
        cli = ["toy", "--seeds", "1", "--backend", "dask", "--scheduler", address]
        children.wait_until(lambda: toy.sweep(tree, *cli, "--out", "tls").returncode == 0)
        assert len(toy.rows(tree / "tls")) == 4
    for scheme in ("tls", "tcp"):
        cli[-1] = address.replace("tls", scheme)
        refused = toy.sweep(tree, *cli)
        assert refused.returncode == 2
        assert "TLS" in refused.stderr and len(refused.stderr.splitlines()) == 1
    assert not (tree / "figures").exists()


@pytest.mark.parametrize("name", ["distributed.client", "tornado.application", "asyncio"])
def test_only_the_end_of_a_connection_is_not_logged(
    caplog: pytest.LogCaptureFixture, name: str
) -> None:
    from distributed.comm.core import CommClosedError

    def logged(error: BaseException) -> bool:
        caplog.clear()
        logging.getLogger(name).error("in a task", exc_info=error)
        return bool(caplog.records)

    hush = hushed()
    try:
        # caplog listens at the root, which some of these loggers do not propagate to.
        logging.getLogger(name).addHandler(caplog.handler)
        assert logged(ValueError("a fault of ours"))
        assert not logged(CommClosedError("closed"))
        assert not logged(asyncio.CancelledError())
        hush.lost = True
        assert not logged(AssertionError("while closing"))
    finally:
        logging.getLogger(name).removeHandler(caplog.handler)
        hush.lost = False
