"""All scenarios again and again, with what is left of the time; what is measured is kept as it comes, so it can go on.

The record is beside the lab's folder, not in it: `make lab-down` leaves it there.
"""

import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from deploy.lab import report
from deploy.lab.outcome import Outcome, from_plain
from deploy.lab.plan import FOLDER
from deploy.lab.scenarios import Scenario
from deploy.lab.trial import attempt, prepare

RECORD = FOLDER.parent / "lab-soak.jsonl"
_GUESS = 150.0  # seconds that a scenario takes, before any has told


class Wanted(NamedTuple):
    """No `names`: all of them. `again`: what was measured before does not count."""

    names: Sequence[str]
    rounds: int
    profile: str
    again: bool = False


def run(wanted: Wanted) -> list[Outcome]:
    """All outcomes, those of an earlier run that was broken off included."""
    if wanted.again:
        RECORD.unlink(missing_ok=True)
    promised, scenarios = prepare(wanted.profile)
    scenarios = [one for one in scenarios if not wanted.names or one.name in wanted.names]
    outcomes = earlier(RECORD, wanted)
    if outcomes:
        print(f"\n{len(outcomes)} are in {RECORD} already; --again begins anew")
    left = list(due(scenarios, outcomes, wanted.rounds))
    for at, scenario in enumerate(left):
        _progress(scenario, left[at:], outcomes, wanted)
        outcome = attempt(scenario, promised)
        outcomes.append(outcome)
        with RECORD.open("a", encoding="utf-8") as file:
            file.write(json.dumps(outcome.plain()) + "\n")
    complete = not wanted.names and len(outcomes) == wanted.rounds * len(scenarios)
    if complete:
        report.write_soak(outcomes)
    print("\n" + report.of_soak(outcomes) + (f"\n\nwritten to {report.SOAK}" if complete else ""))
    return outcomes


def earlier(record: Path, wanted: Wanted) -> list[Outcome]:
    """What the record has of these scenarios with this profile. A line that was broken off is none."""
    if not record.exists():
        return []
    lines = record.read_text(encoding="utf-8").splitlines()
    found = [from_plain(json.loads(line)) for line in lines if line.endswith("}")]
    return [one for one in found if one.profile == wanted.profile and (not wanted.names or one.name in wanted.names)]


def due(scenarios: Sequence[Scenario], outcomes: Sequence[Outcome], rounds: int) -> Iterator[Scenario]:
    """What is left, round by round: each leaves the primary where the next one wants it."""
    done = Counter(outcome.name for outcome in outcomes)
    for number in range(rounds):
        yield from (scenario for scenario in scenarios if done[scenario.name] <= number)


def estimate(left: Sequence[Scenario], outcomes: Sequence[Outcome]) -> float:
    """How many seconds are left, by how long each took before."""
    took = {name: [one.seconds for one in those] for name, those in report.by_name(outcomes).items()}
    every = [one.seconds for one in outcomes]
    usual = sum(every) / len(every) if every else _GUESS
    return sum(sum(took[one.name]) / len(took[one.name]) if one.name in took else usual for one in left)


def _progress(scenario: Scenario, left: Sequence[Scenario], outcomes: Sequence[Outcome], wanted: Wanted) -> None:
    seconds = estimate(left, outcomes)
    done = sum(outcome.name == scenario.name for outcome in outcomes)
    broken = sum(len(outcome.faults) for outcome in outcomes)
    ends = time.strftime("%H:%M", time.localtime(time.time() + seconds))
    print(
        f"\n[{len(outcomes) + 1} of {len(outcomes) + len(left)}] round {done + 1} of {wanted.rounds};"
        f" about {seconds / 60:.0f} minutes left, until {ends}; {broken} promises broken so far",
        flush=True,
    )
