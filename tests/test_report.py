"""What tables and verdict.json say: of runs without a result, of claims, of their controls."""

import csv
import io
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from rich.console import Console
from scipy import stats

from matsense.errors import InvalidInput
from matsense.fitting.estimate import Estimate
from matsense.fitting.rates import fit
from matsense.judging.claims import Claim
from matsense.judging.conditions import given, lasting
from matsense.judging.judge import judge
from matsense.judging.runs import Run
from sims.figures.drawing import readings
from sims.storage.verdicts import dump, rates_csv, verdict_json
from sims.study import Study
from sims.terminal import listing
from sims.terminal.listing import markdown_table
from sims.terminal.report import print_failures, print_table
from sims.text import escape


def test_failed_and_excluded_runs_are_named_once_a_kind() -> None:
    gaps = [
        Run(f"{i}", "path", {"d": 2}, i, "failed", message=f"ArithmeticError: gap {x}")
        for i, x in enumerate(("5.8e-04", "0.1", "1e-5"))
    ]
    others = [
        Run("a", "svm", {"d": 3}, 7, "excluded", message="infeasible [x]"),
        Run("b", "svm", {"d": 3}, 8, "failed", message="ValueError"),
        Run("c", "svm", {"d": 3}, 9, "ok"),
    ]
    console = Console(width=200)
    with console.capture() as captured:
        print_failures(console, [*gaps, *others])
    assert captured.get().splitlines() == [
        "3 runs failed (tried again by the next call): ArithmeticError: gap 5.8e-04; the first: "
        "path, d = 2, seed 0",
        "1 run failed (tried again by the next call): ValueError; the first: svm, d = 3, seed 8",
        "1 run excluded (no claim is about them): infeasible [x]; the first: svm, d = 3, seed 7",
    ]


def run(x: float, seed: int, sweep: str = "main", steps: int = 100) -> Run:
    quantities = {"t": np.arange(3.0), "x": np.array(x)}
    return Run(f"{sweep}{seed}", sweep, {"steps": steps}, seed, "ok", quantities)


def claim(id: str, **changes: Any) -> Claim:
    asked: dict[str, Any] = {
        "cite": "somebody", "statement": "$x=2$", "plain": f"x is 2 ({id})", "measured": "x / 2",
        "runs": lambda run: run.sweep == "main", "sense": "equals", "target": lambda run: 2.0,
        "estimate": lambda run: Estimate(float(run.quantities["x"]), 0.01), "tolerance": 0.1,
        "control": lambda run: run.sweep == "control", "control_of": "x = 3", "source": "derived",
        "hypotheses": (
            given("x is small", "steps != 7"),
            lasting("at least 20 burn-ins", "steps >= 20"),
        ),
    }  # fmt: skip
    return Claim(id, **{**asked, **changes})


RUNS = [
    *(run(2.0, s) for s in range(9)), run(2.05, 9), run(2.0, 10, steps=3), run(2.0, 11, steps=7),
    *(run(3.0, s, "control") for s in range(4)),
]  # fmt: skip
CLAIMS = (
    claim("good"),
    claim("uncontrolled", control=None, control_of="", source="stated"),
    claim("recalled/wrong", target=lambda run: 4.0, source="recalled"),
)


def study_of(title: str = "Toy", paper: str = "nobody") -> Study:
    law = fit(np.arange(40.0), np.exp(-np.arange(40.0)))
    return Study(
        title, paper, "", (), (), draw=lambda runs, verdicts: Figure(), fit=lambda run: law,
        predicted=lambda run: -0.5,
    )  # fmt: skip


STUDY = study_of()


def test_the_terminal_says_whence_a_claim_comes_and_what_its_control_is_worth() -> None:
    console = Console(width=200)
    with console.capture() as captured:
        print_table(console, STUDY, [judge(c, RUNS) for c in CLAIMS])
    text = captured.get()
    assert all(len(line) <= 200 for line in text.splitlines())
    for words in (
        "good (derived)", "uncontrolled (stated)", "recalled/wrong (recalled)", "10 / 2 / 12",
        "intervals that hold the prediction: 9 of 10", "contradicted, as it must be, by 0.39",
    ):  # fmt: skip
        assert words in text, words
    _, below = text.split("uncontrolled: ")
    # Under an inconclusive claim stands who was not judged and why; not under the others.
    assert "not judged: 1 too short: at least 20 burn-ins; 1 outside: x is small" in below or (
        "not judged: 1 outside: x is small; 1 too short: at least 20 burn-ins" in below
    )
    assert text.count("not judged") == 1
    flat = " ".join(text.split())
    assert "What failed is our reading of the claim: the paper's text was not at hand." in flat


def test_verdict_json_and_the_table_made_of_it(tmp_path: Path) -> None:
    text = verdict_json("toy", STUDY, [judge(c, RUNS) for c in CLAIMS], "float64", "g0")
    good, bare, wrong = json.loads(text)["claims"]
    assert (good["source"], bare["source"], wrong["source"]) == ("derived", "stated", "recalled")
    # Each of 4 units at 98.75%.
    half = 0.01 / 2 * stats.norm.ppf(1 - 0.05 / 4 / 2)
    assert good["control_margin"] == pytest.approx(0.5 - half - 0.1)
    assert (good["intervals_that_hold_the_prediction"], good["intervals"]) == (9, 10)
    assert good["outside"] == [
        {"hypothesis": "at least 20 burn-ins", "kind": "horizon", "runs": 1},
        {"hypothesis": "x is small", "kind": "setting", "runs": 1},
    ]
    assert "control" not in bare and "control_margin" not in bare
    (tmp_path / "toy").mkdir()
    (tmp_path / "toy" / "verdict.json").write_text(text)
    table = markdown_table(tmp_path, ["toy", "absent"])
    assert "| toy | 3 | 1 | x is 2 (uncontrolled): inconclusive; x is 2 (recalled/wrong): " in table
    assert "| good | derived | x is 2 (good) | x / 2 = 1 within 10% | 1 [" in table
    assert "intervals that hold the prediction: 9 of 10 | 10 | consistent | contradicted, " in table
    rows = [line for line in table.splitlines() if line.startswith("|")]
    assert {row.count("|") for row in rows[-4:]} == {9}
    # A gallery of an older program lacks what was not written then.
    for name in ("source", "control_margin", "intervals"):
        good.pop(name)
    (tmp_path / "toy" / "verdict.json").write_text(dump({"claims": [good]}))
    assert "| good | - | x is 2 (good) |" in markdown_table(tmp_path, ["toy"])


# A formula, a window's title, colours, an end of line, markup, a direction, half a character.
HOSTILE = (
    "=1+1 \x1b]0;owned\x07\x1b[31m\x9b2J\r\nnew [red]b[/] [/y] :smile: \u202e \udc80 | `c` ](x) <b>"
)


def test_text_of_files_is_shown_and_never_obeyed(capsys: pytest.CaptureFixture[str]) -> None:
    """Messages, names and titles on the terminal: each in one line, each sign as itself."""
    study = study_of(HOSTILE, HOSTILE)
    asked: dict[str, Any] = dict.fromkeys(("statement", "plain", "measured", "control_of"), HOSTILE)
    given_up = given(HOSTILE, lambda: False)
    claims = [claim(HOSTILE, **asked), claim("c", **asked, hypotheses=(given_up,))]
    console = Console(width=4000, emoji=False, force_terminal=True, color_system="standard")
    console.file = io.StringIO()
    print_table(console, study, [judge(c, RUNS) for c in claims])
    lost = [Run("a", HOSTILE, {HOSTILE: 1}, 0, s, message=HOSTILE) for s in ("failed", "excluded")]
    print_failures(console, lost)
    told = re.sub(r"\x1b\[[\d;]*m", "", console.file.getvalue())
    assert all(c.isprintable() or c == "\n" for c in told)
    assert told.count(escape.visible(HOSTILE)) >= 10
    assert "\x1b[31m" not in console.file.getvalue()
    for line in told.splitlines()[-2:]:
        assert re.match(r"1 run (failed|excluded) .*seed 0$", line)


def test_cells_of_csv_are_text_or_numbers() -> None:
    """What a spreadsheet would compute is text; a number is one, negative or not."""
    for text in ("=1+1", "+1+1", "-1+1", "@SUM(1)", "=cmd|' /C calc'!A0", " =1", "\uff1d1", "-x"):
        assert escape.cell(text) == "'" + text, text
    for text in ("-1.5", "-1.5e-07", "+3", "-.5", "-inf", "x=1", "", "a-b"):
        assert escape.cell(text) == text
    runs = [
        Run("a", "=s", {"=x": -1.5, "y": "-1+1"}, 0, "failed", message=HOSTILE),
        Run("b", "s", {"=x": -2.5, "y": "z"}, 0, "ok"),
    ]
    head, first, second = csv.reader(io.StringIO(rates_csv(STUDY, runs, "-2")))
    assert head[:4] == ["run", "sweep", "'=x", "y"]
    assert first[:4] == ["a", "'=s", "-1.5", "'-1+1"] and second[2] == "-2.5"
    assert first[-2] == "'" + escape.visible(HOSTILE)
    assert second[-3] == "-0.5" and first[-1] == second[-1] == "-2"
    assert len(head) == len(first) == len(second)


def test_a_table_of_somebody_elses_verdicts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No cell, line, tag, code or link more than the table has; nor a sign of control."""
    monkeypatch.setattr(listing, "available", lambda: ["toy"])
    good = json.loads(verdict_json("toy", STUDY, [judge(CLAIMS[0], RUNS)], "float64"))["claims"][0]
    plain = listing_of(tmp_path, good)
    texts = {k: HOSTILE for k, v in good.items() if isinstance(v, str) and k != "statistic"}
    hostile = listing_of(tmp_path, {**good, **texts, "control": {"verdict": HOSTILE}})
    for before, after in zip(plain, hostile, strict=True):
        assert len(re.findall(r"(?<!\\)\|", before)) == len(re.findall(r"(?<!\\)\|", after))
        assert after.isprintable()
        assert not re.search(r"<b|(?<!\\)`|\]\(", after)
    assert r"&#92;x1b]0;owned&#92;x07" in "".join(hostile)
    for damaged in ("", "[]", '{"claims": 5}', '{"claims": [{"claim": 5}]}', 50_000 * "["):
        (tmp_path / "toy" / "verdict.json").write_text(damaged)
        with pytest.raises(InvalidInput, match="does not hold verdicts") as refused:
            listing.table(tmp_path)
        assert "\n" not in str(refused.value)


def listing_of(folder: Path, told: dict[str, Any]) -> list[str]:
    (folder / "toy").mkdir(exist_ok=True)
    (folder / "toy" / "verdict.json").write_text(dump({"claims": [told]}), encoding="utf-8")
    return listing.table(folder).splitlines()


def test_json_holds_no_signs_of_control() -> None:
    text = dump({HOSTILE: [HOSTILE, "η"]})
    assert all(c.isprintable() or c == "\n" for c in text)
    assert "η" in text and json.loads(text) == {HOSTILE: [HOSTILE, "η"]}
    text.encode()


def test_what_is_known_from_one_side_is_an_arrow() -> None:
    """Points for numbers, a line for how far they may be off, arrowheads for one known end."""
    ax = Figure().subplots()
    value, below, above = np.array(
        [[1.0, 0.0, 0.0], [1.0, 0.1, 0.0], [1.5, 0.0, math.inf], [0.5, math.inf, 0.0]]
    ).T
    readings(ax, np.arange(4.0), value, value - below, value + above, "o", "black")
    drawn = {
        line.get_marker(): np.asarray(line.get_xdata(), dtype=float).tolist()
        for line in ax.get_lines() if len(np.atleast_1d(line.get_xdata()))
    }  # fmt: skip
    assert drawn["o"] == [1.0, 1.0]
    assert drawn[">"] == [1.5] and drawn["<"] == [0.5]
    lines = [c for c in ax.collections if isinstance(c, LineCollection)]
    assert [0.9, 1.0] in [part[:, 0].tolist() for c in lines for part in c.get_segments()]
