"""How far to trust a fit: `python -m sims.calibrate [--traces 500] [--seed 0]` prints a table."""

import argparse
import sys
from collections.abc import Iterator

from matsense.calibration import (
    Row,
    Tally,
    control_rows,
    coverage_rows,
    hopeless_rows,
    measure,
)


class OneLineParser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> None:  # type: ignore[override]
        """Exit with code 2."""
        self.exit(2, f"calibrate: {message}; see python -m sims.calibrate --help\n")


def natural(text: str) -> int:
    """A whole number of traces, at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def lines(traces: int, seed: int) -> Iterator[str]:
    """The table, line by line as it is measured."""

    def head(title: str, columns: str) -> str:
        return f"{title:<62}{columns}"

    def counted(row: Row) -> Tally:
        return measure(row, traces, seed)

    yield head("95% intervals", " answered   neither  coverage  half width")
    for row in coverage_rows():
        m = counted(row)
        low = "" if 0.93 <= m.coverage <= 0.99 else "  <" if m.coverage < 0.93 else "  >"
        yield (
            f"{row.name:<62}{m.answered:9.1%} {m.neither / traces:9.1%} {m.coverage:9.1%}"
            f" {m.half_width:11.2g}{low}"
        )
    yield ""
    yield head("wrong claims", " contradicted  right law")
    for row in control_rows():
        m = counted(row)
        yield f"{row.name:<62}{m.power:13.1%} {m.answered:10.1%}"
    yield ""
    yield head("hopeless traces", " no law   neither")
    for row in hopeless_rows():
        m = counted(row)
        # A plateau is no power law and no exponential: for flat noise it is the right answer.
        none = m.neither + (m.right if row.law == "plateau" else 0)
        yield f"{row.name:<62}{none / traces:7.1%} {m.neither / traces:9.1%}"


def main(arguments: list[str] | None = None) -> int:
    """Prints the table; rows outside 93 to 99% are marked < or >."""
    parser = OneLineParser(prog="python -m sims.calibrate", description=__doc__)
    parser.add_argument("--traces", type=natural, default=500, help="traces a row (default 500)")
    parser.add_argument("--seed", type=int, default=0, help="seed of all draws, >= 0 (default 0)")
    options = parser.parse_args(arguments)
    if options.seed < 0:
        parser.error(f"argument --seed: {options.seed} is negative")
    for line in lines(options.traces, options.seed):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
