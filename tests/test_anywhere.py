"""Studies in a user's own folders: by their path, with modules beside them, wherever they lie."""

import importlib.metadata
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from matsense.errors import InvalidInput
from sims import sweep as cli
from sims.storage.study_file import check_study_file
from sims.study import catalogue, places
from tests import children, mine, toy
from tests.test_cluster import scheduler, scheduler_process, tree, wait_for_workers, workers

__all__ = ["scheduler", "scheduler_process", "tree", "workers"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the study in papers/, run from the folder by two processes: 4 runs."""
    folder = tmp_path_factory.mktemp("stored")
    mine.write(folder / "papers")
    done = mine.sweep(folder, "papers/mine.py", "--quick", "--seeds", "2", "--jobs", "2")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_its_results_go_by_its_name(stored: Path) -> None:
    assert (stored / "figures" / "mine" / "figure.png").exists()
    assert not (stored / "papers" / "figures").exists()
    table = mine.sweep(stored, "--table")
    assert "| mine | 1 | 1 | - |" in table.stdout, table.stderr


def test_moved_or_called_from_elsewhere_nothing_reruns_but_a_changed_module_does(
    stored: Path, tmp_path: Path
) -> None:
    """By a program that was installed, not only linked, and from a folder with a rival module."""
    installed = tmp_path / "site"
    for package in ("matsense", "sims"):
        shutil.copytree(toy.ROOT / package, installed / package)
    (installed / "matsense-0.1.0.dist-info").mkdir()
    version = importlib.metadata.version("matsense")
    text = f"Metadata-Version: 2.1\nName: matsense\nVersion: {version}\n"
    (installed / "matsense-0.1.0.dist-info" / "METADATA").write_text(text)
    shutil.copytree(stored / "figures", tmp_path / "figures")
    helpers = mine.HELPERS.replace("# a comment", "# another\n# and more")
    study = mine.write(tmp_path / "moved", helpers=helpers)
    (tmp_path / "mine_helpers.py").write_text("1 / 0\n")

    def called() -> str:
        done = mine.sweep(tmp_path, str(study), *mine.QUICK, program=installed)
        assert "Traceback" not in done.stderr
        return done.stdout + done.stderr

    assert "all 4 runs are stored" in called()
    mine.write(study.parent, mine.STUDY.replace("# a comment", "# new"), helpers)
    assert "all 4 runs are stored" in called()
    mine.write(study.parent, helpers=mine.HELPERS.replace("1.0", "0.5"))
    changed = called()
    assert "2 stored, 2 to run" in changed and "contradicted" in changed


@pytest.mark.slow
def test_its_numbers_are_those_of_every_backend(
    stored: Path, tmp_path: Path, scheduler: str, workers: list
) -> None:
    """Threads with a bound on the memory, and the workers of a cluster, started elsewhere."""
    expected = mine.rows(stored / "figures")
    words = [str(stored / "papers" / "mine.py"), "--quick", "--seeds", "2"]
    threads = ["--backend", "threading", "--jobs", "2", "--memory", "100G"]
    wait_for_workers(scheduler, 2)
    cluster = ["--backend", "dask", "--scheduler", scheduler]
    for name, how in (("threads", threads), ("cluster", cluster)):
        done = mine.sweep(tmp_path, *words, *how, "--out", name)
        assert done.returncode == 0, done.stdout + done.stderr
        assert mine.rows(tmp_path / name) == expected


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to be in, whose modules are forgotten afterwards."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(places, "FILES", {})
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", tmp_path)).startswith(str(tmp_path)):
            del sys.modules[name]


def refused(*words: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        cli.command(words)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_another_file_of_that_name_is_refused_before_anything_is_written(
    stored: Path, here: Path
) -> None:
    shutil.copytree(stored / "figures", here / "figures")
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    study = mine.write(here / "other", mine.STUDY + "# another paper\n")
    for words in ([], ["--rejudge"], ["--prune"], ["--dry-run"], ["--only", "even"]):
        told = refused("other/mine.py", *words)
        assert told.startswith("study 'other/mine.py': figures/mine holds the results of another")
        assert f"{here / 'papers' / 'mine.py'}; give another --out, or rename one" in told
    found = [path for path in (here / "figures").rglob("*") if path.is_file()]
    assert {path: path.read_bytes() for path in found} == before
    # The same text is the same study, moved.
    study.write_text(mine.STUDY)
    check_study_file("mine", "other/mine.py", here / "figures" / "mine")


@pytest.mark.parametrize(
    ("word", "rule", "remedy"),
    [
        ("mime.py", "no such file", "did you mean mine.py?"),
        ("./", "it is a folder", "mine.py"),
        ("nowhere/mine.py", "no such folder", "./mine.py"),
        ("./notes.txt", "no Python file", "./mine.py"),
        ("mine.py/deeper.py", "no such folder", "./mine.py"),
        (300 * "x" + ".py", "ame too long", "./mine.py"),
        ("a\0.py", "no such file", "mine.py"),
        ("~nobody-here/mine.py", "home directory", "./mine.py"),
        ("mine", "no such study", "for the file in this folder give mine.py"),
        ("my-study.py", "letters, digits and _", "rename it, as my_study.py"),
        ("3d.py", "letters, digits and _", "rename it, as study_3d.py"),
        ("class.py", "letters, digits and _", "rename it, as class_study.py"),
        ("__init__.py", "letters, digits and _", "rename it"),
        ("numpy.py", "an installed package", "rename it, as my_numpy.py"),
        ("json.py", "Python has a module", "rename it, as my_json.py"),
        ("sims.py", "a part of this program", "rename it, as my_sims.py"),
        ("overparam_gd.py", "the catalogue has", "rename it, as my_overparam_gd.py"),
        ("met.py", "a module of that name was imported from", "rename one"),
    ],
)
def test_a_path_that_cannot_be_a_study_is_refused_in_one_line(
    here: Path, word: str, rule: str, remedy: str
) -> None:
    files = ["mine.py", "notes.txt", "my-study.py", "3d.py", "class.py", "__init__.py", "numpy.py"]
    for name in [*files, "json.py", "sims.py", "overparam_gd.py", "met.py"]:
        (here / name).write_text("study = 3\n")
    sys.modules["met"] = type(sys)("met")
    sys.modules["met"].__file__ = f"{here}/elsewhere"
    told = refused(word, "--out", "out")
    assert rule in told and remedy in told
    assert (word in told or len(word) > 200 or "\0" in word) and not (here / "out").exists()


def test_a_path_into_the_catalogue_is_the_catalogues_study(here: Path) -> None:
    folder = toy.ROOT / "sims" / "studies" / "robust_subgm"
    assert catalogue.find(str(folder / "__init__.py")) == "robust_subgm"
    assert places.file_of("robust_subgm") == ""


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("x = (\n", "SyntaxError"),
        ("x = 1\nimport nothing_like_it\n", "No module named 'nothing_like_it', bad.py line 2"),
        ("from helper import f\nf()\n", "ZeroDivisionError: division by zero, helper.py line 2"),
        ("raise SystemExit(0)\n", "SystemExit: 0, bad.py line 1"),
        ("x = 1\n", "defines no study"),
        ("study = 3\n", "defines no study"),
        ("import statistics\nstudy = 3\n", "it is hidden by"),
        ("from colorsys import f\n", "it is hidden by"),
        ("\0", "source code"),
    ],
)
def test_a_file_that_is_no_study_is_its_authors_to_mend(here: Path, text: str, rule: str) -> None:
    import colorsys
    import statistics

    assert statistics and colorsys
    (here / "helper.py").write_text("def f():\n    1 / 0\n")
    for name in ("statistics", "colorsys"):
        (here / f"{name}.py").write_text("def f():\n    pass\n")
    (here / "bad.py").write_text(text)
    told = refused("./bad.py", "--out", "out")
    assert rule in told and "'bad.py'" in told
    assert (not (here / "out").exists() and "bad" not in sys.modules) or "study" in text + told


def test_modules_beside_a_study_are_first_while_it_is_imported_and_last_later(here: Path) -> None:
    (here / "deep").mkdir()
    for folder, value in ((here, 1), (here / "deep", 2)):
        (folder / "beside.py").write_text(f"VALUE = {value}\n")
    study = mine.write(here / "deep", toy.STUDY + "\nimport beside\n", name="paper")
    sys.path.insert(0, str(here))
    before = list(sys.path)
    catalogue.load(catalogue.find("deep/paper.py"))
    assert sys.modules["beside"].VALUE == 2  # type: ignore[attr-defined]
    assert sys.path == [*before, str(study.parent)]


def test_a_module_that_a_trial_would_import_from_elsewhere_is_told(here: Path) -> None:
    """Inside a function, or in a module beside the study; the rival lies where the command is."""
    (here / "deep").mkdir()
    sys.path.insert(0, str(here))
    for folder in (here, here / "deep"):
        (folder / "rival.py").write_text("VALUE = 1\n")
    (here / "deep" / "through.py").write_text("def f():\n    import rival\n")
    for name, line in (("inside", "def f():\n    import rival\n"), ("by", "import through\n")):
        mine.write(here / "deep", toy.STUDY + line, name=name)
        told = refused(f"deep/{name}.py")
        assert f"module 'rival' beside it: it is hidden by {here}/rival.py; rename" in told


HIDING = {
    "matsense/__init__.py": "it hides", "matsense.py": "it hides", "numpy.py": "the package numpy",
    "jax/__init__.py": "the package jax", "random.py": "Python's own module random",
}  # fmt: skip


@pytest.mark.parametrize("file", HIDING)
def test_a_file_that_hides_the_program_is_told_in_one_line(file: str, tmp_path: Path) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("x = 1\n")
    done = mine.sweep(tmp_path, "--table")
    assert (done.returncode, done.stdout) == (2, ""), done.stderr
    assert done.stderr.startswith(f"error: {tmp_path}/") and done.stderr.count("\n") == 1
    assert HIDING[file] in done.stderr and "python -P -m" in done.stderr


def test_folders_that_are_no_packages_hide_nothing_and_p_looks_past_the_others(
    tmp_path: Path,
) -> None:
    for name in ("sims", "matsense", "jax"):
        (tmp_path / name).mkdir()
    (tmp_path / "statistics.py").write_text("x = 1\n")  # nothing of the program asks for it
    done = mine.sweep(tmp_path, "--table")
    assert "no study has a verdict.json there" in done.stderr
    for name in ("sims", "matsense"):
        (tmp_path / name / "__init__.py").write_text("")
    words = [sys.executable, "-P", "-m", "sims.sweep", "--table"]
    done = children.call(words, tmp_path, toy.environment(toy.ROOT))
    assert "no study has a verdict.json there" in done.stderr
