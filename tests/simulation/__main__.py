"""The long form: python -m tests.simulation --hours 10000 --seed 1 [--json]. Storm after storm, a seed for each."""

import argparse
import json
import logging
import sys
import time

from tests.simulation.storm import Story, storm

EACH = 10.0  # simulated hours of one storm


def main() -> int:
    """Run; 1 where an invariant failed, with the seed and its timeline on standard error."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--hours", type=float, default=100.0, help="simulated hours in all [100]")
    parser.add_argument("--seed", type=int, default=1, help="seed of the first storm [1]")
    parser.add_argument("--json", action="store_true", help="figures as JSON on standard output")
    asked = parser.parse_args()
    logging.disable(logging.CRITICAL)  # probers that go blind say so, thousands of times
    figures = run(asked.hours, asked.seed)
    print(file=sys.stderr)
    if asked.json:
        print(json.dumps(figures))
    else:
        print(", ".join(f"{name} {value}" for name, value in figures.items()))
    return 1 if figures["failed_seeds"] else 0


def run(hours: float, first: int) -> dict[str, object]:
    """Storms of so many simulated hours in all, and their figures."""
    begun, done, seed = time.perf_counter(), 0.0, first
    stories: list[Story] = []
    failures: list[int] = []
    while done < hours:
        try:
            stories.append(storm(seed, min(EACH, hours - done)))
        except AssertionError as error:
            failures.append(seed)
            print(f"\nseed {seed}: {error}", file=sys.stderr)
        seed, done = seed + 1, done + EACH
        _progress(min(done, hours), hours, time.perf_counter() - begun, len(failures))
    seconds = time.perf_counter() - begun
    sums = {name: sum(getattr(story, name) for story in stories) for name in ("probes", "publications", "deaths")}
    return {
        "hours": hours,
        "storms": seed - first,
        **sums,
        "worst_of_bound": round(max((story.worst for story in stories), default=0.0), 3),
        "seconds": round(seconds, 1),
        "hours_per_minute": round(hours / seconds * 60),
        "failed_seeds": failures,
    }


def _progress(done: float, hours: float, seconds: float, failures: int) -> None:
    rate = done / seconds * 60
    line = f"{done:,.0f} of {hours:,.0f} simulated hours, {rate:,.0f} a minute, {failures} seeds failed"
    print(f"\r{line}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
