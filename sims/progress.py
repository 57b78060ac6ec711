"""How far a sweep is and how long it will take: a line on a terminal, silence in a pipe."""

import math
import time
from collections.abc import Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, ProgressColumn, Task, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar
from rich.text import Text

from sims.engine import Block, shape_of, time_left


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
        self.task = self.bar.add_task("", total=sum(b.runs for b in pending), end=math.nan)

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.bar.stop()

    def finished(self, block: Block, seconds: float) -> None:
        """Takes note of a block that took `seconds` in its worker."""
        self.waiting.remove(block)
        self.seen.setdefault(shape_of(block), []).append(seconds)
        end = time.perf_counter() + time_left(self.waiting, self.seen, self.jobs)
        self.bar.update(self.task, advance=block.runs, end=end)
