"""What there is: the studies, and the verdicts of a folder as Markdown."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Call
from sims.study.catalogue import available, load
from sims.terminal.report import holding, measured
from sims.text.escape import markdown, marked, visible

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


def markdown_table(folder: Path, names: Sequence[str]) -> str:
    """The README's tables: a line a study with a verdict.json under `folder`, and what is not
    consistent; then, folded away, every claim of each.
    """
    found = {
        name: json.loads(path.read_bytes())["claims"]
        for name in names
        if (path := folder / name / "verdict.json").exists()
    }
    lines = ["| study | claims | consistent | the others |", "|---|---|---|---|"]
    for name, claims in found.items():
        others = [c for c in claims if c["verdict"] != Call.CONSISTENT]
        listed = "; ".join(markdown(f"{c['plain']}: {c['verdict']}") for c in others) or "-"
        lines.append(f"| {name} | {len(claims)} | {len(claims) - len(others)} | {listed} |")
    for name, claims in found.items():
        lines += [
            f"\n<details><summary>{name}: all {len(claims)} claims</summary>\n",
            "| id | source | claim | predicted | measured | runs | verdict | control, by |",
            "|---|---|---|---|---|---|---|---|",
            *(_row(claim) for claim in claims),
            "\n</details>",
        ]
    return "\n".join(lines) + "\n"


def _row(claim: dict[str, Any]) -> str:
    interval = [float(x) for x in claim["interval"]]
    shown = measured(float(claim["measured"]), interval, claim["statistic"])
    control = claim.get("control")
    outcome = "-" if control is None else control["verdict"]
    if outcome == Call.CONTRADICTED and "control_margin" in claim:
        outcome += f", {float(claim['control_margin']):.2g}"
    if claim.get("intervals"):
        shown += "; " + holding((claim["intervals_that_hold_the_prediction"], claim["intervals"]))
    predicted = f"{claim['measures']} {claim['predicted']}"
    # Galleries of before the source was written down are read too.
    cells = [claim["claim"], claim.get("source", "-"), claim["plain"], predicted, shown]
    excluded = claim.get("runs_excluded", 0)
    runs = f"{claim['runs_judged']} ({excluded} excluded)" if excluded else claim["runs_judged"]
    cells += [str(runs), claim["verdict"], outcome]
    return "| " + " | ".join(map(markdown, cells)) + " |"
