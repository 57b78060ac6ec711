"""Addresses that are no scheduler's: one line, within seconds, whatever answers there."""

import argparse
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from matsense.errors import InvalidInput
from sims.running import backends
from sims.running.engine import Pool
from tests import children, toy

Answer = Callable[[socket.socket], None]


@pytest.fixture
def listening() -> Iterator[Callable[[Answer], int]]:
    """Starts servers that answer each connection in a way of their own; gives the port."""
    servers: list[socket.socket] = []
    accepted: list[socket.socket] = []

    def serve(server: socket.socket, answer: Answer) -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            accepted.append(connection)
            answer(connection)

    def start(answer: Answer) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        servers.append(server)
        threading.Thread(target=serve, args=(server, answer), daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    for server in servers:
        server.shutdown(socket.SHUT_RDWR)
    for open_socket in (*servers, *accepted):
        open_socket.close()


def silent(connection: socket.socket) -> None:
    """Says nothing, for ever."""


def web(connection: socket.socket) -> None:
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
    connection.close()


def zeros(connection: socket.socket) -> None:
    connection.sendall(bytes(1000))


def hanging_up(connection: socket.socket) -> None:
    connection.close()


def refused(address: str) -> str:
    with pytest.raises(InvalidInput) as caught:
        backends.check_scheduler(address)
    assert f"--scheduler {address}: " in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("http://127.0.0.1:8786", "give tcp://127.0.0.1:8786"),
        ("ucx://127.0.0.1:8786", "give tcp://127.0.0.1:8786"),
        ("tcp://127.0.0.1:8786/", "give tcp://127.0.0.1:8786"),
        ("tls://node7:8786/status", "give tls://node7:8786"),
        ("tcp://[::1]:8786/", "give tcp://[::1]:8786"),
        ("tcp://node7", "give tcp://node7:8786"),
        ("node7:9000", "give tcp://node7:9000"),
        ("tcp://node7:", "give tcp://"),
        ("tcp://node7:0", "give tcp://node7:8786"),
        ("tcp://node7:99999", "give tcp://node7:8786"),
        ("tcp://node7:8786 ", "give tcp://"),
        ("tcp://me@node7:8786", "give tcp://"),
        ("tcp://", "give tcp://HOST:8786"),
        ("", "give tcp://HOST:8786"),
    ],
)
def test_an_address_that_dask_could_not_use(address: str, remedy: str) -> None:
    assert remedy in refused(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "no-such-host.invalid", "a" * 300, "é..b"])
def test_nobody_is_there(host: str) -> None:
    assert "nothing answers there" in refused(f"tcp://{host}:9")


def test_a_host_that_lets_nothing_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither accepted nor refused, or a name that is looked up for ever."""
    monkeypatch.setattr(backends, "CONNECTING", 0.2)
    never, given_up = threading.Event(), threading.Event()

    def connect(*_: object) -> None:
        never.wait(60)
        given_up.set()
        raise TimeoutError

    monkeypatch.setattr(socket, "create_connection", connect)
    assert "no connection within" in refused("tcp://10.0.0.1:8786")
    assert not given_up.is_set(), "it was waited for"
    never.set()


@pytest.mark.parametrize("scheme", ["tcp", "tls"])
@pytest.mark.parametrize("answer", [web, zeros, hanging_up, silent])
def test_what_listens_there_is_no_scheduler(
    listening: Callable[[Answer], int],
    monkeypatch: pytest.MonkeyPatch,
    answer: Answer,
    scheme: str,
) -> None:
    monkeypatch.setattr(backends, "ANSWERING", 0.5)
    message = refused(f"{scheme}://127.0.0.1:{listening(answer)}")
    if scheme == "tls":
        assert "DASK_DISTRIBUTED__COMM__TLS__CA_FILE" in message
    else:
        assert "no dask scheduler" in message


def test_the_command_ends_within_10_seconds(
    listening: Callable[[Answer], int], tmp_path: Path
) -> None:
    """As typed: one line, code 2, no log, no traceback, and no thread that is waited for.

    To start takes 2 s, and more on a machine that is busy; an address without a port costs no more.
    """
    words = ["overparam_gd", "--backend", "dask", "--out", str(tmp_path), "--scheduler"]
    took = {}
    for answer, port in {"none": "", "web": listening(web), "silent": listening(silent)}.items():
        began = time.monotonic()
        done = toy.sweep(toy.ROOT, *words, f"tcp://127.0.0.1:{port}")
        took[answer] = time.monotonic() - began
        assert (done.returncode, done.stdout) == (2, "")
        assert len(done.stderr.splitlines()) == 1
        assert "--scheduler tcp://127.0.0.1:" in done.stderr
    assert max(took.values()) < took["none"] + children.stretched(7)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["ray", "sequential", "lokky"])
def test_backends_whose_deaths_are_not_heard_are_refused(name: str) -> None:
    told = argparse.Namespace(backend=name, scheduler=None, device="cpu", memory=None)
    with pytest.raises(InvalidInput, match=f"--backend {name}"):
        backends.check_backend(told)


def test_multiprocessing_is_loky_and_says_so() -> None:
    pool = Pool(2, "multiprocessing")
    assert pool.is_local
    assert "loky" in pool.notices[0]
    assert Pool(1, "multiprocessing").notices == []


def test_a_command_hears_signals_that_this_process_ignores(tmp_path: Path) -> None:
    """What the tests start is started as from a terminal, under nohup too."""
    inner = (
        "import signal, sys; from pathlib import Path; from tests import children\n"
        "for number in (signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)\n"
        "asked = 'import signal; print(*map(signal.getsignal, (2, 1)))'\n"
        "print(children.call([sys.executable, '-c', asked], Path(), {}).stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", inner], cwd=toy.ROOT, capture_output=True, text=True, check=True
    )
    assert "default_int_handler" in done.stdout
    assert "SIG_DFL" in done.stdout or " 0" in done.stdout


def test_what_a_test_leaves_is_ended_and_closed() -> None:
    words = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(1000)"]
    process = children.start(words, toy.ROOT, toy.environment(toy.ROOT))
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    children.end_all()
    assert process.returncode == -9
    assert process.stdout.closed
