"""A verdict's exit code is a verdict's alone: failures are 4, and printing changes nothing."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests import children, toy

# Where the toy study fails, and how: an argument of the environment that no program reads.
FAILING = '''def fail(place):
    """Does what FAIL says, at its place."""
    import os, sys, threading, time
    from matsense.errors import InvalidInput
    told = os.environ.get("FAIL", "").split(" ", 1)
    if told[0] == place:
        exec(told[1])


def problem('''
PLACES = {
    "def problem(": FAILING,
    "    figure, (ax,) =": '    fail("draw")\n    figure, (ax,) =',
    'lambda run: run.sweep == "even"': 'lambda run: fail("judge") or run.sweep == "even"',
    "fit=lambda run: run.fit": 'fit=lambda run: fail("fit") or run.fit',
    "predicted=lambda run: 0.21": 'predicted=lambda run: fail("law") or 0.21',
    "    solver = symmetric_gd": '    fail("trial")\n    solver = symmetric_gd',
}
WORDS = ("toy", "--quick", "--jobs", "1", "--out", "out")


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that fails where it is told to, with a finished sweep in `out`."""
    folder = toy.tree(tmp_path_factory.mktemp("tree"))
    study = folder / "sims" / "studies" / "toy.py"
    text = study.read_text()
    for before, after in PLACES.items():
        assert text.count(before) == 1
        text = text.replace(before, after)
    study.write_text(text)
    done = toy.sweep(folder, *WORDS)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def called(tree: Path, fail: str, *words: str) -> subprocess.CompletedProcess[str]:
    temporary = tree / "temporary"
    temporary.mkdir(exist_ok=True)
    environment = toy.environment(tree) | {"FAIL": fail, "TMPDIR": str(temporary)}
    return children.call(toy.command(*WORDS, *words), tree, environment)


LAW = "lambda run: float(exact_rate(0.1, 1.0))"


@pytest.mark.parametrize(
    ("fail", "doing", "why"),
    [
        (
            "judge raise MemoryError('9 [red]TB[/]\\x1b[31m')",
            "judging exact",
            r"9 [red]TB[/]\x1b[31m",
        ),
        ("fit raise OSError(5, 'Input/output error', 'x')", "fitting the runs", "error: x"),
        ("law raise MemoryError('9 TB')", "fitting the runs", "out of memory: 9 TB"),
        ("draw raise MemoryError('9 TB')", "drawing figure", "out of memory: 9 TB"),
        ("draw threading.Thread(target=lambda: 1/0).start(); time.sleep(99)", "another", "Zero"),
    ],
)
def test_a_failure_of_the_program_is_one_line_and_4(
    tree: Path, fail: str, doing: str, why: str
) -> None:
    done = called(tree, fail, "--rejudge")
    assert done.returncode == 4, done.stdout + done.stderr
    assert done.stderr.count("\n") == 1 and done.stderr[:-1].isprintable()
    assert done.stderr.startswith(f"error: while {doing}") and why in done.stderr
    assert "Traceback" not in done.stdout
    remedy = "to report it" if doing == "another" else "mend that and give the same command again"
    assert remedy in done.stderr
    named = re.search(r"\(details: (.*)\)\n", done.stderr)
    assert named
    told = Path(named[1]).read_text()
    assert Path(named[1]).parent == tree / "temporary"
    for part in ("sims.sweep toy --quick", "Traceback", f"numpy {np.__version__}"):
        assert part in told, part


@pytest.mark.parametrize(
    ("fail", "code", "told"),
    [
        ("judge raise KeyError('x\\n\x1b[31m')", 3, r"KeyError: 'x\n\x1b[31m' (toy.py line"),
        ("judge raise InvalidInput('x', 'the rule', 'y')", 3, "InvalidInput: x: the rule; y"),
        ("judge sys.exit(0)", 3, "SystemExit: 0"),
        ("fit [].sort(key=fail, reverse=1/0)", 0, "ZeroDivisionError"),
        ("law 1 / 0", 0, "ZeroDivisionError: division by zero (toy.py line"),
        ("draw raise BaseException('a panic')", 0, "BaseException: a panic"),
    ],
)
def test_what_raises_of_a_study_costs_itself(tree: Path, fail: str, code: int, told: str) -> None:
    """A claim whose law raises is inconclusive; the other verdicts and their code stand."""
    done = called(tree, fail, "--rejudge")
    assert (done.returncode, done.stderr) == (code, ""), done.stdout + done.stderr
    assert told in " ".join(done.stdout.split()), done.stdout


# One process for all: what the command raises, and the code and line that come of it.
KINDS = """
import sys, tempfile
from matsense.errors import InvalidInput
from sims.terminal import command, failures
from sims.running import signals

def inner():
    inner()

def fails(error):
    def run(words):
        with failures.doing("storing"), failures.doing("drawing"):
            if error is None:
                inner()
            raise error
    return run

for error in (
    OSError(28, "No space left on device", "a/b"), PermissionError(13, "Permission denied"),
    MemoryError(), None, SystemExit(1), BaseException("odd"), GeneratorExit(),
    UnicodeEncodeError("ascii", "\\ud800", 0, 1, "no"), InvalidInput("a", "b", "\\x1b"),
    KeyboardInterrupt(),
):
    signals.heard()
    print(command.main(fails(error)), flush=True)
tempfile.tempdir = "/nowhere"
print(command.main(fails(ValueError())), flush=True)
"""


def test_every_kind_of_failure(tmp_path: Path) -> None:
    environment = toy.environment(toy.ROOT) | {"TMPDIR": str(tmp_path)}
    done = children.call([sys.executable, "-c", KINDS], tmp_path, environment)
    assert done.stdout.split() == [*"44444", *"444", "2", "3", "4"], done.stdout + done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) == 11 and "Traceback" not in done.stderr
    assert lines[0].startswith("error: while drawing: No space left on device: a/b; what is finis")
    assert "mend that and give the same command again" in lines[0]
    assert "out of memory; what is finished is stored" in lines[2]
    assert "RecursionError" in lines[3] and "sys.exit(1)" in lines[4]
    assert lines[8] == r"error: a: b; \x1b"
    assert "TMPDIR" in lines[10]


def test_a_trial_that_leaves_fails_alone(tree: Path) -> None:
    """It would end the thread that computes, and the command would wait for ever."""
    done = called(tree, "trial sys.exit(1)", "--out", "left")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "3 runs failed (tried again by the next call): SystemExit: 1" in done.stdout


def test_a_study_that_cannot_be_imported_is_its_authors_to_mend(tree: Path) -> None:
    (tree / "sims" / "studies" / "broken.py").write_text("1 / 0\n")
    try:
        done = toy.sweep(tree, "broken", "--out", "out")
    finally:
        (tree / "sims" / "studies" / "broken.py").unlink()
    assert (done.returncode, done.stdout) == (2, "")
    assert "ZeroDivisionError" in done.stderr and done.stderr.count("\n") == 1


# A thread that breaks because the command has been told to end, as those of a pool do.
TOLD_TO_END = """
import os, signal, threading
from sims.terminal import command

def run(words):
    try:
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(99)
    finally:
        thread = threading.Thread(target=lambda: 1 / 0)
        thread.start()
        thread.join()

raise SystemExit(command.main(run))
"""


def test_what_breaks_on_the_way_out_is_no_failure(tmp_path: Path) -> None:
    done = children.call([sys.executable, "-c", TOLD_TO_END], tmp_path, toy.environment(toy.ROOT))
    assert (done.returncode, done.stderr) == (3, "interrupted: nothing was written\n")


def shell(tree: Path, words: str) -> tuple[int, str, str]:
    """A command in bash; the sweep's code, and what is read of both its outputs."""
    folder = tree / "out" / "toy"
    for name in ("verdict.json", "rates.csv", "figure.png"):
        (folder / name).unlink(missing_ok=True)
    script = [sys.executable, "-c", BASH, words.replace("SWEEP", " ".join(toy.command()))]
    done = children.call(script, tree, toy.environment(tree) | {"FAIL": ""})
    return done.returncode, done.stdout, done.stderr


BASH = "import os, sys; os.execvp('bash', ['bash', '-c', sys.argv[1]])"
QUICK = "SWEEP toy --quick --out out --rejudge"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize(
    "words",
    [
        f"{QUICK} | head -1; exit ${{PIPESTATUS[0]}}",
        f"{QUICK} 2>&1 | true; exit ${{PIPESTATUS[0]}}",
        f"{QUICK} <&- >&- 2>&-",
        f"{QUICK} >/dev/full 2>&1",
        f"PYTHONIOENCODING=ascii:strict {QUICK} 2>&-",
    ],
    ids=["head", "nobody reads", "closed", "full", "ascii"],
)
def test_what_is_printed_changes_neither_files_nor_codes(tree: Path, words: str) -> None:
    code, _, err = shell(tree, words)
    assert (code, err) == (0, "")
    results = {path.name for path in (tree / "out" / "toy").iterdir()}
    assert {"verdict.json", "rates.csv", "figure.png", "provenance.json"} <= results


def test_no_file_gets_the_number_of_a_closed_output(tree: Path) -> None:
    """What a library prints there would get into it."""
    opens = "draw n = os.open(os.devnull, 0); open('number', 'w').write(str(n))"
    assert shell(tree, f'FAIL="{opens}" {QUICK} <&- >&-') == (0, "", "")
    assert int((tree / "number").read_text()) > 2


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_results_that_are_printed_must_arrive(tree: Path) -> None:
    """A list and a table on a full disk are lost; one whose reader has enough is not."""
    assert shell(tree, QUICK)[0] == 0
    script = (
        'for way in "--table --out out" --list; do SWEEP $way >/dev/full; echo $?; '
        "SWEEP $way | true; echo ${PIPESTATUS[0]}; done; SWEEP nonsense >&- 2>&-; echo $?"
    )
    done = children.call(
        [sys.executable, "-c", BASH, script.replace("SWEEP", " ".join(toy.command()))], tree,
        toy.environment(tree),
    )  # fmt: skip
    assert done.stdout.split() == ["4", "0", "4", "0", "2"], done.stderr
    assert done.stderr.count("\n") == 2 and "standard output" in done.stderr
    assert "Traceback" not in done.stderr and "ignored" not in done.stderr


@pytest.mark.skipif(not Path("/proc/self/wchan").exists(), reason="asks what a process waits for")
def test_an_interrupted_print_has_the_code_of_the_verdict(tree: Path) -> None:
    """Nobody reads the table; Ctrl-C meets it in the middle."""
    import fcntl

    reading, writing = os.pipe()
    try:
        fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
        os.write(writing, b"x" * 3900)
        origin = tree / "out" / "toy" / "provenance.json"
        origin.unlink()
        words = toy.command(*WORDS, "--rejudge")
        process = children.start(words, tree, toy.environment(tree), stdout=writing)
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


@pytest.mark.parametrize("module", ["sims.sweep", "sims.bench", "sims.calibrate"])
def test_every_command_and_the_readme_tell_the_codes(module: str) -> None:
    done = toy.call(toy.ROOT, module, "--help")
    assert done.returncode == 0
    readme = (toy.ROOT / "README.md").read_text(encoding="utf-8")
    for code in range(5):
        assert re.search(rf"^  {code}  \w", done.stdout, re.M)
        assert f"\n| {code} | " in readme
