"""What the terminal says of runs that gave no result."""

from rich.console import Console

from matsense.claims import Run
from sims.report import print_failures


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
