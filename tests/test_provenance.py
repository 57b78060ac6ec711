"""Where a result comes from: matsense's own commit or none, and the versions of what computes."""

import os
import shutil
import subprocess
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import matsense
from sims.running import environment
from sims.storage.provenance import command_line, machine, provenance, versions
from tests import toy

NOBODY = {"commit": None, "dirty": None}


def git(folder: Path, *words: str) -> str:
    who = ("-c", "user.name=nobody", "-c", "user.email=nobody@nowhere")
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *who, *words], cwd=folder, env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def source(folder: Path, name: str = "matsense") -> Path:
    """What a source tree of a project looks like; `folder` is made."""
    (folder / "matsense").mkdir(parents=True)
    (folder / "figures").mkdir()
    (folder / "matsense" / "__init__.py").write_text("")
    (folder / "figures" / "verdict.json").write_text("{}")
    (folder / "pyproject.toml").write_text(f'[project]\nname = "{name}"\n')
    return folder


def committed(folder: Path) -> Path:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "all")
    return folder


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch):
    """The commit that is stated of a matsense that lies in a folder."""

    def ask(folder: Path) -> dict:
        monkeypatch.setattr(matsense, "__file__", str(folder / "matsense" / "__init__.py"))
        told = machine()
        return {name: told[name] for name in NOBODY}

    return ask


def test_the_commit_of_its_own_checkout(found, tmp_path: Path, monkeypatch) -> None:
    own = committed(source(tmp_path / "Löwe"))
    head = git(own, "rev-parse", "HEAD")
    assert found(own) == {"commit": head, "dirty": False}
    (own / "figures" / "verdict.json").write_text("redrawn")
    assert found(own)["dirty"] is False
    # A hook of another repository has set these for whatever it starts.
    other = committed(source(tmp_path / "other"))
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert found(own)["commit"] == head
    (own / "matsense" / "__init__.py").write_text("changed = True")
    index = (own / ".git" / "index").read_bytes()
    assert found(own) == {"commit": head, "dirty": True}
    assert (own / ".git" / "index").read_bytes() == index
    monkeypatch.setenv("PATH", str(tmp_path))  # a machine without git
    assert found(own) == NOBODY


def test_no_commit_is_better_than_another_s(found, tmp_path: Path) -> None:
    theirs = committed(source(tmp_path / "theirs", "theirs"))
    # Theirs holds a copy of it, or it was installed into an environment in theirs, or into theirs.
    assert found(theirs) == NOBODY
    assert found(source(theirs / "venv" / "lib" / "site-packages")) == NOBODY
    installed = tmp_path / "target"
    installed.mkdir()
    (installed / "README").write_text("")
    committed(installed)
    shutil.copytree(theirs / "matsense", installed / "matsense")
    (installed / "pyproject.toml").write_text('[project]\nname = "matsense"\n')
    assert found(installed) == NOBODY
    # In no repository, in a bare one, in one without a commit, in one that is damaged.
    assert found(source(tmp_path / "plain")) == NOBODY
    bare = source(tmp_path / "bare")
    git(bare, "init", "-q", "--bare")
    assert found(bare) == NOBODY
    young = source(tmp_path / "young")
    git(young, "init", "-q")
    assert found(young) == NOBODY
    damaged = committed(source(tmp_path / "damaged"))
    (damaged / ".git" / "HEAD").write_bytes(b"\xff\xfe")
    assert found(damaged) == NOBODY


def test_versions_of_everything_that_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    told = versions()
    assert told["matsense"] == matsense.__version__
    for name in ("numpy", "jax", "jaxlib", "scipy", "pyarrow", "scs", "clarabel", "joblib"):
        assert told[name] == version(name)
    # A clone that was not installed, beside an older one that was.
    monkeypatch.setattr(matsense, "__version__", "9.9")
    assert versions()["matsense"] == "9.9"


def test_what_is_needed_is_what_is_installed() -> None:
    project = tomllib.loads((toy.ROOT / "pyproject.toml").read_text())["project"]
    listed = {line.split(">")[0].strip() for line in project["dependencies"]}
    assert listed | {"jaxlib"} == set(environment.NEEDED)


def test_the_command_can_be_given_again() -> None:
    words = command_line(["toy", "--out", "a folder", "--set", "n=1,2", "\udcff"])
    told = provenance(words, "float64", [], 1)
    assert told["command"].endswith("-m sims.sweep toy --out 'a folder' --set n=1,2 '\\udcff'")
    told["command"].encode()
