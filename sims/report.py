"""Verdicts as a table for a person, as verdict.json and rates.csv for a program."""

import csv
import io
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from matsense.claims import Run
from matsense.estimate import Call
from matsense.judge import Verdict, reasons_outside
from sims.blocks import Block
from sims.cost import Probe, expected
from sims.escape import cell, markdown, marked
from sims.figures.notation import plain
from sims.study import Study
from sims.units import size

STYLE = {Call.CONSISTENT: "green", Call.CONTRADICTED: "bold red", Call.INCONCLUSIVE: "yellow"}
AS_IT_MUST = "contradicted, as it must be"


def number(x: float) -> str:
    """Four significant digits."""
    return "-" if math.isnan(x) else f"{x:.4g}"


def measured(value: float, interval: Sequence[float], statistic: str) -> str:
    """Value and interval, in units of the prediction; a share of runs is called one."""
    if math.isnan(value):
        return "-"
    low, high = interval
    shown = number(value) if low == high else f"{number(value)} [{number(low)}, {number(high)}]"
    return f"share {shown}" if statistic == "share" else shown


def counts(verdict: Verdict) -> str:
    """Runs judged / outside the hypotheses / wanted, and what was lost."""
    lost = [
        f"{n} {word}"
        for n, word in (
            (verdict.diverged, "diverged"),
            (verdict.failed, "failed"),
            (verdict.missing, "missing"),
            (verdict.excluded, "excluded"),
        )
        if n
    ]
    return f"{verdict.judged} / {verdict.outside} / {verdict.wanted}" + "".join(
        f", {text}" for text in lost
    )


def control_call(verdict: Verdict) -> str:
    """What became of the negative control, and by how much in units of the prediction."""
    if verdict.control is None:
        return ""
    if verdict.control.call is not Call.CONTRADICTED:
        return "NOT contradicted"
    return f"{AS_IT_MUST}, by {verdict.control.margin:.2g}"


def holding(held: Sequence[int] | None) -> str:
    """How many intervals hold their exact prediction."""
    return "" if held is None else f"intervals that hold the prediction: {held[0]} of {held[1]}"


def print_table(console: Console, study: Study, verdicts: Sequence[Verdict]) -> None:
    """One row a claim, and one for its negative control; below, what is not consistent and why."""
    table = Table(title=f"{study.title} ({study.paper})", title_justify="left", show_lines=False)
    for heading in ("claim", "statement", "predicted", "measured [95% interval]"):
        table.add_column(heading, overflow="fold")
    table.add_column("judged / outside / wanted", justify="right")
    table.add_column("verdict")
    for v in verdicts:
        call = f"[{STYLE[v.call]}]{v.call}[/]"
        shown = measured(v.measured, v.interval, v.claim.statistic)
        told = [text for text in (shown, holding(v.held)) if text]
        table.add_row(
            f"{v.claim.id} ({v.claim.source})",
            marked(plain(v.claim.plain)),
            marked(plain(f"{v.claim.measured} {v.claim.prediction}")),
            "\n".join(map(marked, told)),
            counts(v),
            call,
        )
        if v.control is not None:
            table.add_row(
                "",
                marked(plain(f"control: {v.claim.control_of}")),
                "",
                marked(measured(v.control.measured, v.control.interval, v.claim.statistic)),
                counts(v.control),
                f"control: {control_call(v)}",
                style="dim",
            )
    console.print(table)
    for v in verdicts:
        if v.call is not Call.CONSISTENT:
            console.print(f"{v.claim.id}: {marked(plain(v.sentence))}", highlight=False)
        if v.call is Call.INCONCLUSIVE and v.units and v.unmet:
            outside = plain("; ".join(reasons_outside(v.unmet)))
            console.print(f"    not judged: {marked(outside)}", highlight=False)


def print_failures(console: Console, runs: Sequence[Run]) -> None:
    """What failed and excluded runs said, each kind of message once, with its first run."""
    for status, meaning in (
        ("failed", "failed (tried again by the next call)"),
        ("excluded", "excluded (no claim is about them)"),
    ):
        kinds: dict[str, list[Run]] = {}
        for run in runs:
            if run.status == status:
                # Messages that differ in numbers alone are of one kind.
                kinds.setdefault(re.sub(r"\d[\d.e+-]*", "#", run.message), []).append(run)
        for own in kinds.values():
            point = marked(", ".join(f"{axis} = {value}" for axis, value in own[0].params.items()))
            console.print(
                f"{len(own)} {'run' if len(own) == 1 else 'runs'} {meaning}: "
                f"{marked(own[0].message)}; the first: {own[0].sweep}, {point}, "
                f"seed {own[0].seed}",
                highlight=False,
            )


def what_is_to_run(wanted: int, lacking: int, shard: tuple[int, int] | None = None) -> str:
    """The first line of a sweep, or of a share of it."""
    share = f"share {shard[0]} of {shard[1]}, " if shard else ""
    if lacking or shard:
        return f"{share}{wanted} runs: {wanted - lacking} stored, {lacking} to run"
    return f"all {wanted} runs are stored: judging and drawing from the store"


def print_cost(
    console: Console, packed: Sequence[Block], found: Sequence[Probe], wanted: int, jobs: int
) -> None:
    """What a dry run has to say: a row a sweep, and the time in all."""
    to_run = sum(block.runs for block in packed)
    console.print(what_is_to_run(wanted, to_run))
    table = Table(title="what it would cost", title_justify="left")
    for heading in ("sweep", "runs", "batches", "memory of a batch", "flops", "bytes", "time"):
        table.add_column(heading, justify="left" if heading == "sweep" else "right")
    seconds = 0.0
    by_shape = {probe.block.shape: probe for probe in found}
    for sweep in dict.fromkeys(block.sweep for block in packed):
        own = [by_shape[block.shape] for block in packed if block.sweep == sweep]
        time = expected(own, jobs)
        seconds += time
        table.add_row(
            sweep,
            str(sum(block.runs for block in packed if block.sweep == sweep)),
            str(len(own)),
            size(max(p.bytes for p in own)),
            f"{sum(p.work.flops for p in own):.2g}",
            size(sum(p.work.moved for p in own)),
            f"{time:.3g} s",
        )
    console.print(table)
    console.print(
        f"about {seconds:.0f} s with {jobs} {'job' if jobs == 1 else 'jobs'}, as measured just now "
        "on a part of one batch of every shape; judging and drawing come on top. Nothing was stored"
    )


def as_data(verdict: Verdict) -> dict[str, Any]:
    """A verdict as plain data; numbers that are not finite become strings."""
    claim = verdict.claim
    data: dict[str, Any] = {
        "claim": claim.id,
        "cite": claim.cite,
        "source": claim.source,
        "statement": claim.statement,
        "plain": plain(claim.plain),
        "measures": plain(claim.measured),
        "predicted": claim.prediction,
        "mode": claim.mode if isinstance(claim.mode, str) else f"{claim.mode[0]} {claim.mode[1]}",
        "assumes": plain(claim.assumes),
        "outside": [
            {"hypothesis": plain(condition.words), "kind": condition.kind, "runs": count}
            for condition, count in verdict.unmet
        ],
        "verdict": str(verdict.call),
        "statistic": claim.statistic,
        "measured": verdict.measured,
        "interval": list(verdict.interval),
        "smallest_deviation_seen": verdict.deviation,
        "units": verdict.units,
        "units_contradicted": verdict.contradicted,
        "margin": verdict.margin,
        "window": list(verdict.window),
        "horizon": verdict.horizon,
        "sentence": plain(verdict.sentence),
    }
    for name in ("judged", "outside", "wanted", "diverged", "failed", "missing", "excluded"):
        data[f"runs_{name}"] = getattr(verdict, name)
    if verdict.held is not None:
        data["intervals_that_hold_the_prediction"], data["intervals"] = verdict.held
    if verdict.control is not None:
        inner = as_data(verdict.control)
        kept = ("verdict", "measured", "interval", "units", "units_contradicted", "sentence")
        data["control"] = {"runs": plain(claim.control_of), **{k: inner[k] for k in kept}}
        data["control"]["as_it_must_be"] = verdict.control.call is Call.CONTRADICTED
        data["control_margin"] = verdict.control.margin
    return {key: _plain(value) for key, value in data.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return value


def verdict_json(
    name: str, study: Study, verdicts: Sequence[Verdict], precision: str, grid: str = ""
) -> str:
    """The content of verdict.json."""
    data = {
        "study": name,
        "title": study.title,
        "paper": study.paper,
        "precision": precision,
        "grid_digest": grid,
        "claims": [as_data(v) for v in verdicts],
    }
    return dump(data)


def dump(data: dict[str, Any]) -> str:
    """JSON for files that people read too."""
    return json.dumps(data, indent=1, ensure_ascii=False) + "\n"


def rates_csv(study: Study, runs: Sequence[Run], grid: str = "") -> str:
    """The content of rates.csv: a row a run, with the law that the study fits to it."""
    axes = list(dict.fromkeys(axis for run in runs for axis in run.params))
    fields = ["law", "value", "low", "high", "window_from", "window_to", "points", "floor"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        ["run", "sweep", *axes, "seed", "status", *fields, "predicted", "reason", "grid_digest"]
    )
    for run in runs:
        params = [run.params.get(axis, "") for axis in axes]
        texts = [cell(value) if isinstance(value, str) else value for value in params]
        head = [run.id, run.sweep, *texts, run.seed]
        if run.status != "ok":
            writer.writerow([*head, run.status, *[""] * len(fields), "", cell(run.message), grid])
            continue
        fit = study.fit(run)
        low, high = fit.interval()
        values = [fit.value, low, high, *fit.window, fit.points, fit.floor]
        writer.writerow(
            [
                *head,
                run.status,
                fit.law,
                *map(_cell, values),
                _cell(study.predicted(run)),
                cell(fit.reason),
                grid,
            ]
        )
    return out.getvalue()


def _cell(x: float) -> str:
    return f"{x:.8g}" if math.isfinite(x) else ""


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
        listed = "; ".join(f"{markdown(c['plain'])}: {c['verdict']}" for c in others) or "-"
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


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 all consistent, 1 something contradicted, 3 inconclusive or incomplete."""
    calls = {v.call for v in verdicts}
    if Call.CONTRADICTED in calls:
        return 1
    return 0 if calls <= {Call.CONSISTENT} else 3
