"""What a command does before anything else is imported: streams, signals, failures, environment."""

from sims import hidden
from sims.running import environment, signals
from sims.terminal import failures, streams


def begin() -> None:
    """Prepares this process, which is `python -m sims.NAME`."""
    hidden.check(environment.NEEDED)
    streams.fill()
    streams.guard()
    signals.importing()
    failures.importing()
    environment.begin()
