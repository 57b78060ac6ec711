"""Verdicts and fits as files for a program: the content of verdict.json and of rates.csv."""

import csv
import io
import json
import math
from collections.abc import Sequence
from typing import Any

from matsense.fitting.estimate import Call
from matsense.judging.judge import Verdict
from matsense.judging.runs import Run
from sims.study import Study
from sims.study.guarded import Troubles
from sims.text.escape import cell
from sims.text.notation import plain


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
    r"""JSON for files that people read too: what does not print is written \uXXXX."""
    text = json.dumps(data, indent=1, ensure_ascii=False)
    plain = (c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
    return "".join(plain) + "\n"


def rates_csv(
    study: Study, runs: Sequence[Run], grid: str = "", troubles: Troubles | None = None
) -> str:
    """The content of rates.csv: a row a run, with the law that the study fits to it.

    A law that raises for a run leaves its fields empty there, and a note in `troubles`.
    """
    troubles = troubles or Troubles()
    axes = list(dict.fromkeys(axis for run in runs for axis in run.params))
    fields = ["law", "value", "low", "high", "window_from", "window_to", "points", "floor"]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")

    def write(*row: Any) -> None:
        writer.writerow([cell(x) if isinstance(x, str) else x for x in row])

    def law_of(run: Run) -> list[str]:
        fit = study.fit(run)
        low, high = fit.interval()
        numbers = [fit.value, low, high, *fit.window, fit.points, fit.floor]
        return [fit.law, *map(_digits, numbers), fit.reason]

    def predicted_of(run: Run) -> float:
        return float(study.predicted(run))

    nothing = [*[""] * len(fields), "the law raised"]
    ends = ("predicted", "reason", "grid_digest")
    write("run", "sweep", *axes, "seed", "status", *fields, *ends)
    for run in runs:
        head = [run.id, run.sweep, *(run.params.get(axis, "") for axis in axes), run.seed]
        if run.status != "ok":
            write(*head, run.status, *[""] * len(fields), "", run.message, grid)
            continue
        *values, reason = troubles.law("the law of rates.csv", law_of, run, nothing)
        predicted = troubles.law("the prediction of rates.csv", predicted_of, run, math.nan)
        write(*head, run.status, *values, _digits(predicted), reason, grid)
    return out.getvalue()


def _digits(x: float) -> str:
    return f"{x:.8g}" if math.isfinite(x) else ""
