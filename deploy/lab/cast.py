"""Everybody who takes part in a scenario, and what of it is told while it happens."""

from collections.abc import Callable
from contextlib import ExitStack

from deploy.lab.live import Live
from deploy.lab.onlookers import SERVERS, Answer, Names, Watch
from deploy.lab.people import Agent, Person, User, Writer
from deploy.lab.plan import CENTRES, Site
from deploy.lab.watching import Observer

_WAITS = 3  # values of an agent that wait, from which on it is told


class Cast:
    """Used as a context, in which they are at it. `observer` is there where a site's death is to be seen in Zabbix."""

    def __init__(self, dies: Site | None) -> None:
        self.user, self.agent, self.watch = User(), Agent(), Watch()
        self.names = {server: Names(server) for server in SERVERS}
        self.writers = {site.name: Writer(site) for site in CENTRES}
        self.observer = Observer(dies) if dies else None
        self.live = Live(self._lanes(), lambda text: print(text, flush=True))
        self._stack = ExitStack()

    def __enter__(self) -> "Cast":
        people: list[Person] = [self.user, self.agent, self.watch, *self.names.values(), *self.writers.values()]
        if self.observer:
            people.append(self.observer)
        with ExitStack() as stack:
            for person in people:
                person.begin()
                stack.callback(person.end)
            stack.enter_context(self.live)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def answers(self) -> list[Answer]:
        """Of all servers, in the order in which they came."""
        found = [answer for names in self.names.values() for answer in names.answers]
        return sorted(found, key=lambda answer: answer.when)

    def _lanes(self) -> dict[str, Callable[[], str]]:
        answers = {f"answers by {server}": names.led_to for server, names in self.names.items()}
        return {"user": self._served, "primary": self._primary, "agent": self._taken, **answers}

    def _served(self) -> str:
        for visit in self.user.visits[-1:]:
            return f"FAILS at {visit.site or 'nobody'}: {visit.fault}" if visit.fault else visit.site
        return ""

    def _primary(self) -> str:
        for look in self.watch.seen[-1:]:
            return " and ".join(look.sites) or "nobody"
        return ""

    def _taken(self) -> str:
        if self.agent.unsent >= _WAITS:
            return "its values wait"
        for value in self.agent.values[-1:]:
            return f"its values go to {value.site}"
        return ""
