"""How fast it is, beside others and beside what the machine can do: python -m sims.bench

Each contender runs in processes of its own, in turn with the others, on the same instances; ratios
are between times of one repetition. `--study NAME` times a whole study and says where it goes.
"""

import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from matsense.errors import InvalidInput, nearest
from sims.benches import Case, Size, available, load, studies, table
from sims.files import write_whole
from sims.storage.provenance import machine
from sims.storage.verdicts import dump
from sims.terminal.command import Parser, at_least, main
from sims.terminal.failures import doing
from sims.terminal.options import DEVICES, choose_device
from sims.terminal.streams import delivered


def chosen(case: Case, settings: Sequence[str]) -> list[Size]:
    """The sizes of a case that --only leaves; InvalidInput if none is left."""
    sizes = list(case.sizes)
    for setting in settings:
        axis, _, text = setting.partition("=")
        if axis not in sizes[0]:
            raise InvalidInput(f"--only {setting}", "no such axis", nearest(axis, sizes[0]))
        known = sorted({size[axis] for size in case.sizes})
        if not (text.isascii() and text.isdigit()) or int(text) not in known:
            raise InvalidInput(f"--only {setting}", "no such size", f"give one of {known}")
        left = [size for size in sizes if size[axis] == int(text)]
        if not left:
            raise InvalidInput(f"--only {setting}", "no size has all of these", "leave one out")
        sizes = left
    return sizes


def measure(name: str, args: Any, console: Console) -> dict[str, Any]:
    """Runs one case, prints its tables, and returns them as data."""
    case = load(name)
    contenders = table.usable(case, args.device)
    for left_out in set(case.contenders) - set(contenders):
        if args.device == "cpu":
            console.print(f"{left_out.name}: left out, it needs {', '.join(left_out.needs)}")
    rows: list[table.Row] = []
    if not contenders:
        console.print(f"{name}: nothing of it runs on --device {args.device}")
        return {"case": name, "unit": case.unit, "rows": [], "growth": {}}
    with table.teams(name, contenders, args.device) as started:
        for size in chosen(case, args.only):
            rows += table.compare(started, size, args.repeats, args.seconds)
    console.print(table.drawn(case, rows, f"{case.title}, {args.device}, {machine()['cpu']}"))
    found: dict[str, Any] = {
        "case": name,
        "unit": case.unit,
        "rows": table.plain(rows),
        "growth": {},
    }
    if args.growth:
        for axis, power, error, steps in table.growth(
            name, case, args.device, args.repeats, args.seconds
        ):
            sizes = ", ".join(str(size[axis]) for size in case.growth[axis])
            console.print(
                f"time of a step of {case.grows!r} grows as {axis}^{power:.2f} "
                f"(standard error {error:.2f}; {axis} = {sizes})"
            )
            found["growth"][axis] = {"power": power, "error": error, "seconds": steps}
    return found


def command(words: Sequence[str]) -> int:
    """The command line."""
    p = Parser("sims.bench", __doc__)
    p.add_argument("cases", nargs="*", help=f"of {', '.join(available())} (default: all)")
    p.add_argument("--only", action="append", default=[], metavar="AXIS=VALUE", help="fewer sizes")
    p.add_argument("--repeats", type=at_least(2), default=5, metavar="N")
    p.add_argument("--seconds", type=float, default=0.2, help="length of one timed run")
    p.add_argument("--growth", action="store_true", help="fit how time grows with each axis")
    p.add_argument("--device", default="cpu", choices=DEVICES)
    p.add_argument("--study", metavar="NAME", help="time a whole study instead")
    p.add_argument("--quick", action="store_true", help="with --study: its quick grid")
    p.add_argument("--json", type=Path, metavar="FILE", help="write the record there too")
    args = p.parse_args(words)
    if not (args.seconds > 0 and math.isfinite(args.seconds)):
        raise InvalidInput(f"--seconds {args.seconds}", "it must be positive", "give 0.2")
    if args.json is not None and not args.json.absolute().parent.is_dir():
        raise InvalidInput(f"--json {args.json}", "its folder does not exist", "make it first")
    choose_device(args.device, 1)
    for name in args.cases:
        load(name)
    console = Console(width=None if sys.stdout.isatty() else 160)
    record: dict[str, Any] = {"machine": machine(), "device": args.device}
    if args.study is not None:
        with doing(f"timing {args.study}"):
            record["study"] = studies.breakdown(args.study, args.quick, args.device, console)
            if args.growth:
                found = studies.growth_with_seeds(args.study, args.device, console)
                record["growth with seeds"] = found
    else:
        record["cases"] = []
        for name in args.cases or available():
            with doing(f"timing {name}"):
                record["cases"].append(measure(name, args, console))
    with doing("handing over what was measured"):
        if args.json is not None:
            write_whole(args.json, dump(record).encode())
        delivered()
    return 0


if __name__ == "__main__":
    sys.exit(main(command))
