"""What a command does before anything else is imported: streams, signals, failures, environment."""

from sims.running import environment, signals
from sims.terminal import failures, streams


def begin() -> None:
    """Prepares this process if it is `python -m sims.NAME`; of any other it changes nothing."""
    if environment.starts_command():
        streams.fill()
        streams.guard()
        signals.importing()
        failures.importing()
        environment.begin()
