"""Who is there: what every node tells of itself, and how the store between them is."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Registration:
    """One node as it tells the others. It is there as long as the node renews its lease.

    `config` is the digest of its configuration, `answers` a fingerprint of what it serves: nodes where both are equal
    give the same client the same answer. `intents` is the revision of the intents by which all its workers answer, and
    `begun` are those among them that were to begin at a time, and by whose beginning all its workers answer.
    `notifies`: it sends notifications.
    """

    name: str
    site: str
    roles: tuple[str, ...]
    version: str
    config: str = ""
    answers: str = ""
    generation: int = 0
    intents: int = 0
    begun: tuple[str, ...] = ()
    notifies: bool = False


class Condition(NamedTuple):
    """The store as this node sees it.

    `lost`: it has not answered for a while; `silent` seconds since it last did, None where it never has. `alarms` are
    what is wrong with it or in it, for people.
    """

    kind: str
    lost: bool = False
    silent: float | None = 0.0
    alarms: tuple[str, ...] = ()
    endpoint: str = ""
