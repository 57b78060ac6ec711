"""Writing a study: begun from the template, tried, run in part; and what raises in it."""

import ast
import dataclasses
import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.judging.runs import Run
from sims import sweep as cli
from sims.storage.verdicts import as_data
from sims.study import blame, catalogue, guarded, template
from sims.terminal import new, report
from tests import mine, toy
from tests.test_anywhere import here, refused

__all__ = ["here"]

WRONG = """
        Claim(
            "wrong", "toy", "twice", "twice", "rate / law", lambda run: run.sweep == "even",
            rate("error", lambda run: 0.0, 1e-24), "equals",
            lambda run: 2 * float(exact_rate(0.1, 1.0)), 0.03, source="derived",
            control=lambda run: run.sweep == "even", control_of="the same",
        ),
    ),
    draw=draw"""
TWO_CLAIMS = toy.STUDY.replace("\n    ),\n    draw=draw", WRONG)


def line_of(text: str, part: str) -> int:
    """The number of the line that a text has a part in."""
    (found,) = [n for n, line in enumerate(text.splitlines(), 1) if part in line]
    return found


def test_a_new_study_runs_as_it_is(tmp_path: Path) -> None:
    begun = mine.sweep(tmp_path, "--new", "first")
    assert begun.returncode == 0 and [p.name for p in tmp_path.iterdir()] == ["first.py"]
    text = (tmp_path / "first.py").read_text()
    said = template.__doc__.strip().replace("NAME", "first")
    assert text.count("\n") <= 60 and ast.get_docstring(ast.parse(text)) == said
    tried = mine.sweep(tmp_path, "first.py", "--try")
    assert tried.returncode == 0, tried.stderr
    assert re.search(r"seed 0: ok, .* s with compiling\n +error \(", tried.stdout)
    assert not (tmp_path / "figures").exists()
    run = mine.sweep(tmp_path, "first.py", "--quick", "--jobs", "1")
    assert run.returncode == 0, run.stdout + run.stderr
    assert (tmp_path / "figures" / "first" / "figure.png").exists()


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        (["--new", "taken"], "taken.py is there already"),
        (["--new", "a-b"], "give --new a_b"),
        (["--new", "sub/name"], "give --new sub_name"),
        (["--new", ""], "give --new mine"),
        (["--new", "lambda"], "give --new lambda_study"),
        (["--new", "numpy"], "give --new my_numpy"),
        (["--new", "matsense"], "a part of this program"),
        (["--new", "overparam_gd"], "the catalogue has a study of that name"),
        (["--new", "name.py"], "give --new name"),
        (["--new", "name", "overparam_gd", "--quick"], "leave a study, --quick out"),
        (["overparam_gd", "--try", "--seeds", "3"], "leave --seeds out"),
        (["overparam_gd", "--try", "--rejudge"], "leave --rejudge out"),
        (["overparam_gd", "--only", "symetric"], "did you mean symmetric?"),
        (["overparam_gd", "--only", "symmetric", "--set", "balance=1"], "no sweep has it"),
        (["overparam_gd", "--only", "symmetric", "--set", "twin_start.n=9"], "no such sweep"),
        (["overparam_gd", "--prune", "--only", "symmetric"], "leave out --only"),
        (["overparam_gd", "--prune", "--try"], "leave out --try"),
    ],
)
def test_words_that_cannot_be_are_refused(here: Path, words: list[str], rule: str) -> None:
    (here / "taken.py").write_text("mine")
    assert rule in refused(*words)
    assert [path.name for path in here.iterdir()] == ["taken.py"]
    assert (here / "taken.py").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_to(here: Path) -> None:
    here.chmod(0o500)
    with pytest.raises(InvalidInput, match="cannot be written here"):
        new.write("name")


def test_trying_shows_what_is_recorded_or_the_traceback_of_what_raised(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = toy.STUDY.replace('"""Asymmetric GD."""', "raise ValueError('no such update')")
    mine.write(here, broken, name="broken")
    assert cli.command(["broken.py", "--try", "--set", "even.alpha=0.3"]) == 2
    out, err = capsys.readouterr()
    assert "even, n = 6, steps = 300, alpha = 0.3, seed 0: ok" in out
    assert re.search(r"    error \(31,\), last [\d.e-]+\n    t \(31,\), last 300\n", out)
    place = f"broken.py line {line_of(broken, 'no such update')}"
    *traceback, last = err.splitlines()
    assert traceback[0].startswith("Traceback") and f'{here}/broken.py", line' in err
    assert last == (
        f"error: odd, n = 6, steps = 300, alpha = 0.1, seed 0: ValueError: no such update ({place})"
    )
    assert "1 of 2 sweeps raised; nothing was judged" in out
    assert cli.command(["broken.py", "--try", "--only", "even", "--first-seed", "7"]) == 0
    assert "seed 7: ok" in capsys.readouterr().out
    assert not (here / "figures").exists()


def test_trying_tells_that_a_run_diverges(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    infinite = '{"x": jnp.inf, "t": jnp.asarray(ticks)'
    mine.write(here, toy.STUDY.replace('{"t": jnp.asarray(ticks)', infinite), name="infinite")
    assert cli.command(["infinite.py", "--try"]) == 0
    assert capsys.readouterr().out.count("seed 0: diverged, ") == 2


def test_trying_tells_what_the_host_stage_excludes_or_cannot_be_stored(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = (
        "\nfrom matsense.errors import Excluded\n\n\ndef after(instance, quantities, n):\n"
        "    if EXCLUDED:\n        raise Excluded('it is infeasible')\n"
        "    return {'words': 'no numbers'}\n\n\ndef sweep("
    )
    text = toy.STUDY.replace("\ndef sweep(", stage).replace("seeds=30,", "seeds=30, after=after,")
    for excluded, said in ((True, "excluded (it is infeasible)"), (False, "not numbers")):
        name = f"stage_{excluded}"
        mine.write(here, text.replace("EXCLUDED", str(excluded)), name=name)
        assert cli.command([f"{name}.py", "--try"]) == 0
        assert capsys.readouterr().out.count(said) == 2


def test_some_sweeps_answer_what_they_can_and_leave_the_results(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = str(mine.write(here, TWO_CLAIMS, name="two"))
    words = [study, "--quick", "--seeds", "2", "--jobs", "1"]
    assert cli.command([*words, "--only", "even"]) == 1
    out = capsys.readouterr().out
    assert "2 runs: 0 stored" in out and "not judged, since they need runs of odd: exact" in out
    assert "results, which are of whole studies, are left as they are" in out
    assert re.search(r"│ wrong .*contradicted", out) and not re.search(r"│ exact", out)
    assert [path.name for path in (here / "figures" / "two").iterdir()] == ["runs"]
    assert cli.command([*words, "--only", "odd"]) == 3
    out = capsys.readouterr().out
    assert "not judged, since they need runs of even: exact, wrong" in out and "│" not in out
    assert cli.command([*words, "--only", "odd", "--only", "even"]) == 1
    assert "all 4 runs are stored" in capsys.readouterr().out
    before = (here / "figures" / "two" / "verdict.json").read_bytes()
    assert [claim["claim"] for claim in json.loads(before)["claims"]] == ["exact", "wrong"]
    assert cli.command([*words, "--only", "even", "--rejudge", "--seeds", "1"]) == 1
    assert (here / "figures" / "two" / "verdict.json").read_bytes() == before


@pytest.fixture
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the quick grid of the study stored, 4 runs."""
    folder = tmp_path_factory.mktemp("judged")
    mine.write(folder, TWO_CLAIMS, name="laws")
    done = mine.sweep(folder, "laws.py", *mine.QUICK)
    assert done.returncode == 1, done.stderr
    return folder


LAW = "lambda run: float(exact_rate(0.1, 1.0)), 0.03"
FIRST = "for even, n = 6, steps = 300, alpha = 0.1, seed 0"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (LAW, "lambda run: float(no_law), 0.03", f"the law raised NameError: .* {FIRST}"),
        (LAW, "lambda run: 'text', 0.03", f"the law raised ValueError: .* {FIRST}"),
        (
            'rate("error", lambda run: 0.0, 1e-24), "equals",\n            ' + LAW,
            'rate("eror", lambda run: 0.0, 1e-24), "equals",\n            ' + LAW,
            f"the reading raised KeyError: 'eror' {FIRST}",
        ),
        (
            'rate("error", lambda run: 0.0, 1e-24), "equals",\n            ' + LAW,
            'lambda run: 3.0, "equals",\n            ' + LAW,
            f"the reading raised TypeError: it gives 3.0, not an Estimate .*{FIRST}",
        ),
        (
            LAW, LAW + ', hypotheses=(given("so", lambda run: run.params["m"] > 0),)',
            f"the hypothesis 'so' raised KeyError: 'm' .* {FIRST}",
        ),
        (
            'lambda run: run.sweep == "even",\n            rate("error", lambda run: 0.0, 1e-24), '
            '"equals",\n            ' + LAW,
            'lambda run: run.sweeps,\n            rate("error", lambda run: 0.0, 1e-24), '
            '"equals",\n            ' + LAW,
            "the choice of runs raised AttributeError: .* for even",
        ),
    ],
)  # fmt: skip
def test_a_part_of_a_claim_that_raises_makes_that_claim_inconclusive(
    here: Path, old: str, new: str, said: str
) -> None:
    text = TWO_CLAIMS.replace("\nfrom", "\nfrom matsense.judging.conditions import given\nfrom", 1)
    assert text.count(old) == 1
    mine.write(here, text.replace(old, new), name="claims")
    study = catalogue.load(catalogue.find("claims.py"))
    t = np.arange(0.0, 300.0, 10.0)
    point = {"n": 6, "steps": 300, "alpha": 0.1}
    runs = [
        Run(f"{seed}", sweep, point, seed, "ok", {"t": t, "error": 0.01 * np.exp(-pace * t)})
        for sweep, pace in (("even", 0.2107), ("odd", 0.16))
        for seed in range(3)
    ]
    verdicts = {claim.id: guarded.judged(claim, runs) for claim in study.claims}
    assert verdicts["wrong"].call == "contradicted"
    assert verdicts["exact"].call == "inconclusive" and verdicts["exact"].control is None
    assert verdicts["exact"].claim is study.claims[0]
    sentence = verdicts["exact"].sentence
    assert re.search(said, sentence), sentence
    wanted = 0 if "choice" in said else 3
    assert (verdicts["exact"].wanted, verdicts["exact"].judged) == (wanted, 0)
    told = as_data(verdicts["exact"])
    assert (told["verdict"], told["measured"]) == ("inconclusive", "nan")


def test_a_machine_that_fails_and_a_judge_that_does_are_no_fault_of_a_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    claim = next(claim for claim in catalogue.load("overparam_gd").claims)
    run = Run("a", "symmetric", {}, 0, "ok")

    def full(run: Run) -> float:
        raise MemoryError("9 TB")

    with pytest.raises(MemoryError):
        guarded.judged(dataclasses.replace(claim, runs=full), [run])
    monkeypatch.setattr(guarded, "judge", lambda claim, runs: {}["nothing of a study's"])
    monkeypatch.setattr(blame, "is_of_study", lambda file: False)
    with pytest.raises(KeyError):
        guarded.judged(claim, [])


def rejudged(judged: Path, tmp_path: Path, text: str) -> tuple[dict[str, dict], str, str]:
    """The verdicts of a study in other words, on what is stored; what was said, and rates.csv.

    In a process of its own, with the code of the worst claim.
    """
    mine.write(tmp_path, text, name="laws")
    shutil.copytree(judged / "figures", tmp_path / "figures")
    done = mine.sweep(tmp_path, "laws.py", *mine.QUICK, "--rejudge")
    assert (done.returncode, done.stderr) == (1, ""), done.stdout + done.stderr
    folder = tmp_path / "figures" / "laws"
    found = json.loads((folder / "verdict.json").read_text())["claims"]
    return {c["claim"]: c for c in found}, done.stdout, (folder / "rates.csv").read_text()


def test_a_figure_or_a_law_of_rates_that_raises_costs_itself(judged: Path, tmp_path: Path) -> None:
    text = TWO_CLAIMS.replace("predicted=lambda run: 0.21", "predicted=lambda run: 1 / 0")
    text = text.replace('figure, (ax,) = drawing.canvas(1, 1, "toy")', "raise ValueError('no [b]')")
    text = text.replace(LAW, "lambda run: float(no_law), 0.03")
    before = (judged / "figures" / "laws" / "figure.png").read_bytes()
    verdicts, out, rates = rejudged(judged, tmp_path, text)
    assert verdicts["wrong"]["verdict"] == "contradicted"
    sentence = verdicts["exact"]["sentence"]
    assert f"(laws.py line {line_of(text, 'no_law')}) {FIRST}" in sentence
    assert sentence in " ".join(out.split())
    law, figure = line_of(text, "1 / 0"), line_of(text, "no [b]")
    said = "the prediction of rates.csv raised ZeroDivisionError: division by zero"
    assert f"{said} (laws.py line {law}); for 4 runs, the first: {FIRST[4:]}" in out
    assert f"figure could not be drawn: ValueError: no [b] (laws.py line {figure})" in out
    assert rates.count(",exponential,") == 4
    after = (tmp_path / "figures" / "laws" / "figure.png").read_bytes()
    assert after[:4] == b"\x89PNG" and after != before


def test_a_study_without_claims_is_not_consistent() -> None:
    assert report.exit_code([]) == 3


def test_a_run_that_fails_is_told_with_its_line(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = toy.STUDY.replace('"""Asymmetric GD."""', "raise ValueError('no such update')")
    mine.write(here, text, name="failing")
    assert cli.command(["failing.py", *mine.QUICK]) == 3
    out = " ".join(capsys.readouterr().out.split())
    place = f"failing.py line {line_of(text, 'no such update')}"
    assert (
        f"2 runs failed (tried again by the next call): ValueError: no such update ({place}); "
        in out
    )
    assert "the first: odd, n = 6, steps = 300, alpha = 0.1, seed 0" in out
