"""How far a sweep is and how long it will take: a line on a terminal, silence in a pipe."""

import math
import statistics
import time
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from sims.running.blocks import Block
from sims.running.worker import Done, Spent


class Left(ProgressColumn):
    """The time left: the last estimate, counted down until the next one."""

    def render(self, task: Task) -> Text:
        """Seconds until the estimated end."""
        seconds = task.fields["end"] - time.perf_counter()
        if math.isnan(seconds):
            return Text("time left: ?")
        return Text(f"about {seconds:.0f} s left" if seconds > 1 else "nearly done")


class Progress:
    """Counts finished runs; the time left is told as soon as one block has finished."""

    def __init__(self, console: Console, pending: Sequence[Block], jobs: int) -> None:
        self.spent = Spent(0.0)
        self.waiting = list(pending)
        self.jobs = jobs
        self.seen: dict[object, list[float]] = {}
        self.bar = Bar(
            TextColumn("{task.completed}/{task.total} runs"),
            BarColumn(),
            TimeElapsedColumn(),
            Left(),
            console=console,
            disable=not console.is_terminal,
        )
        self.task = self.bar.add_task("", total=sum(len(b.runs) for b in pending), end=math.nan)

    def __enter__(self) -> "Progress":
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def finished(self, done: Done) -> None:
        """Takes note of a finished block."""
        block = done.block
        self.spent = self.spent + done.spent
        self.waiting.remove(block)
        self.seen.setdefault(block.shape, []).append(done.spent.total)
        end = time.perf_counter() + time_left(self.waiting, self.seen, self.jobs)
        self.bar.update(self.task, advance=len(block.runs), end=end)


def time_left(pending: Sequence[Block], finished: dict[Any, list[float]], jobs: int) -> float:
    """Seconds to go: a block costs the median of its shape's, or of all while it has none.

    The lower median, because the first block of a shape in every worker also compiles.
    """
    seen = [second for seconds in finished.values() for second in seconds]
    if not seen:
        return math.nan
    costs = (finished.get(block.shape, seen) for block in pending)
    return sum(statistics.median_low(cost) for cost in costs) / jobs
