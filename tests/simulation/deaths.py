"""Sites that die, and the second by which nobody may serve them any more (semantics section 7)."""

from gslb.store.votes import LEASE
from tests.simulation.node import Publication
from tests.simulation.world import World


def bound_of(world: World) -> float:
    """Seconds from a death to the last answer that contains it."""
    lease = LEASE if len(world.scene.probers) == 2 else 0.0
    return world.config.monitors["check"].detection + 0.5 + lease


def addresses_at(world: World, site: str) -> set[str]:
    """The IPv4 addresses of a site."""
    members = world.config.pools["web"].members
    return {a for member in members if member.site == site for a in member.addresses if "." in a}


class Death:
    """A site that dies now. It hears publications, to tell how long it was served on."""

    def __init__(self, world: World, site: str) -> None:
        self.bound = bound_of(world)
        self._world = world
        self._site = site
        self._died = world.clock.now
        self._addresses = addresses_at(world, site)
        self._gone: dict[str, float] = {}  # node -> since when it serves none of it
        world.listeners.append(self)

    def __call__(self, publication: Publication) -> None:
        if self._addresses.isdisjoint(publication.served):
            self._gone.setdefault(publication.node.name, publication.now)
        else:
            self._gone.pop(publication.node.name, None)

    def judge(self) -> float:
        """The seconds until no running node served it, or AssertionError; to be called when the bound has passed."""
        self.forget()
        world = self._world
        for node in world.alive():
            stale = sorted(self._addresses & set(node.served))
            told = (
                f"{node.name} still serves {stale} {world.clock.now - self._died:.2f} s after the death of {self._site}"
            )
            assert not stale, f"{told}, bound {self.bound:.2f} s"
        return max((at - self._died for at in self._gone.values()), default=0.0)

    def forget(self) -> None:
        """Listen no longer."""
        self._world.listeners.remove(self)


def kill(world: World, site: str) -> float:
    """The site dies; it must be gone within its bound. Returns the seconds that it took."""
    death, took = Death(world, site), []
    world.site(site, dies=True)
    world.clock.after(death.bound, lambda: took.append(death.judge()))
    world.run(death.bound + 1)
    return took[0]
