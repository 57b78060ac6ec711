"""Which file a study's results are of: two files of one name must not write to one folder."""

import hashlib
import json
import os
from pathlib import Path

from matsense.errors import InvalidInput
from sims.study.places import file_of
from sims.text.escape import visible
from sims.text.words import shown


def study_file(study: str, folder: Path) -> dict[str, str] | None:
    """Where the file of a study lies, seen from its results in `folder`, and the SHA-256 of its
    text; None for a study of the catalogue.
    """
    if not file_of(study):
        return None
    file = os.path.realpath(file_of(study))
    try:
        path = os.path.relpath(file, os.path.realpath(folder))
    except ValueError:  # another drive of Windows
        path = file
    return {"path": visible(path), "sha256": hashlib.sha256(Path(file).read_bytes()).hexdigest()}


def check_study_file(study: str, typed: str, folder: Path) -> None:
    """Raises InvalidInput if the results in `folder` are of another study file of the same name.

    One that lies elsewhere with the same text was moved, one of another text in the same place was
    edited: both are the same study. Results that do not tell their file are anybody's.
    """
    own, source = study_file(study, folder), folder / "provenance.json"
    try:
        told = json.loads(source.read_bytes())["study_file"]
        same = own is None or any(told[key] == own[key] for key in own)
        other = os.path.normpath(Path(os.path.realpath(folder), told["path"]))
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return
    if not same:
        raise InvalidInput(
            f"study {shown(typed, most=200)!r}",
            f"{folder} holds the results of another study of that name, {shown(other, most=200)}",
            f"give another --out, or rename one (if it is the same study, remove {source})",
        )
