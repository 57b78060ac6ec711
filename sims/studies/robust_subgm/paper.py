"""Figure."""

from sims import drawing


def draw(runs, verdicts):
    """x"""
    f, ax = drawing.canvas(1, 1, "x")
    return f
