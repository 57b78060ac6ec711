"""Shares of a study for job arrays: --shard i/n runs the i-th of n disjoint shares of its runs."""

import argparse
import re
from collections.abc import Sequence

from matsense.errors import InvalidInput
from matsense.judging.runs import Run
from sims.running.blocks import Block, blocks
from sims.study import Study, Sweep

Shard = tuple[int, int]


def check_shard(args: argparse.Namespace) -> Shard | None:
    """The share meant by --shard, counted from 1; None for all runs."""
    text = args.shard
    if text is None:
        return None
    for word in ("table", "list", "rejudge"):
        if getattr(args, word):
            raise InvalidInput(f"--shard {text}", f"--{word} runs nothing", "leave one of them out")
    if args.study is None:
        raise InvalidInput(f"--shard {text}", "it is a share of a study", "name the study")
    found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text)
    if found is None:
        raise InvalidInput(
            f"--shard {text}",
            "a share is a whole number, a slash and how many shares there are",
            "give --shard 1/4",
        )
    place, count = int(found[1]), int(found[2])
    if not 1 <= place <= count:
        raise InvalidInput(
            f"--shard {text}",
            "shares are counted from 1 to how many there are",
            f"give --shard {min(max(place, 1), max(count, 1))}/{max(count, 1)}",
        )
    return place, count


def check_batches(study: Study, sweeps: Sequence[Sweep]) -> None:
    """Raises InvalidInput if batches of a study were narrowed to a memory limit: that is measured,
    and another share would have other runs.
    """
    for sweep in sweeps:
        if sweep.instances_wide < study.sweep(sweep.name).instances_wide:
            raise InvalidInput(
                "--shard with --memory",
                f"a batch of {sweep.name} does not fit, and shares must agree about batches",
                "give more memory, or leave one of them out",
            )


def share(study: str, sweeps: Sequence[Sweep], wanted: Sequence[Run], shard: Shard) -> list[Run]:
    """The runs of a share, in their order.

    The batches of the whole grid are dealt one after another, shape by shape: each run belongs to
    one share, whatever is stored when a share starts; no batch is computed twice for two parts of
    it; and shares are as large as each other, to one batch.
    """
    shapes: dict[object, list[Block]] = {}
    for block in blocks(study, sweeps, wanted):
        shapes.setdefault(block.shape, []).append(block)
    place, count = shard
    own = [block for same in shapes.values() for block in same][place - 1 :: count]
    ids = {run.id for block in own for run in block.runs}
    return [run for run in wanted if run.id in ids]


def unfinished(runs: Sequence[Run], shard: Shard | None, folder: str) -> str | None:
    """What to say after a share if runs of others are not stored yet; None if all are there."""
    missing = sum(run.status == "missing" for run in runs)
    if shard is None or not missing:
        return None
    return (
        f"share {shard[0]} of {shard[1]} is stored; {missing} of all {len(runs)} runs are not, so "
        f"nothing is judged. When the other shares lie in {folder}/runs too (copied there if their "
        "--out was another), the same command with --rejudge instead of --shard judges."
    )
