"""Begins a study: --new NAME writes NAME.py into the current folder, a study that runs."""

import inspect
from pathlib import Path

from matsense.errors import InvalidInput
from sims.study import template
from sims.study.catalogue import check_name
from sims.text.words import shown


def write(name: str) -> str:
    """Writes the template as NAME.py; what to say of it.

    Raises InvalidInput for a name that no study can have, and for a file that is there already.
    """
    value = f"--new {shown(name)}"
    if name.endswith(".py"):
        stem = shown(Path(name).stem)
        raise InvalidInput(value, "a name is asked for, not a file", f"give --new {stem}")
    check_name(name, value, "give --new {}")
    path = Path(f"{name}.py")
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(inspect.getsource(template).replace("NAME", name))
    except FileExistsError:
        rule = f"{path} is there already, and is left as it is"
        raise InvalidInput(value, rule, "give another name") from None
    except OSError as error:
        rule = f"{path} cannot be written here ({error.strerror})"
        raise InvalidInput(value, rule, "give it in another folder") from None
    return (
        f"{path}: a study that runs. python -m sims.sweep {path} --try makes one run of each of "
        f"its sweeps; without --try, all of them and the verdict"
    )
