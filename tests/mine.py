"""A study in a user's folder, with a module beside it, and the command called from anywhere."""

import subprocess
from pathlib import Path

from tests import children, toy

IMPORTS = "import mine_helpers\nfrom mine_helpers import FACTOR\nfrom sims.figures import drawing"
STUDY = toy.STUDY.replace("from sims.figures import drawing", IMPORTS).replace(
    "symmetric_gd(instance, 0.1)", "symmetric_gd(instance, 0.1 * FACTOR)"
)
STUDY = STUDY.replace("seeds=30,", "seeds=30, after=after if name == 'even' else None,")
STUDY = STUDY.replace(
    "\ndef sweep(",
    "\ndef after(instance, quantities):\n"
    '    """In the worker."""\n'
    '    end = {"end": quantities["error"][-1]}\n'
    "    return mine_helpers.checked(quantities) | end\n\n\ndef sweep(",
)
HELPERS = "# a comment\nFACTOR = 1.0\n\n\ndef checked(quantities):\n    return dict(quantities)\n"
QUICK = ("--quick", "--seeds", "2", "--jobs", "1")


def write(folder: Path, study: str = STUDY, helpers: str = HELPERS, name: str = "mine") -> Path:
    """The study and its module in a folder; the study's path."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "mine_helpers.py").write_text(helpers)
    (folder / f"{name}.py").write_text(study)
    return folder / f"{name}.py"


def sweep(folder: Path, *words: str, program: Path = toy.ROOT) -> subprocess.CompletedProcess[str]:
    """Calls the command of a program in a folder, as a user would."""
    return children.call(toy.command(*words), folder, toy.environment(program))


def rows(out: Path) -> dict[str, dict]:
    """All stored runs by id, but for the clock's."""
    (out / "toy").symlink_to(out / "mine")
    return toy.rows(out)
