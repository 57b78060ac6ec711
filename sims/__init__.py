"""sims: the experiments; grids, processes, files and the command line. No mathematics.

Importing it changes nothing in your process; `python -m sims.NAME` sets up its own.
"""

from sims import environment, failures, signals, streams

if environment.starts_command():
    streams.fill()
    streams.guard()
    signals.importing()
    failures.importing()
    environment.begin()
