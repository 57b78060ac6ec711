"""The command line as a user types it: results, exit codes, and bad input of every kind."""

import json
import os
import re
import tempfile
import time
from pathlib import Path

import pytest

from matsense.errors import InvalidInput
from sims import sweep as cli
from sims.study.catalogue import available
from sims.terminal import options
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
        (["--set", "alpha=1e-300"], "alpha=1e-300", "inverses"),
        (["--set", "m=9007199254740993"], "m=9007199254740993", "2^53"),
        (["--set", "n=100000"], "n=100000", "80.0 GB"),
        (["--set", "steps=100000000"], "steps=100000000", "give for example steps="),
        (["--set", "alpha=0.1,,0.2"], "alpha=0.1,,0.2", "leave out the comma"),
        (["--set", "alpha= "], "alpha=", "--set alpha=0.1,0.5"),
        (["--set", "alpha=" + ",".join(map(str, range(1, 10**5 + 2)))], "100,001 values", "fewer"),
        (["--set", "alpha=" + ",".join(map(str, range(1, 30_000)))], "alpha=1,2", "fewer values"),
        (["--seeds", "1000000000"], "--seeds 1000000000", "give --seeds 5681 or less"),
        (["--seeds", "1_0"], "'1_0'", "--help"),
        (["--seeds", "\u0663"], "'\u0663'", "--help"),
        (["--seeds", 5000 * "9"], "(5000 characters)", "2^53"),
        (["--first-seed", "2147483647", "--seeds", "2"], "with 2 seeds", "--first-seed 2147483646"),
        (["--jobs", "1000000"], "--jobs 1000000", "give --jobs -1"),
        (["--memory", 400 * "9"], "(400 characters)", "give 4G"),
        (["--memory", "0.0001"], "--memory 0.0001", "give 4G"),
        (["--memory", "\u0663G"], "--memory \u0663G", "give 4G"),
        (["--set", "alpha"], "alpha", "--set alpha=0.1,0.5"),
        (["--set", "alpha=big"], "alpha=big", "numbers"),
        (["--set", "k=3.5"], "k=3.5", "a whole number"),
        (["--set", "k=2"], "k=2 with r=3", "give for example k=3 or r=2"),
        (["--set", "symmetric.k=51"], "symmetric.k=51 with n=50", "symmetric.k=50 or n=51"),
        (["--set", "r=0"], "r=0", "give for example r=3"),
        (["--set", "n=1", "--set", "r=1", "--set", "k=1"], "n=1", "from 2 to"),
        (["--set", "alpha=0"], "alpha=0", "give for example alpha=0.1"),
        (["--set", "alpha=nan"], "alpha=nan", "give for example alpha="),
        (["--set", "eta=-0.1"], "eta=-0.1", "give for example eta=0.1"),
        (["--set", "steps=0"], "steps=0", "give for example steps=3000"),
        (["--set", "kappa=0.5"], "kappa=0.5", "give for example kappa=1.0"),
        (["--set", "m=0"], "m=0", "give for example m=625"),
        (["--set", "balance=0"], "balance=0", "give for example balance=0.5"),
        (["--seeds", "0"], "--seeds 0", "give --seeds 1"),
        (["--seeds", "many"], "many", "--help"),
        (["--first-seed", "-1"], "--first-seed -1", "give --first-seed 1000"),
        (["--jobs", "0"], "--jobs 0", "give 1"),
        (["--jobs", "-7"], "--jobs -7", "give 1"),
        (["--device", "tpu"], "--device: invalid choice: 'tpu'", "cpu"),
        (["--memory", "lots"], "--memory lots", "give 4G"),
        (["--memory", "0G"], "--memory 0G", "give 4G"),
        (["--memory", "-1G"], "command line", "--help"),
        (["--operator-dtype", "float16"], "'float16'", "float32"),
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


def test_the_remedy_of_a_memory_bound_has_room_for_what_was_weighed(tmp_path: Path) -> None:
    """How much that is depends on what a process finds compiled: 400 MB, or twice as much."""
    message = refused("overparam_gd", "--memory", "1M", "--out", str(tmp_path / "out"))
    found = re.fullmatch(
        r"--memory 1M: a process .* weighs ([\d.]+) MB by itself; give --memory ([\d.]+)G", message
    )
    assert found is not None, message
    assert float(found[1]) < 1000 * float(found[2]) < 2 * float(found[1])
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


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("file", "is a file"),
        ("file/deeper", "is a file"),
        ("taken", "taken/overparam_gd is a file"),
        ("loop", "symbolic links"),
        ("loop/deeper", "symbolic links"),
        ("nowhere", "is a link to nothing"),
        ("nowhere/deeper", "is a link to nothing"),
        ("results", "figure.png is a folder where a result is to be written"),
        (300 * "x", "too long"),
        ("/".join(1000 * ["deep"]), "too long"),
        ("a\0b", "names no folder"),
        ("", "names no folder"),
        (" ", "names no folder"),
        ("\ud800", "no name in UTF-8"),
        ("\udcff", "no name in UTF-8"),
        ("~nobody-of-that-name/x", "nobody's home"),
    ],
)
def test_output_folder_that_cannot_be(
    out: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("mine")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "overparam_gd").write_text("mine")
    (tmp_path / "results" / "overparam_gd" / "figure.png").mkdir(parents=True)
    (tmp_path / "loop").symlink_to("back")
    (tmp_path / "back").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("nothing")
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    message = refused("overparam_gd", "--quick", "--out", out)
    assert why in message
    assert "\n" not in message
    assert sorted(tmp_path.rglob("*")) == before


def test_a_tilde_is_the_home_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert options.folder("~/results") == tmp_path / "results"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "overparam_gd.sweeps", "sims.studies.overparam_gd", "class", "__init__",
     "overparam-gd", "\ud800", 300 * "x"],
)  # fmt: skip
def test_what_is_no_study(name: str) -> None:
    assert "there is no such study" in refused(name)


@pytest.mark.parametrize(
    "words",
    [["overparam_gd", "--set", "k=\x1b[31m"], ["overparam_gd", "--jobs", "1e3"], ["overparam"]],
)
def test_the_command_says_one_line_and_writes_nothing(words: list[str], tmp_path: Path) -> None:
    done = toy.sweep(toy.ROOT, *words, "--out", str(tmp_path / "out"))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert done.stderr[:-1].isprintable()
    assert list(tmp_path.iterdir()) == []


def test_sizes_that_cannot_exist_are_refused_within_seconds() -> None:
    start = time.process_time()
    message = refused("attention_svm", "--dry-run", "--set", "d=2000000")
    assert "d=2000000 with n=6, T=8" in message and "1.3 PB" in message
    assert time.process_time() - start < 10


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
    names = {"figure.png", "figure.pdf", "evidence.pdf", "verdict.json", "rates.csv"}
    names |= {"provenance.json", "runs"}
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


BAD_STUDIES = {
    "syntax": ("x = = 3", "SyntaxError"),
    "absent": ("import no_such_module_at_all", "no_such_module_at_all"),
    "division": ("\n1 / 0", "division.py line 2"),
    "leaves": ("raise SystemExit(3)", "SystemExit"),
    "none": ("x = 1", "defines no study"),
    "wrong": ("study = 3", "defines no study"),
    "impossible": (
        toy.STUDY.replace('"alpha": (0.1, 0.05)', '"alpha": (0.1, 0.05, float("nan"))'),
        "alpha=nan: it is a positive number",
    ),
}


def test_bad_studies_are_named_and_the_others_are_listed(tmp_path: Path) -> None:
    tree = toy.tree(tmp_path)
    for name, (text, _) in BAD_STUDIES.items():
        (tree / "sims" / "studies" / f"{name}.py").write_text(text)
    listed = toy.sweep(tree)
    assert listed.returncode == 2
    assert all(name in listed.stdout for name in ("toy", "A toy", *available()))
    told = listed.stderr.splitlines()
    assert len(told) == len(BAD_STUDIES)
    for name, (_, why) in BAD_STUDIES.items():
        assert [why in line for line in told if f"'{name}'" in line] == [True], told
    alone = toy.sweep(tree, "division", "--out", "out")
    assert (alone.returncode, alone.stdout) == (2, "")
    assert alone.stderr.splitlines() == [line for line in told if "'division'" in line]
    assert not (tree / "out").exists()


@pytest.mark.parametrize(
    "text", ["", "x", "null", "[]", "{}", '{"claims": 3}', '{"claims": [{}]}', "\xff", 10**5 * "["]
)
def test_a_table_of_damaged_verdicts_is_refused_in_one_line(text: str, tmp_path: Path) -> None:
    (tmp_path / "overparam_gd").mkdir()
    (tmp_path / "overparam_gd" / "verdict.json").write_text(text, "latin-1")
    message = refused("--table", "--out", str(tmp_path))
    assert "overparam_gd/verdict.json: it does not hold verdicts" in message
    assert "sims.sweep overparam_gd --rejudge" in message
    assert "\n" not in message


@pytest.mark.parametrize("out", ["", "nothing", "file"])
def test_a_table_of_nothing_is_refused_in_one_line(out: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "no study has a verdict.json there" in refused("--table", "--out", str(tmp_path / out))


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
