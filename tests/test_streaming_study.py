"""The study streaming_eig: what its command refuses, and what its estimates read off a run."""

import math
from pathlib import Path

import numpy as np
import pytest

from matsense.errors import InvalidInput
from matsense.judging.claims import Run
from matsense.theory import streaming as theory
from sims.studies.streaming_eig import laws
from sims.sweep import command


@pytest.mark.parametrize(
    "setting",
    [
        "certificate.R=1",
        "certificate.R=0.5",
        "certificate.n=10",
        "certificate.kind=sorted",
        "certificate.credit=0",
        "worst.d=1",
        "worst.speed=-1",
        "diagonal.R=2.5",
        "diagonal.R=9",
        "diagonal.m=0",
        "diagonal.d=8",
        "diagonal.starts=0",
        "gap.C=0",
        "light_gap.R=nan",
        "diagonal.R=nan",
        "mixed.R=inf",
        "gap.grows=2",
    ],
)
def test_bad_input_is_refused_in_one_line_and_nothing_is_written(
    setting: str, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="give for example") as caught:
        command(["streaming_eig", "--quick", "--set", setting, "--out", str(tmp_path / "out")])
    assert str(caught.value).startswith(setting)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def a_run(failing: list[float], **params: object) -> Run:
    given = {"d": 1024, "R": 5.0, "m": 64, **params}
    eta = np.array([2.0, 4.0])
    quantities = {"eta": eta, "starts": np.array(400), "failing": np.array(failing)}
    return Run("x", "diagonal", given, 0, "ok", {"t": np.ones(1), **quantities})


def test_a_share_is_held_against_its_exact_interval() -> None:
    closed = theory.hard_failure(math.log(1024), 5.0, np.array([2.0, 4.0]), 64)
    near = np.rint(closed * 400) / 400
    assert laws.outside_binomial(a_run(list(near))) == 0.0
    assert laws.outside_binomial(a_run([float(near[0]), float(near[1]) - 0.15])) > 0.01
    assert laws.outside_binomial(a_run([1.0, 1.0])) > 0.3


def test_a_threshold_is_located_for_each_seed() -> None:
    runs = [a_run([1.0, s], R=R) for R, s in ((4.0, 1.0), (5.0, 0.4), (6.0, 0.1))]
    assert laws.located(runs, "failing", 0.7) == [pytest.approx(4.5)]
    assert laws.located(runs[1:], "failing", 0.7) == []
