"""What there is: the studies, and the verdicts of a folder as Markdown."""

import sys
from pathlib import Path

from rich.console import Console

from matsense.errors import InvalidInput
from sims.catalogue import available, load
from sims.escape import marked, visible
from sims.report import markdown_table

# What reading a file of verdicts that is damaged, or another program's, may raise.
DAMAGED = (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError)


def print_studies(console: Console) -> int:
    """Every study with its paper, and a line for each that cannot be loaded; the exit code."""
    unusable = []
    for name in available():
        try:
            study = load(name)
        except InvalidInput as error:
            unusable.append(error)
        else:
            console.print(
                f"[bold]{marked(name)}[/]  {marked(study.title)}\n    {marked(study.paper)}"
            )
    console.print(
        "\npython -m sims.sweep NAME runs one, or a file of yours as ./mine.py; --help lists the "
        "options"
    )
    for each in unusable:
        print(f"error: {visible(str(each))}", file=sys.stderr)
    return 2 if unusable else 0


def table(out: Path) -> str:
    """The verdicts in a folder as Markdown; InvalidInput if there are none, or damaged ones."""
    found = []
    others = {path.parent.name for path in out.glob("*/verdict.json")} - set(available())
    for name in [*available(), *sorted(others)]:
        path = out / name / "verdict.json"
        if not path.exists():
            continue
        try:
            markdown_table(out, [name])
        except DAMAGED as error:
            why = f"it does not hold verdicts ({type(error).__name__}: {error})"
            study = f"{name}.py" if name in others else name
            remedy = f"write it again: python -m sims.sweep {study} --rejudge --out {out}"
            raise InvalidInput(f"--out {out}, {path}", why, remedy) from None
        found.append(name)
    if not found:
        rule = "no study has a verdict.json there"
        raise InvalidInput(f"--out {out}", rule, f"run one: python -m sims.sweep NAME --out {out}")
    return markdown_table(out, found)
