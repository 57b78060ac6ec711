"""A crash never wears a verdict's code; what cannot be printed costs nothing but the print."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from matsense.errors import InvalidInput
from sims import command, failures, report, streams
from sims.escape import cell, markdown, marked, visible
from tests import children, toy

WORDS = ["toy", "--quick", "--jobs", "1"]


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree with the toy's quick grid stored and judged consistent."""
    tree = toy.tree(tmp_path_factory.mktemp("stored"))
    assert toy.sweep(tree, *WORDS).returncode == 0
    return tree


@pytest.fixture
def broken(stored: Path):
    """Runs the command with a line of the study replaced, and puts it back."""
    study = stored / "sims" / "studies" / "toy.py"
    before = study.read_text()

    def run(old: str, new: str) -> subprocess.CompletedProcess[str]:
        assert old in before
        study.write_text(before.replace(old, new))
        return toy.sweep(stored, *WORDS)

    yield run
    study.write_text(before)


RAISES = "(lambda: (_ for _ in ()).throw({}))()"


LAW = "lambda run: float(exact_rate(0.1, 1.0))"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("MemoryError('9 [red]TB[/]\\x1b[31m')", r"out of memory: 9 [red]TB[/]\x1b[31m"),
        ("OSError(5, 'Input/output error', 'x.npy')", "Input/output error: x.npy"),
    ],
)
@pytest.mark.parametrize(
    ("where", "doing"),
    [(LAW, "judging exact"), ("lambda run: 0.21", "fitting the runs for rates.csv")],
)
def test_a_failure_is_one_line_and_code_4(
    broken, where: str, doing: str, error: str, said: str, tmp_path: Path
) -> None:
    done = broken(where, f"lambda run: {RAISES.format(error)}")
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stderr.startswith(f"error: while {doing}: ") and said in done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr[:-1].isprintable()
    kept = Path(done.stderr.rpartition("(")[2].rstrip(")\n"))
    details = kept.read_text()
    kept.unlink()
    assert "Traceback" in details and "toy.py" in details and "sims.sweep toy" in details
    assert "matsense" in details and "jax" in details


def test_a_figure_that_a_machine_cannot_draw_says_which(broken) -> None:
    done = broken('figure, (ax,) = drawing.canvas(1, 1, "toy")', "raise MemoryError")
    assert done.returncode == 4
    assert "while drawing figure: out of memory" in done.stderr


@pytest.mark.parametrize(
    ("error", "said"),
    [
        ("ValueError('a [red]word[/]\\x1b[31m')", r"ValueError: a [red]word[/]\x1b[31m"),
        ("RecursionError('too deep')", "RecursionError: too deep"),
        ("SystemExit(0)", "SystemExit: 0"),
        ("BaseException('a panic')", "BaseException: a panic"),
        ("InvalidInput('x', 'the rule', 'the remedy')", "InvalidInput: x: the rule; the remedy"),
    ],
)
def test_a_law_that_raises_is_no_failure_of_the_program(broken, error: str, said: str) -> None:
    named = "__import__('matsense.errors').errors.InvalidInput"
    done = broken(LAW, f"lambda run: {RAISES.format(error.replace('InvalidInput', named))}")
    assert (done.returncode, done.stderr) == (3, ""), done.stdout + done.stderr
    shown = " ".join(done.stdout.split())
    assert f"exact: No answer: the law raised {said} (toy.py line " in shown


def test_a_study_that_cannot_be_imported_is_its_authors_to_mend(broken) -> None:
    done = broken("import jax.numpy as jnp", "import jax.numpy as jnp\n1 / 0")
    assert done.returncode == 2 and "ZeroDivisionError" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("how", ["closed pipe", ">&-", "2>&-", ">&- 2>&-", "> /dev/full"])
def test_what_cannot_be_printed_changes_no_verdict(stored: Path, how: str) -> None:
    redirected = "" if how == "closed pipe" else how
    script = f'"{sys.executable}" -m sims.sweep {" ".join(WORDS)} --rejudge {redirected}'
    if how == "closed pipe":
        script = f'({script}; echo "code $?" >&2) | true'
    else:
        script = f'{script}; echo "code $?" > told'
    for name in ("verdict.json", "rates.csv"):
        (stored / "figures" / "toy" / name).unlink()
    done = children.call(["/bin/sh", "-c", script], stored, toy.environment(stored))
    told = done.stderr if how == "closed pipe" else (stored / "told").read_text() + done.stderr
    assert told.strip() == "code 0"
    json.loads((stored / "figures" / "toy" / "verdict.json").read_text())
    assert (stored / "figures" / "toy" / "rates.csv").read_text().count("\n") == 7


@pytest.mark.skipif(not Path("/proc/self/wchan").exists(), reason="asks what a process waits for")
def test_an_interrupted_print_has_the_code_of_the_verdict(stored: Path) -> None:
    """Nobody reads the table; Ctrl-C meets it in the middle."""
    import fcntl

    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writing, b"x" * 3900)
        origin = stored / "figures" / "toy" / "provenance.json"
        origin.unlink()
        command = toy.command(*WORDS, "--rejudge")
        process = children.start(command, stored, toy.environment(stored), stdout=writing)
        children.wait_until(origin.exists, process)
        waits = Path(f"/proc/{process.pid}/wchan")
        children.wait_until(lambda: (told := waits.read_text()) == "0" or "pipe" in told, process)
        assert process.poll() is None
        children.tell(process, signal.SIGINT)
        _, err = children.finish(process)
        assert (process.returncode, err) == (0, "")
    finally:
        os.close(reading)
        os.close(writing)


@pytest.mark.parametrize(("words", "redirected", "code"), [
    (["--table"], "> /dev/full", 4), (["--list"], "> /dev/full", 4), (["--table"], "| true", 0),
])  # fmt: skip
def test_a_command_that_only_prints_must_be_heard(
    stored: Path, words: list[str], redirected: str, code: int
) -> None:
    script = (
        f'("{sys.executable}" -m sims.sweep {" ".join(words)}; echo "code $?" >&2) {redirected}'
    )
    done = children.call(["/bin/sh", "-c", script], stored, toy.environment(stored))
    *lines, last = done.stderr.strip().splitlines()
    assert last == f"code {code}" and len(lines) == (code == 4)
    assert "Traceback" not in done.stderr


def test_codes_of_everything_that_a_command_may_raise(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.streams, "guard", lambda: None)
    monkeypatch.setattr(command.signals, "heard", lambda: None)
    monkeypatch.setattr(command.signals, "concluded", lambda: None)

    def raising(error: BaseException):
        def run(words):
            raise error

        return run

    for error, code in (
        (InvalidInput("x\x1b", "rule", "remedy"), 2), (KeyboardInterrupt(), 3),
        (SystemExit(0), 4), (SystemExit("bye"), 4), (BaseException("a panic"), 4),
        (OSError(28, "No space left on device"), 4), (ValueError(), 4), (MemoryError(), 4),
    ):  # fmt: skip
        assert command.main(raising(error)) == code
        out, err = capsys.readouterr()
        assert not out and err.count("\n") == 1 and "\x1b" not in err


def test_a_stream_that_loses_its_reader_goes_on(tmp_path: Path) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as pipe:
        stream = streams.Guarded(pipe)
        assert stream.write("x" * 100) == 100
        stream.flush()
        assert isinstance(stream.lost, BrokenPipeError)
        stream.write("more")
        stream.flush()


HOSTILE = "a|b\n<script>x</script> [red]r[/] \x1b[2J `c` ](u) \u202e=1+1"


def test_text_from_files_is_shown_and_never_obeyed() -> None:
    assert visible(HOSTILE).isprintable() and "\\x1b[2J" in visible(HOSTILE)
    assert "\\[red]" in marked(HOSTILE)
    for formula in ("=1+1", "+1", "-1+2", "@SUM(A1)"):
        assert cell(formula) == f"'{formula}"
    assert cell("plain") == "plain"
    shown = markdown(HOSTILE)
    assert "\n" not in shown and "<script" not in shown and "\\|" in shown and "\\`" in shown
    assert "](" not in shown


def test_a_hostile_verdict_and_message(tmp_path: Path) -> None:
    from matsense.claims import Run
    from sims.catalogue import load

    run = Run("a" * 32, "asymmetric", {"x": "=cmd()"}, 0, "failed", message=f"={HOSTILE}")
    told = report.rates_csv(load("overparam_gd"), [run])
    assert told.count("\n") == 2 and "\x1b" not in told
    assert ",'=cmd()," in told and "'=a|b" in told
    assert failures.FAILED == 4
