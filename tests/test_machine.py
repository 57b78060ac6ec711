"""What a user's machine is set to changes no figure, ends no command, and is not spoken of."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests import toy

RUN = ("toy", "--quick", "--seeds", "3")
TITLE = "A toy: η ≤ ½"
HOSTILE = """
backend: QtAgg
text.usetex: True
font.family: serif
font.serif: No Such Font
figure.dpi: 10
savefig.dpi: 13
savefig.format: svg
savefig.bbox: tight
savefig.facecolor: black
axes.prop_cycle: cycler('color', ['red', 'lime'])
axes.formatter.use_locale: True
lines.marker: x
mathtext.fontset: stix
path.sketch: 3, 10, 2
pdf.compression: 0
xtick.minor.visible: True
"""


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clone, with the toy sweep stored in the folder `whole`."""
    tree = toy.tree(tmp_path_factory.mktemp("tree"))
    study = tree / "sims" / "studies" / "toy.py"
    text = study.read_text(encoding="utf-8").replace('title="A toy"', f'title="{TITLE}"')
    study.write_text(text, encoding="utf-8")
    done = toy.sweep(tree, *RUN, "--jobs", "1", "--out", "whole")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    (tree / "hostile").write_text(HOSTILE)
    (tree / "broken").write_text("no setting\nbackend: nonsense\nfigure.dpi: many\n: :\n")
    (tree / "binary").write_bytes(b"\xff\xfe\x00")
    return tree


def called(
    tree: Path, words: tuple[str, ...], settings: dict[str, str | None], cwd: Path | None = None
) -> subprocess.CompletedProcess[bytes]:
    """A command under settings of the environment; None: unset."""
    env = {**toy.environment(tree), **settings}
    return subprocess.run(
        [sys.executable, "-m", "sims.sweep", *words], cwd=cwd or tree,
        env={name: value for name, value in env.items() if value is not None},
        capture_output=True, timeout=120,
    )  # fmt: skip


SETTINGS: dict[str, dict[str, str | None]] = {
    "figures": {"MPLBACKEND": "nonsense", "MATPLOTLIBRC": "{tree}/hostile"},
    "a broken matplotlibrc": {"MPLBACKEND": "module://none", "MATPLOTLIBRC": "{tree}/broken"},
    "one that is no text, no home": {"MATPLOTLIBRC": "{tree}/binary", "HOME": None},
    "folders that cannot be made": {
        name: "{tree}/hostile/folder"
        for name in ("HOME", "MPLCONFIGDIR", "XDG_CACHE_HOME", "JAX_COMPILATION_CACHE_DIR")
    },
    "terminal": {
        "LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "PYTHONIOENCODING": "ascii",
        "TERM": "dumb", "NO_COLOR": "1", "COLUMNS": "40",
    },
    "locale": {"LC_ALL": "de_DE.UTF-8", "PYTHONIOENCODING": "latin-1", "FORCE_COLOR": "1"},
}  # fmt: skip


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_change_neither_figures_nor_codes(name: str, tree: Path, tmp_path: Path) -> None:
    """From a folder with a matplotlibrc of its own, too, which comes before all others."""
    shutil.copytree(tree / "whole" / "toy" / "runs", tmp_path / "toy" / "runs")
    mine = {"figures": "binary", "a broken matplotlibrc": "hostile", "locale": "broken"}
    if name in mine:
        shutil.copy(tree / mine[name], tmp_path / "matplotlibrc")
    settings = {k: v and v.format(tree=tree) for k, v in SETTINGS[name].items()}
    done = called(tree, (*RUN, "--out", "."), settings, tmp_path)
    assert (done.returncode, done.stderr) == (0, b""), done.stderr
    for figure in ("figure.png", "figure.pdf"):
        drawn = (tmp_path / "toy" / figure).read_bytes()
        assert drawn == (tree / "whole" / "toy" / figure).read_bytes(), figure
    assert "η" in (tmp_path / "toy" / "verdict.json").read_text(encoding="utf-8")


def test_a_narrow_terminal_without_the_letters(tree: Path) -> None:
    """A real one, on which progress is drawn: 40 columns, dumb, ASCII."""
    pty = pytest.importorskip("pty")
    main, terminal = pty.openpty()
    env = toy.environment(tree) | {
        "PYTHONIOENCODING": "ascii", "TERM": "dumb", "COLUMNS": "40", "LINES": "10",
    }  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "sims.sweep", *RUN, "--jobs", "1", "--out", "narrow"], cwd=tree,
        env=env, stdin=subprocess.DEVNULL, stdout=terminal, stderr=terminal,
    )  # fmt: skip
    os.close(terminal)
    said = b""
    try:
        while piece := os.read(main, 4096):
            said += piece
    except OSError:
        pass  # nobody holds the other end any more
    finally:
        os.close(main)
        code = process.wait(60)
    assert code == 0, said
    assert b"Traceback" not in said
    assert said.isascii()
    assert rb"\u03b7" in said


# What site-packages' sitecustomize would do, in front of it.
BARE = """
import importlib.metadata, _multiprocessing

class SemLock(_multiprocessing.SemLock):
    def __new__(cls, *words, **names):
        raise OSError(38, "Function not implemented")

_multiprocessing.SemLock = SemLock
version = importlib.metadata.version

def of_others(name):
    if name == "matsense":
        raise importlib.metadata.PackageNotFoundError(name)
    return version(name)

importlib.metadata.version = of_others
"""


@pytest.mark.slow
def test_no_semaphores_and_not_installed(tree: Path, tmp_path: Path) -> None:
    """As where /dev/shm cannot be used: one process, one notice; a clone without `pip install`,
    called from another folder.
    """
    (tmp_path / "sitecustomize.py").write_text(BARE)
    path = {"PYTHONPATH": f"{tmp_path}{os.pathsep}{tree}"}
    for words in (("--jobs", "2"), ("--jobs", "2", "--seeds", "4", "--memory", "4G")):
        done = called(tree, (*RUN, *words, "--out", "bare"), path, tmp_path)
        assert (done.returncode, done.stderr) == (0, b""), done.stderr
        assert done.stdout.count(b"one process: ") == 1
    drawn = called(tree, (*RUN, "--jobs", "2", "--out", "bare"), path, tmp_path)
    assert b"one process: " not in drawn.stdout  # there was nothing to share
    figures = [folder / "toy" / "figure.png" for folder in (tmp_path / "bare", tree / "whole")]
    assert figures[0].read_bytes() == figures[1].read_bytes()
    assert '"matsense": "0' in (tmp_path / "bare" / "toy" / "provenance.json").read_text("utf-8")


@pytest.mark.parametrize("module", ["sims.sweep", "sims.bench", "sims.calibrate"])
def test_missing_packages_are_named_before_anything_runs(module: str, tree: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", module], cwd=tree, env=toy.environment(tree),
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("error: numpy, jax, jaxlib, scipy,")
    assert "pip install -e ." in done.stderr


def test_a_package_that_cannot_be_imported(tree: Path, tmp_path: Path) -> None:
    """As one that was built for another numpy: one line, and no verdict's code."""
    installed = tmp_path / "installed"
    installed.mkdir()
    (installed / "jaxtyping.py").write_text("raise ImportError('numpy.core.multiarray\\nfailed')\n")
    done = called(tree, RUN, {"PYTHONPATH": f"{installed}{os.pathsep}{tree}"}, tmp_path)
    assert (done.returncode, done.stdout) == (4, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"numpy.core.multiarray failed" in done.stderr
    assert b"pip install -e ." in done.stderr
    assert not (tmp_path / "figures").exists()


STYLE = """
import sys
from pathlib import Path
import matplotlib
from sims.figures import drawing

for name in ("plain", "other"):
    if name == "other":
        with open("hostile") as lines:
            for key, _, value in (line.partition(":") for line in lines if ":" in line):
                if key != "backend":
                    matplotlib.rcParams[key] = matplotlib.rcParams.validate[key](value.strip())
    before = dict(matplotlib.rcParams)
    with drawing.style():
        figure, (ax,) = drawing.canvas(1, 1, "$e^{-T}$")
        drawing.panel(ax, "a", "error", "t", "e", "linear log")
        ax.plot([1, 2, 3], [1.0, 0.1, 0.01], label="run")
        drawing.legend(ax)
    for suffix, content in drawing.rendered(figure, "g0").items():
        Path(name + suffix).write_bytes(content)
    assert dict(matplotlib.rcParams) == before
assert "matplotlib.pyplot" not in sys.modules
for suffix in (".png", ".pdf"):
    assert Path("plain" + suffix).read_bytes() == Path("other" + suffix).read_bytes()
"""


def test_the_style_is_complete_and_local(tree: Path) -> None:
    """Whatever rcParams a caller has, as in a notebook: the same bytes; and they stay."""
    done = subprocess.run(
        [sys.executable, "-c", STYLE], cwd=tree, env=toy.environment(tree), capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
