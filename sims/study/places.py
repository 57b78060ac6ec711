"""Where the studies of this process lie: the catalogue's in sims/studies, others in files.

A study that lies in a file goes by the name of that file, in every process that computes for it; a
block tells its workers the place.
"""

from pathlib import Path

CATALOGUE = Path(__file__).parents[1] / "studies"
# The file of each study that lies in one, as this process has been told.
FILES: dict[str, str] = {}


def register(study: str, file: str) -> None:
    """Notes where a study lies; raises RuntimeError if this process knows it from elsewhere."""
    known = FILES.setdefault(study, file)
    if known != file:
        raise RuntimeError(f"{study} was loaded from {known} here, not from {file}; start it anew")


def file_of(study: str) -> str:
    """The absolute path of a study's file; "" for one of the catalogue."""
    return FILES.get(study, "")


def module_of(study: str) -> str:
    """The name that a study is imported by: a file's is plain, for the modules beside it."""
    return study if file_of(study) else f"sims.studies.{study}"


def beside(study: str) -> Path | None:
    """The folder whose modules a study in a file imports by plain names."""
    file = file_of(study)
    return Path(file).parent if file else None
