"""A process that times one contender: python -m sims.benches.serve CASE CONTENDER

Answers lines of JSON on stdin with lines of JSON on stdout: {"size": {...}} builds and answers with
the seconds of the first call (compilation included) and the number that it returned;
{"steps": k} answers with the seconds of k steps.
"""

import json
import sys
import time

from sims.benches import load

FIRST = 3


def serve(case_name: str, contender_name: str) -> None:
    """Answers until stdin ends."""
    contender = next(c for c in load(case_name).contenders if c.name == contender_name)
    run = None
    for line in sys.stdin:
        asked = json.loads(line)
        answer: dict[str, float] = {}
        if "size" in asked:
            run = None  # frees the arrays of the last size before those of the next are drawn
            run = contender.build(**asked["size"])
            start = time.perf_counter()
            answer["value"] = float(run(FIRST))
            answer["first"] = time.perf_counter() - start
        else:
            assert run is not None
            start = time.perf_counter()
            run(asked["steps"])
            answer["seconds"] = time.perf_counter() - start
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2])
