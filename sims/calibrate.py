"""How far to trust a fit: `python -m sims.calibrate [--traces 500] [--seed 0]` prints a table."""

import sys
from collections.abc import Callable, Iterator, Sequence

from joblib import Parallel, delayed

from matsense.calibration import (
    Row,
    Tally,
    control_rows,
    hopeless_rows,
    known_rows,
    measure,
    unknown_rows,
)
from sims.command import Parser, at_least, main

Rows = Callable[[], list[Row]]
Line = Callable[[Row, Tally], str]

NAME = 66
SELDOM = 0.05  # a row answered less often counts as refused
MOST_WRONG = 0.02
WEIGHED = 20  # traces a row whose nearest rivals are sought


def head(title: str, *columns: str) -> str:
    """A heading over right-aligned columns."""
    return f"{title:<{NAME}}" + "".join(f"{column:>11}" for column in columns)


def marks(m: Tally) -> str:
    """`<` below 93% of coverage, `>` above 99%, `!` more than 2% wrong for certain."""
    low = ""
    if m.answered >= SELDOM * m.traces and m.answered:
        low = " <" if m.coverage < 0.93 else " >" if m.coverage > 0.99 else ""
    return low + (" !" if m.wrong > MOST_WRONG * m.traces else "")


def known(row: Row, m: Tally) -> str:
    """The line of a law that the fit knows."""
    shares = (m.answered, m.neither, m.close, m.near)
    cells = "".join(f"{x / m.traces:11.1%}" for x in shares)
    cells += f"{m.most_close:11.1%}{m.most_near:11.1%}"
    wrong = f"{m.wrong / m.traces:11.1%}"
    return f"{row.name:<{NAME}}{cells}{m.coverage:11.1%}{wrong}{m.half_width:11.2g}{marks(m)}"


def unknown(row: Row, m: Tally) -> str:
    """The line of a law that it does not know."""
    coverage = f"{m.coverage:11.1%}" if m.answered else f"{'-':>11}"
    share, wrong = m.answered / m.traces, m.wrong / m.traces
    return f"{row.name:<{NAME}}{share:11.1%}{coverage}{wrong:11.1%}{marks(m)}"


def control(row: Row, m: Tally) -> str:
    """The line of a wrong claim."""
    return f"{row.name:<{NAME}}{m.contradicted / m.traces:11.1%}{m.answered / m.traces:11.1%}"


def hopeless(row: Row, m: Tally) -> str:
    """The line of a trace without a law; a plateau is none."""
    none = m.neither + (m.answered if row.law == "plateau" else 0)
    return f"{row.name:<{NAME}}{none / m.traces:11.1%}{m.neither / m.traces:11.1%}"


def lines(traces: int, seed: int, jobs: int) -> Iterator[str]:
    """The table, line by line as it is measured."""
    parts: tuple[tuple[str, Rows, Line], ...] = (
        (
            head(
                "known laws", "answered", "neither", "right 10%", "right 25%", "most 10%",
                "most 25%", "coverage", "wrong", "half width",
            ),
            known_rows, known,
        ),
        (head("unknown laws", "answered", "coverage", "wrong"), unknown_rows, unknown),
        (head("wrong claims", "contrad.", "right law"), control_rows, control),
        (head("hopeless traces", "no law", "neither"), hopeless_rows, hopeless),
    )  # fmt: skip
    for title, rows, line in parts:
        yield title
        every = rows()
        work = Parallel(n_jobs=jobs, return_as="generator")(
            delayed(_measured)(rows, index, traces, seed) for index in range(len(every))
        )
        for row, tally in zip(every, work, strict=True):
            yield line(row, tally)
        yield ""


def _measured(rows: Rows, index: int, traces: int, seed: int) -> Tally:
    # A row holds functions that no process can send to another: it is built anew.
    return measure(rows()[index], traces, seed, weighed=WEIGHED)


def command(words: Sequence[str]) -> int:
    """Prints the table; see its last lines for what the columns mean."""
    p = Parser("sims.calibrate", __doc__)
    p.add_argument("--traces", type=at_least(1), default=500, help="traces a row (default 500)")
    p.add_argument("--seed", type=at_least(0), default=0, help="seed of all draws (default 0)")
    p.add_argument("--jobs", type=at_least(1), default=1, help="processes (default 1)")
    options = p.parse_args(words)
    for line in lines(options.traces, options.seed, options.jobs):
        print(line.rstrip(), flush=True)
    print(EXPLAINED)
    return 0


EXPLAINED = """\
coverage: of the 95% intervals of what was answered, those that hold the truth (for unknown laws:
both the exponent and the rate); wrong: of all traces, those whose interval at the familywise level
of 200 runs excludes it. right 10%, right 25%: the claim that the value is within that of the truth
is consistent; most: the largest such share that any judge can have whose intervals hold the ends of
rival laws too (matsense/ceiling.py). < coverage under 93%, > over 99% (where 5% or more are
answered), ! more than 2% wrong."""


if __name__ == "__main__":
    sys.exit(main(command))
