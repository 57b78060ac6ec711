"""How far to trust a fit: `python -m sims.calibrate [--traces 500] [--seed 0]` prints a table."""

import sys
from collections.abc import Iterator, Sequence

from matsense.calibration import (
    Row,
    Tally,
    control_rows,
    coverage_rows,
    hopeless_rows,
    measure,
)
from sims.command import Parser, at_least, main


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


def command(words: Sequence[str]) -> int:
    """Prints the table; rows outside 93 to 99% are marked < or >."""
    p = Parser("sims.calibrate", __doc__)
    p.add_argument("--traces", type=at_least(1), default=500, help="traces a row (default 500)")
    p.add_argument("--seed", type=at_least(0), default=0, help="seed of all draws (default 0)")
    options = p.parse_args(words)
    for line in lines(options.traces, options.seed):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(command))
