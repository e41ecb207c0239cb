"""CI's guard: a minute of (a) and (c) beside NSD, against the ratios that were recorded. `--record` writes them anew.

The machine is noisy and its neighbours change, so ratios are compared, taken round by round in one run; what looks
worse is measured again, longer, before it counts.
"""

import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from bench.bench import measure
from bench.server import missing

RECORDED = Path(__file__).with_name("recorded.json")
GUARDED = ("a", "c")
WORSE = 1.25  # times the recorded ratio


def ratios(rounds: int, seconds: int) -> dict[str, float]:
    """CPU per query of gslb over NSD's, the median of the rounds."""
    return {row.key: round(row.ratios["nsd"].median, 3) for row in measure(GUARDED, rounds, seconds, only=("nsd",))}


def too_slow(now: dict[str, float], recorded: dict[str, float]) -> list[str]:
    """What is worse than it may be, in words."""
    return [
        f"({key}) costs {now[key]:.2f} times NSD's CPU; recorded are {recorded[key]:.2f}, {WORSE} times that may be"
        for key in GUARDED
        if now[key] > WORSE * recorded[key]
    ]


def main() -> int:
    """0 where nothing became slower, 1 where something did, 2 where it cannot be measured."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", action="store_true", help=f"measure at length and write {RECORDED.name}")
    options = parser.parse_args()
    complaint = missing(("nsd", "dnsperf", "taskset", "gcc"))
    if complaint:
        print(complaint, file=sys.stderr)
        return 2
    if options.record:
        RECORDED.write_text(json.dumps(ratios(7, 3), indent=1) + "\n")
        return 0
    recorded = json.loads(RECORDED.read_text())
    for rounds, seconds in ((3, 1), (5, 2), (7, 2)):
        now = ratios(rounds, seconds)
        slow = too_slow(now, recorded)
        print(f"CPU per query, times NSD's: {now}; recorded: {recorded}")
        if not slow:
            return 0
    print("\n".join(slow), file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
