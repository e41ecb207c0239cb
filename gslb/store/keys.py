"""Where everything stands in the store that nodes share."""

from typing import NamedTuple

from gslb.intents import KINDS


class Keys(NamedTuple):
    """The keys under a prefix such as /gslb. Every node knows all of `live`; the rest is read on demand.

    PREFIX/live/nodes/NAME          a node's registration; with its lease
    PREFIX/live/votes/NAME/PART     a prober's ballot; with the same lease
    PREFIX/live/drains/ID           a drain, and so under `holds` and `forces`; with a lease of its own: its expiry
    PREFIX/live/intents             what was done to which intent last: its revision is that of all intents
    PREFIX/live/kept/KIND/KEY       a small document
    PREFIX/live/secrets/cookies     what DNS cookies are signed with
    PREFIX/audit/NAME/NUMBER        the record of what was done through a node
    """

    prefix: str

    @property
    def live(self) -> str:
        """What every node keeps a copy of."""
        return f"{self.prefix}/live/"

    @property
    def nodes(self) -> str:
        """Under it the registrations."""
        return f"{self.live}nodes/"

    @property
    def votes(self) -> str:
        """Under it the ballots."""
        return f"{self.live}votes/"

    def intent(self, kind: str, intent_id: str) -> str:
        """One intent; under that of an empty id are all of the kind."""
        return f"{self.live}{kind}s/{intent_id}"

    def intent_of(self, key: str) -> tuple[str, str] | None:
        """Kind and id of an intent by its key; None where the key is of something else."""
        for kind in KINDS:
            place = self.intent(kind, "")
            if key.startswith(place):
                return kind, key.removeprefix(place)
        return None

    @property
    def kept(self) -> str:
        """Under it the documents."""
        return f"{self.live}kept/"

    def document(self, kind: str, name: str) -> str:
        """One document."""
        return f"{self.kept}{kind}/{name}"

    @property
    def intents(self) -> str:
        """Written with every intent."""
        return f"{self.live}intents"

    @property
    def cookies(self) -> str:
        """The secrets of DNS cookies."""
        return f"{self.live}secrets/cookies"

    def audit(self, node: str) -> str:
        """Under it the record of a node; every node's where it is empty."""
        return f"{self.prefix}/audit/{node}/" if node else f"{self.prefix}/audit/"

    def record(self, node: str, number: int) -> str:
        """One entry; in the order of the numbers."""
        return f"{self.audit(node)}{number:012d}"
