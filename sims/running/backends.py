"""Where blocks may run: the backends that are supported, and whether a cluster answers in time."""

import argparse
import asyncio
import importlib.util
import re
import socket
import threading
from typing import Any

from matsense.errors import InvalidInput, nearest
from sims.running.distributed_logging import hushed

# Those whose workers' deaths are heard; joblib knows others, of which that cannot be said.
BACKENDS = ("loky", "multiprocessing", "threading", "dask")
ADDRESS = re.compile(r"(tcp|tls)://(\[[^\s/\[\]]+\]|[^\s/:@?#\[\]]+):([0-9]{1,5})")
# Seconds: for a name to be looked up and a connection made, and for a scheduler to say who it is.
CONNECTING, ANSWERING = 3.0, 3.0
CERTIFICATES = (
    "DASK_DISTRIBUTED__COMM__TLS__CA_FILE, DASK_DISTRIBUTED__COMM__TLS__CLIENT__CERT and "
    "DASK_DISTRIBUTED__COMM__TLS__CLIENT__KEY"
)
START = "start one with `dask scheduler` and give the address that it prints"


def check_backend(args: argparse.Namespace) -> None:
    """Raises InvalidInput for a backend that is unknown, not installed, or without a scheduler."""
    name, scheduler = args.backend, args.scheduler
    if args.device == "gpu" and args.memory is not None:
        raise InvalidInput(
            f"--memory {args.memory}",
            "it bounds processes on a CPU; on a GPU batches are fitted to the device's memory",
            "leave it out",
        )
    if name is not None and name not in BACKENDS:
        raise InvalidInput(
            f"--backend {name}", "it is none of those supported", nearest(name, BACKENDS)
        )
    if name != "dask":
        if scheduler is not None:
            raise InvalidInput(
                f"--scheduler {scheduler}", "only dask has a scheduler", "add --backend dask"
            )
        return
    if importlib.util.find_spec("distributed") is None:
        raise InvalidInput(
            "--backend dask", "dask.distributed is not installed", 'pip install "matsense[cluster]"'
        )
    if scheduler is None:
        raise InvalidInput(
            "--backend dask",
            "it needs the address of a scheduler",
            "start one with `dask scheduler`, then add --scheduler tcp://HOST:8786",
        )
    if args.device != "cpu" or args.memory is not None or args.dry_run:
        raise InvalidInput(
            "--backend dask",
            "--device, --memory and --dry-run speak of this machine, not of a cluster's",
            "leave them out, or set the workers' limits with `dask worker --memory-limit`",
        )
    check_scheduler(scheduler)


def check_scheduler(address: str) -> None:
    """Raises InvalidInput unless, within seconds, a dask scheduler answers there with a worker."""
    host, port = _parsed(address)
    why = _unconnected(host, port)
    if why is not None:
        raise InvalidInput(f"--scheduler {address}", f"nothing answers there ({why})", START)
    # Not by a client, which tries for long and closes for longer, in threads that log all of it.
    hush = hushed()
    hush.lost = True
    try:
        workers = asyncio.run(_workers(address))
    except TimeoutError:
        raise InvalidInput(
            f"--scheduler {address}",
            f"something listens there, but no dask scheduler answers within {ANSWERING:.0f} s",
            START,
        ) from None
    except Exception as error:  # whatever another protocol, or a broken certificate, leads to
        raise _refused(address, error) from None
    finally:
        hush.lost = False
    if workers == 0:
        raise InvalidInput(
            f"--scheduler {address}", "it has no worker", f"start one: dask worker {address}"
        )


def _parsed(address: str) -> tuple[str, int]:
    """Host and port of an address; InvalidInput for one that dask could not use."""
    found = ADDRESS.fullmatch(address)
    if found and 0 < int(found[3]) < 2**16:
        return found[2].strip("[]"), int(found[3])
    host = re.search(r"(?:^|//)(\[[^\s/\[\]]+\]|[^\s/:@?#\[\]]+)(?::([0-9]{1,5}))?(?=/|$)", address)
    scheme = "tls" if address.startswith("tls:") else "tcp"
    name, port = (host[1], host[2] or "8786") if host else ("HOST", "8786")
    raise InvalidInput(
        f"--scheduler {address}",
        "an address is tcp:// or tls://, a host, a colon, a port of 1 to 65535, and no more",
        f"give {scheme}://{name}:{port if 0 < int(port) < 2**16 else 8786}",
    )


def _unconnected(host: str, port: int) -> str | None:
    """Why no connection can be made within CONNECTING; None if one can."""
    found: list[str | None] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), CONNECTING).close()
            found.append(None)
        except (OSError, UnicodeError) as error:
            found.append(getattr(error, "strerror", None) or str(error))

    # In a thread that nobody waits for at the end: looking a name up has no limit of its own.
    thread = threading.Thread(target=connect, daemon=True)
    thread.start()
    thread.join(CONNECTING)
    return found[0] if found else f"no connection within {CONNECTING:.0f} s"


async def _workers(address: str) -> int:
    """How many workers the scheduler there has."""
    from distributed import Security, rpc

    arguments: dict[str, Any] = Security().get_connection_args("scheduler")
    async with asyncio.timeout(ANSWERING):
        async with rpc(address, timeout=ANSWERING, connection_args=arguments) as scheduler:
            told = await scheduler.identity()
    if told["type"] != "Scheduler":
        raise TypeError(f"it is a dask {told['type'].lower()}")
    return len(told["workers"])


def _refused(address: str, error: Exception) -> InvalidInput:
    """What to say of an address where something answers that dask cannot speak to."""
    if address.startswith("tls:"):
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        return InvalidInput(
            f"--scheduler {address}",
            f"no dask scheduler can be spoken to there over TLS ({why})",
            f"set {CERTIFICATES} to the files of its certificates",
        )
    return InvalidInput(
        f"--scheduler {address}",
        "what answers there is no dask scheduler, or is one that speaks TLS alone",
        START,
    )
