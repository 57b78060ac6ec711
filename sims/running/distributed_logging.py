"""Keeps a cluster's client from logging the end of its connection as tracebacks."""

import asyncio
import logging
from concurrent.futures import CancelledError

# By name, since a logger's filters are not asked about the records of its children.
LOGGERS = ("distributed", "distributed.client", "tornado.application", "asyncio")
ENDED = (OSError, CancelledError, asyncio.CancelledError)


class Hush(logging.Filter):
    """Drops errors of connections that ended, and warnings; once `lost`, everything.

    A client warns of what it then mends, such as a result that went with its worker.

    When a scheduler dies, tasks of the client that were reading, reconnecting or closing end with
    tracebacks, which and how many by chance. The caller learns of it by an exception and says it.
    """

    lost = False

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        ended = record.exc_info and isinstance(record.exc_info[1], ENDED)
        return not (self.lost or ended or record.levelno < logging.ERROR)


_hush = Hush()


def hushed() -> Hush:
    """The filter, in place for a new client.

    It stays: some errors are logged when a task is forgotten, long after its client was closed.
    """
    _hush.lost = False
    for logger in map(logging.getLogger, LOGGERS):
        for place in (logger, *logger.handlers):
            place.addFilter(_hush)
    return _hush


def silences(error: BaseException) -> bool:
    """Whether a thread that ends with this error is to be let go: its cluster is lost."""
    return _hush.lost and isinstance(error, ENDED)
