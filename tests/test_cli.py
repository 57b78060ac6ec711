"""The command line as a user types it: results, exit codes, and bad input of every kind."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from matsense.errors import InvalidInput
from sims import options
from sims import sweep as cli
from sims.study import available
from tests import toy


def refused(*words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        cli.command(words)
    return str(caught.value)


@pytest.mark.parametrize(
    ("words", "value", "remedy"),
    [
        (["overparam_dg"], "overparam_dg", "did you mean overparam_gd?"),
        (["nonsense"], "nonsense", "overparam_gd"),
        (["--set", "alhpa=1"], "alhpa", "did you mean alpha?"),
        (["--set", "symetric.alpha=1"], "symetric", "did you mean symmetric?"),
        (["--set", "symmetric.m=9"], "'m'", "known:"),
        (["--set", "alpha"], "alpha", "--set alpha=0.1,0.5"),
        (["--set", "alpha=big"], "alpha=big", "numbers"),
        (["--set", "k=3.5"], "k=3.5", "whole numbers"),
        (["--set", "k=2"], "k = 2", "give k >= 3"),
        (["--set", "symmetric.k=51"], "k = 51", "give k <= 50"),
        (["--set", "r=0"], "r = 0", "give r = 1"),
        (["--set", "n=1", "--set", "r=1", "--set", "k=1"], "n = 1", "give n = 2"),
        (["--set", "alpha=0"], "alpha = 0", "give alpha > 0"),
        (["--set", "alpha=nan"], "alpha = nan", "give alpha > 0"),
        (["--set", "eta=-0.1"], "eta = -0.1", "give eta > 0"),
        (["--set", "steps=0"], "steps = 0", "give steps > 0"),
        (["--set", "kappa=0.5"], "kappa = 0.5", "give kappa >= 1"),
        (["--set", "m=0"], "m = 0", "give m >= 1"),
        (["--set", "balance=0"], "balance = 0", "give balance > 0"),
        (["--seeds", "0"], "--seeds 0", "give --seeds 1"),
        (["--seeds", "many"], "many", "--help"),
        (["--first-seed", "-1"], "--first-seed -1", "give --first-seed 1000"),
        (["--jobs", "0"], "--jobs 0", "give 1"),
        (["--jobs", "-7"], "--jobs -7", "give 1"),
        (["--device", "tpu"], "--device tpu", "give --device cpu"),
        (["--memory", "lots"], "--memory lots", "give 4G"),
        (["--memory", "0G"], "--memory 0G", "give 4G"),
        (["--memory", "-1G"], "command line", "--help"),
        (["--memory", "1M"], "--memory 1 MB", "give more than"),
        (["--operator-dtype", "float16"], "float16", "give --operator-dtype float32"),
        (["--device", "gpu", "--memory", "4G"], "--memory 4G", "leave it out"),
        (["--scheduler", "tcp://[::1]:9"], "--scheduler", "add --backend dask"),
        (["--backend", "lokky"], "lokky", "did you mean loky?"),
        (["--colour"], "--colour", "--help"),
    ],
)
def test_bad_input_is_one_line_with_value_and_remedy(
    words: list[str], value: str, remedy: str, tmp_path: Path
) -> None:
    study = [] if words[0] in ("overparam_dg", "nonsense") else ["overparam_gd"]
    message = refused(*study, *words, "--out", str(tmp_path / "out"))
    assert value in message
    assert remedy in message
    assert "\n" not in message
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("missing", ["distributed", None])
def test_dask_needs_its_package_and_a_scheduler(
    missing: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["overparam_gd", "--backend", "dask", "--out", str(tmp_path / "out")]
    if missing:
        monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
        assert 'pip install "matsense[cluster]"' in refused(*words)
    else:
        assert "--scheduler tcp://HOST:8786" in refused(*words)
        assert "nothing answers there" in refused(*words, "--scheduler", "tcp://[::1]:9")
        assert "give tcp://nonsense:8786" in refused(*words, "--scheduler", "nonsense")
        assert "of this machine" in refused(*words, "--scheduler", "tcp://[::1]:9", "--dry-run")
    assert list(tmp_path.iterdir()) == []


def test_output_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert "is a file" in refused("overparam_gd", "--out", str(tmp_path / "file" / "deeper"))
    assert (tmp_path / "file").read_text() == "mine"


def test_output_folder_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    message = refused("overparam_gd", "--out", str(tmp_path / "new"))
    assert "cannot be written (Permission denied)" in message
    assert list(tmp_path.iterdir()) == []


def test_store_of_another_version(tmp_path: Path) -> None:
    runs = tmp_path / "overparam_gd" / "runs"
    runs.mkdir(parents=True)
    (runs / "store.json").write_text('{"format": 0}')
    assert "format 0" in refused("overparam_gd", "--out", str(tmp_path))
    assert [p.name for p in runs.iterdir()] == ["store.json"]


def test_listing_names_every_study_and_its_paper(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.command([]) == 0
    shown = capsys.readouterr().out
    assert all(name in shown for name in available())
    assert "Xiong, Ding, Du" in shown


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return toy.tree(tmp_path_factory.mktemp("tree"))


def test_a_device_that_is_not_there(tree: Path) -> None:
    done = toy.sweep(tree, "toy", "--device", "gpu", "--out", "gpu")
    if done.returncode == 0:
        pytest.skip("there is a GPU here")
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "use --device cpu" in done.stderr
    assert not (tree / "gpu").exists()


def test_one_new_file_makes_a_study(tree: Path) -> None:
    """Listing, running, running again, rejudging, the table: all without any registration."""
    assert "A toy" in toy.sweep(tree).stdout
    first = toy.sweep(tree, "toy", "--quick", "--jobs", "1")
    assert first.returncode == 0, first.stderr
    assert "6 to run" in first.stdout
    assert "consistent" in first.stdout
    folder = tree / "figures" / "toy"
    names = {"figure.png", "figure.pdf", "verdict.json", "rates.csv", "provenance.json", "runs"}
    assert {p.name for p in folder.iterdir()} == names
    verdict = json.loads((folder / "verdict.json").read_text())["claims"][0]
    assert verdict["verdict"] == "consistent"
    assert verdict["runs_judged"] == 3
    assert len((folder / "rates.csv").read_text().splitlines()) == 1 + 6
    origin = json.loads((folder / "provenance.json").read_text())
    assert origin["command"].endswith("sims.sweep toy --quick --jobs 1")
    assert origin["precision"] == "float64"
    assert origin["grid"]["even"]["seeds"] == [0, 1, 2]
    before = {name: (folder / name).read_bytes() for name in ("verdict.json", "rates.csv")}
    for words in (["toy", "--quick"], ["toy", "--quick", "--rejudge"]):
        again = toy.sweep(tree, *words)
        assert again.returncode == 0
        assert "to run" not in again.stdout
        assert before == {name: (folder / name).read_bytes() for name in before}
    row = "| exact | derived | exponential | rate / law = 1 within 3% |"
    assert row in toy.sweep(tree, "--table").stdout


def test_rejudging_an_empty_store_is_incomplete(tree: Path) -> None:
    done = toy.sweep(tree, "toy", "--quick", "--rejudge", "--out", "empty")
    assert done.returncode == 3
    assert "3 missing" in done.stdout


def test_a_folder_is_named_as_it_is_called(tmp_path: Path) -> None:
    """Spaces, other scripts, and brackets, which mean styles to what prints."""
    tree, out = toy.tree(tmp_path), "a b/\u00fc [x] [/y]"
    done = toy.sweep(tree, "toy", "--quick", "--jobs", "1", "--out", out)
    assert done.returncode == 0, done.stderr
    assert f"{out}/toy/figure.png" in done.stdout
    assert (tree / out / "toy" / "verdict.json").exists()


def test_a_folder_whose_name_is_too_long_is_refused() -> None:
    assert "name another folder" in refused("overparam_gd", "--out", 300 * "x")


def test_the_device_is_chosen_before_a_study_is_imported(tmp_path: Path) -> None:
    """A study that makes an array when it is imported would else run on what JAX likes best."""
    tree = toy.tree(tmp_path)
    study = tree / "sims" / "studies" / "toy.py"
    study.write_text(f'import jax\nassert jax.config.jax_platforms == "cpu"\n{study.read_text()}')
    refused = toy.sweep(tree, "toy", "--seeds", "0")
    assert refused.returncode == 2, refused.stderr
    assert "give --seeds 1" in refused.stderr


def test_a_gpu_is_used_at_full_precision_and_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as it can be told without one: what this process and its children are told."""
    told: dict[str, str] = {}
    for name in ("JAX_PLATFORMS", "JAX_DEFAULT_MATMUL_PRECISION", "XLA_PYTHON_CLIENT_PREALLOCATE"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(options, "has_device", lambda kind: True)
    monkeypatch.setattr(options.jax.config, "update", told.__setitem__)
    assert options.choose_device("gpu", 16) == 1
    assert told == {"jax_platforms": "cuda,cpu", "jax_default_matmul_precision": "highest"}
    assert os.environ["JAX_PLATFORMS"] == "cuda,cpu"
    assert os.environ["JAX_DEFAULT_MATMUL_PRECISION"] == "highest"
    assert os.environ["XLA_PYTHON_CLIENT_PREALLOCATE"] == "false"
