"""The rules that choose among a pool's members: one file per policy, one line here.

A policy is a function (pool, candidates, nearest) -> Node. `candidates` is never empty and keeps the pool's order;
`nearest` is the position of the pool's distance map in the base table, -1 where the pool has none.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gslb.config.model import PolicyName, Pool
from gslb.policy.candidates import Candidate
from gslb.policy.capacity import capacity
from gslb.policy.everyone import everyone
from gslb.policy.failover import failover
from gslb.policy.hashed import hashed
from gslb.policy.nearest import nearest
from gslb.policy.nodes import Node
from gslb.policy.weighted import weighted

Policy = Callable[[Pool, Sequence[Candidate], int], Node]

POLICIES: Final[Mapping[PolicyName, Policy]] = {
    "weighted": weighted,
    "failover": failover,
    "all": everyone,
    "hash": hashed,
    "nearest": nearest,
    "capacity": capacity,
}
