"""Verdicts, failures and costs as tables for a person."""

import math
import re
from collections.abc import Sequence

from rich.console import Console
from rich.filesize import decimal
from rich.table import Table

from matsense.fitting.estimate import Call
from matsense.judging.judge import Verdict, reasons_outside
from matsense.judging.runs import Run
from sims.running.blocks import Block
from sims.running.cost import Probe, expected
from sims.study import Study
from sims.text.escape import marked, visible
from sims.text.notation import plain

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
    table = Table(
        title=marked(f"{study.title} ({study.paper})"), title_justify="left", show_lines=False
    )
    for heading in ("claim", "statement", "predicted", "measured [95% interval]"):
        table.add_column(heading, overflow="fold")
    table.add_column("judged / outside / wanted", justify="right")
    table.add_column("verdict")
    for v in verdicts:
        call = f"[{STYLE[v.call]}]{v.call}[/]"
        table.add_row(
            marked(f"{v.claim.id} ({v.claim.source})"),
            marked(plain(v.claim.plain)),
            marked(plain(f"{v.claim.measured} {v.claim.prediction}")),
            _on_lines(marked(measured(v.measured, v.interval, v.claim.statistic)), holding(v.held)),
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
            console.print(marked(plain(f"{v.claim.id}: {v.sentence}")), highlight=False)
        if v.call is Call.INCONCLUSIVE and v.units and v.unmet:
            outside = plain("; ".join(reasons_outside(v.unmet)))
            console.print(f"    not judged: {marked(outside)}", highlight=False)


def _on_lines(*texts: str) -> str:
    return "\n".join(text for text in texts if text)


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
            point = ", ".join(f"{axis} = {value}" for axis, value in own[0].params.items())
            console.print(
                visible(
                    f"{len(own)} {'run' if len(own) == 1 else 'runs'} {meaning}: "
                    f"{own[0].message}; the first: {own[0].sweep}, {point}, seed {own[0].seed}"
                ),
                highlight=False,
                markup=False,
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
    to_run = sum(len(block.runs) for block in packed)
    console.print(what_is_to_run(wanted, to_run))
    table = Table(title="what it would cost", title_justify="left")
    for heading in ("sweep", "runs", "batches", "memory of a batch", "flops", "bytes", "time"):
        table.add_column(heading, justify="left" if heading == "sweep" else "right")
    seconds = 0.0
    by_shape = {probe.block.shape: probe for probe in found}
    for sweep in dict.fromkeys(block.name for block in packed):
        own = [by_shape[block.shape] for block in packed if block.name == sweep]
        time = expected(own, jobs)
        seconds += time
        table.add_row(
            sweep,
            str(sum(len(block.runs) for block in packed if block.name == sweep)),
            str(len(own)),
            decimal(max(p.bytes for p in own)),
            f"{sum(p.work.flops for p in own):.2g}",
            decimal(round(sum(p.work.moved for p in own))),
            f"{time:.3g} s",
        )
    console.print(table)
    console.print(
        f"about {seconds:.0f} s with {jobs} {'job' if jobs == 1 else 'jobs'}, as measured just now "
        "on a part of one batch of every shape; judging and drawing come on top. Nothing was stored"
    )


def exit_code(verdicts: Sequence[Verdict]) -> int:
    """0 all consistent, 1 something contradicted, 3 inconclusive or incomplete, or no claim."""
    calls = {v.call for v in verdicts}
    if Call.CONTRADICTED in calls:
        return 1
    return 0 if calls == {Call.CONSISTENT} else 3
