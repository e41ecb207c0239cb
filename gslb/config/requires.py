"""Pools that require others: those must exist, be fit for it, and not require each other in a circle."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter

from gslb.config.document import Findings, suggestion
from gslb.config.model import Pool


def check_requires(pools: Mapping[str, Pool], names: Collection[str], findings: Findings) -> None:
    """Note what is wrong with the `requires` of all pools; `names` are those of every pool in the files."""
    for pool in pools.values():
        for at, name in enumerate(pool.requires):
            path = ("pools", pool.name, "requires", at)
            if name not in names:
                findings.problem(path, f"there is no pool {name!r}", suggestion(name, names))
            elif name in pool.requires[:at]:
                findings.problem(path, f"pool {name!r} stands twice in the list")
            elif name in pools and pools[name].exclusive:
                message = (
                    f"pool {name!r} is exclusive: one member of it is up, and this pool would lose its other sites"
                )
                findings.problem(path, message, "give this pool a monitor that asks for what its members need")
    for loop in _loops(pools):
        findings.problem(("pools", loop[0], "requires"), f"pools require each other: {' > '.join(loop)}")


def warn_requires(pools: Mapping[str, Pool], findings: Findings) -> None:
    """Note sites where what a pool requires has no member; all that is required exists."""
    for pool in pools.values():
        for at, name in enumerate(pool.requires):
            there = {member.site for member in pools[name].members}
            for site in dict.fromkeys(member.site for member in pool.members if member.site not in there):
                message = f"pool {name!r} has no member at site {site!r}"
                findings.warn(("pools", pool.name, "requires", at), message)


def closure(pools: Mapping[str, Pool], names: Iterable[str]) -> set[str]:
    """These pools, and all that they require, directly or not; unknown ones are left out."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in pools and name not in found:
            found.add(name)
            waiting += pools[name].requires
    return found


def _loops(pools: Mapping[str, Pool]) -> Iterator[list[str]]:
    """Circles of pools, each begun and ended by the same; none shares a pool with one before it."""
    left = {name: pool.requires for name, pool in pools.items()}
    while True:
        try:
            TopologicalSorter(left).prepare()
        except CycleError as error:
            loop = error.args[1][::-1]
            yield loop
            for name in loop[1:]:
                del left[name]
        else:
            return
