"""What dies, and the second by which nobody may serve it any more (semantics section 7)."""

from collections.abc import Iterable

from gslb.store.votes import LEASE
from tests.simulation.publication import Publication, live, step_of
from tests.simulation.world import World


def bound_of(world: World, site: str = "") -> float:
    """Seconds from a death to the last answer that contains it; `site` is the one that dies with all its probers.

    Their last votes live on for a lease, and call it up: without a majority against them, that must run out.
    """
    dying = sum(one == site for one in world.scene.probers)
    lease = LEASE if 2 * dying >= len(world.scene.probers) and dying else 0.0
    return world.config.monitors["check"].detection + 0.5 + lease


def addresses_at(world: World, site: str, *, six: bool = False) -> set[str]:
    """The addresses of one family at a site."""
    members = world.config.pools["web"].members
    return {a for member in members if member.site == site for a in member.addresses if (":" in a) == six}


def enough_voters(world: World, site: str) -> bool:
    """Whether those who are left when a site dies can decide it."""
    left = [node for node in world.alive() if node.site != site]
    return len(left) >= world.config.monitors["check"].min_votes


def has_another(world: World, addresses: Iterable[str]) -> bool:
    """Whether every node that runs has something else to serve of the same family."""
    dying = set(addresses)
    six = any(":" in one for one in dying)
    return all(_able(node.states["web"].values(), six) - dying for node in world.alive() if node.states)


def _able(members: Iterable[object], six: bool) -> set[str]:
    """What is served, or would be if another were not."""
    return {
        one.address
        for state in members
        for one in state.addresses  # type: ignore[attr-defined]
        if (":" in one.address) == six and (one.effective == "up" or step_of(one, "exclusive"))
    }


class Death:
    """Addresses that die now. It hears publications, to tell how long they were served on."""

    def __init__(self, world: World, addresses: Iterable[str], bound: float, told: str) -> None:
        self.bound = bound
        self._world = world
        self._told = told
        self._died = world.clock.now
        self._addresses = set(addresses)
        self._six = any(":" in one for one in self._addresses)
        self._gone: dict[str, float] = {}  # node -> since when it serves none of it
        world.listeners.append(self)

    def __call__(self, publication: Publication) -> None:
        if self._addresses.isdisjoint({*publication.served, *publication.six}):
            self._gone.setdefault(publication.node.name, publication.now)
        else:
            self._gone.pop(publication.node.name, None)

    def judge(self) -> float:
        """The seconds until no running node served it, or AssertionError; to be called when the bound has passed.

        In their place something that lives must be served.
        """
        self.forget()
        world = self._world
        for node in world.alive():
            stale = sorted(self._addresses & {*node.served, *node.served_six})
            told = f"{world.clock.now - self._died:.2f} s after the death of {self._told}, bound {self.bound:.2f} s"
            assert not stale, f"{node.name} still serves {stale} {told}"
            lives = live(node.states, six=self._six)
            if world.config.pools["web"].exclusive:  # the only one that may be served may have one family
                lives |= live(node.states, six=not self._six)
            assert lives, f"{node.name} serves nothing that lives {told}"
        return max((at - self._died for at in self._gone.values()), default=0.0)

    def forget(self) -> None:
        """Listen no longer."""
        self._world.listeners.remove(self)


class SiteDeath(Death):
    """A site dies, with the probers there. Those elsewhere go on seeing, and vote."""

    def __init__(self, world: World, site: str) -> None:
        super().__init__(world, addresses_at(world, site), bound_of(world, site), site)

    def __call__(self, publication: Publication) -> None:
        node, alone = publication.node, self._world.changed_at == self._died
        assert not alone or not node.council.blind, (
            f"{node.name} is blinded by the death of {self._told}: {node.council.blind}"
        )
        super().__call__(publication)

    def judge(self) -> float:
        """See Death."""
        blind = {node.name: node.council.blind for node in self._world.alive() if node.council.blind}
        assert not blind, f"blinded by the death of {self._told}: {blind}"
        return super().judge()


def kill(world: World, site: str) -> float:
    """The site dies; it must be gone within its bound. Returns the seconds that it took."""
    death, took = SiteDeath(world, site), []
    world.site(site, dies=True)
    world.clock.after(death.bound, lambda: took.append(death.judge()))
    world.run(death.bound + 1)
    return took[0]
