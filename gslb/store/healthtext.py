"""The health snapshot as JSON text: what is believed, and what the steps of gslb.health.effective must not forget.

Of the memory only what makes a difference after a restart is written: addresses that wait for failback or damping, or
are held by an operator, and the member that is served where only one may be.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from gslb.health.memory import Memory, Past, PoolPast
from gslb.health.states import Belief, Observation, TargetKey, Verdict

_VERDICTS: Final = ("up", "down", "unknown")


def dump(belief: Belief, memory: Memory) -> str:
    """The text of both."""
    return json.dumps(
        {
            "belief": [[*key, seen.verdict, seen.since, seen.reason] for key, seen in belief.items()],
            "waiting": [
                [pool, *place, *was]
                for pool, past in memory.items()
                for place, was in past.addresses.items()
                if was.waiting or was.suppressed or was.penalty or was.served != was.stands
            ],
            "only": {pool: past.only for pool, past in memory.items() if past.only},
        }
    )


def load(text: str) -> tuple[Belief, Memory]:
    """The inverse of `dump`. Raises ValueError, TypeError, KeyError or RecursionError where it is something else."""
    values = json.loads(text)
    belief = dict(map(_observation, values["belief"]))
    only: Mapping[str, str] = dict(values["only"])
    places: dict[str, dict[tuple[str, str], Past]] = {pool: {} for pool in only}
    for pool, member, address, stands, since, served, penalty, waiting, suppressed, *_ in values["waiting"]:
        past = Past(_verdict(stands), float(since), _verdict(served), float(penalty), bool(waiting), bool(suppressed))
        places.setdefault(str(pool), {})[str(member), str(address)] = past
    return belief, {pool: PoolPast(those, only=str(only.get(pool, ""))) for pool, those in places.items()}


def _observation(row: list[Any]) -> tuple[TargetKey, Observation]:
    monitor, address, verdict, since, reason, *_ = row  # a newer version may tell more
    return TargetKey(str(monitor), str(address)), Observation(_verdict(verdict), float(since), str(reason))


def _verdict(text: object) -> Verdict:
    if text not in _VERDICTS:
        raise ValueError(f"verdict {text!r} is not one of {', '.join(_VERDICTS)}")
    return text
