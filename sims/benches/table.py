"""Times the contenders of a case in turn, and makes a table of what they took."""

import contextlib
import importlib.util
import json
import math
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from typing import Any

import joblib
import numpy as np
from rich.table import Table

from sims.benches import Case, Contender, Size
from sims.running.environment import THREADS

LEAST, MOST = 1, 10**7


@dataclass(frozen=True)
class Row:
    """What one contender took at one size: seconds a unit, ratio to the baseline, share of a limit.

    Medians over repetitions; ratios and shares are between times of one repetition. `first` is the
    first call (compilation and a few steps).
    """

    contender: str
    size: dict[str, int]
    seconds: float
    ratio: float
    ratio_low: float
    ratio_high: float
    share: float
    first: float


class Server:
    """A process that serves one contender (`sims.benches.serve`)."""

    def __init__(self, case: str, contender: Contender, device: str) -> None:
        flags = "" if contender.crowd else "--xla_cpu_multi_thread_eigen=true"
        settings = {
            "XLA_FLAGS": flags,
            "JAX_ENABLE_COMPILATION_CACHE": "false",
            THREADS: "1" if contender.crowd else str(joblib.cpu_count()),
        }
        if device == "gpu":
            settings["JAX_PLATFORMS"] = "cuda"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "sims.benches.serve", case, contender.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | settings,
            start_new_session=True,  # a terminal's Ctrl-C is answered by the caller alone
        )

    def ask(self, **question: Any) -> None:
        """Sends a question without waiting for its answer."""
        assert self.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it died: its answer will be missed
            self.process.stdin.write(json.dumps(question) + "\n")
            self.process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """The answer to the oldest question."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("a contender died; its message stands above")
        found: dict[str, float] = json.loads(line)
        return found

    def stop(self) -> None:
        """Ends the process."""
        self.process.kill()
        self.process.communicate()


class Team:
    """The processes of one contender: one, or a crowd of one a core."""

    def __init__(self, name: str, contender: Contender, device: str) -> None:
        self.contender = contender
        many = joblib.cpu_count() if contender.crowd and device == "cpu" else 1
        self.servers = [Server(name, contender, device) for _ in range(many)]

    def together(self, **question: Any) -> list[dict[str, float]]:
        """Asks all at once and waits for all."""
        for server in self.servers:
            server.ask(**question)
        return [server.answer() for server in self.servers]

    def seconds(self, steps: int) -> float:
        """Seconds of so many steps: of the slowest, since they run at once."""
        return max(answer["seconds"] for answer in self.together(steps=steps))

    def per_unit(self, steps: int, size: Size) -> float:
        """Seconds a unit of work."""
        units = self.contender.units(**size) * len(self.servers)
        return self.seconds(steps) / (steps * units)


def usable(case: Case, device: str) -> list[Contender]:
    """The contenders whose packages are installed and that run on the device."""
    return [
        c
        for c in case.contenders
        if all(importlib.util.find_spec(package) for package in c.needs)
        and (device == "cpu" or c.on_gpu)
    ]


@contextmanager
def teams(name: str, contenders: Sequence[Contender], device: str) -> Iterator[list[Team]]:
    """The processes of all contenders, ended in any case."""
    with ExitStack() as stack:
        started = []
        for contender in contenders:
            team = Team(name, contender, device)
            for server in team.servers:
                stack.callback(server.stop)
            started.append(team)
        yield started


def compare(started: Sequence[Team], size: Size, repeats: int, seconds: float) -> list[Row]:
    """Times all teams in turn at one size, after comparing what they compute."""
    first, steps = {}, {}
    values: dict[str, float] = {}
    for team in started:
        answers = team.together(size=dict(size))
        first[team.contender.name] = max(answer["first"] for answer in answers)
        value = answers[0]["value"]
        if not math.isnan(value):
            values[team.contender.name] = value
            reference = next(iter(values.values()))
            np.testing.assert_allclose(
                value, reference, rtol=team.contender.agree, err_msg=team.contender.name
            )
        trial = 2
        while (taken := team.seconds(trial)) < 0.2 * seconds and trial < MOST:
            trial *= 4
        steps[team.contender.name] = min(MOST, max(LEAST, round(trial * seconds / taken)))
    times: dict[str, list[float]] = {team.contender.name: [] for team in started}
    for _ in range(repeats):
        for team in started:
            name = team.contender.name
            times[name].append(team.per_unit(steps[name], size))
    baseline = times[started[0].contender.name]
    rows = []
    for team in started:
        name, limit = team.contender.name, team.contender.limit
        ratios = [b / own for b, own in zip(baseline, times[name], strict=True)]
        shares = [math.nan]
        if limit in times:
            shares = [bound / own for bound, own in zip(times[limit], times[name], strict=True)]
        rows.append(
            Row(
                name, dict(size), statistics.median(times[name]), statistics.median(ratios),
                min(ratios), max(ratios), statistics.median(shares), first[name],
            )
        )  # fmt: skip
    return rows


def exponent(sizes: Sequence[Size], axis: str, seconds: Sequence[float]) -> tuple[float, float]:
    """The power of an axis that a step's seconds grow with, and its standard error."""
    x = np.log([size[axis] for size in sizes])
    fit, covariance = np.polyfit(x, np.log(seconds), 1, cov=True)
    return float(fit[0]), float(np.sqrt(covariance[0, 0]))


def growth(
    name: str, case: Case, device: str, repeats: int, seconds: float
) -> list[tuple[str, float, float, list[float]]]:
    """For each axis of `case.growth`: its power, standard error, and the seconds of a step."""
    (contender,) = (c for c in case.contenders if c.name == case.grows)
    found = []
    for axis, sizes in case.growth.items():
        with teams(name, [contender], device) as started:
            rows = [compare(started, size, repeats, seconds)[0] for size in sizes]
        steps = [row.seconds * contender.units(**row.size) for row in rows]
        found.append((axis, *exponent(sizes, axis, steps), steps))
    return found


def drawn(case: Case, rows: Sequence[Row], title: str) -> Table:
    """The rows as a table for a person; ratios are baseline / contender."""
    table = Table(title=title, title_justify="left")
    for heading in (
        "size",
        "contender",
        case.unit,
        "ratio [range]",
        "share of limit",
        "first call",
    ):
        table.add_column(heading, justify="left" if heading in ("size", "contender") else "right")
    last = None
    for row in rows:
        size = ", ".join(f"{axis} = {value}" for axis, value in row.size.items())
        share = "" if math.isnan(row.share) else f"{100 * row.share:.0f}%"
        note = case.note(**row.size)
        table.add_row(
            "" if row.size == last else f"{size}{', ' if note else ''}{note}",
            row.contender,
            f"{1e6 * row.seconds:.4g}",
            f"{row.ratio:.3g} [{row.ratio_low:.3g}, {row.ratio_high:.3g}]",
            share,
            f"{row.first:.2g} s",
        )
        last = row.size
    return table


def plain(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """The rows as data; NaN becomes None."""
    return [
        {key: None if value != value else value for key, value in asdict(row).items()}
        for row in rows
    ]
