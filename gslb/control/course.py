"""Which configuration this node is to serve, and the copies of those before it: what a restart goes on with."""

import asyncio
import logging
import time

from gslb.config.load import ZonesFiles, load, load_node
from gslb.control.generations import Course, Generation, Generations, Trial
from gslb.control.line import Plan, load_plan
from gslb.errors import GslbError, StateError
from gslb.probe import KINDS

log = logging.getLogger("gslb.control")


def starting_plan(path: str) -> Plan:
    """What a node begins with: the copy that it was to serve when it ended, else the zones folder.

    Raises ConfigError, GeoError where the zones folder cannot be served.
    """
    generations = Generations(load_node(path).state)
    number = generations.course().number(time.time())
    if number:
        try:
            return load_plan(path, ZonesFiles(generations.files(number)))
        except GslbError as error:
            log.error("generation %d cannot be served, the zones folder is: %s", number, error.message)
    return load_plan(path)


class Keeping:
    """The copies that one node keeps. `number` is that of what it serves, 0 where no copy could be made."""

    def __init__(self, state: str) -> None:
        self.number = 0
        self.course = Course()
        self._generations = Generations(state)

    async def begin(self, path: str, digest: str) -> None:
        """Find the copy of what the node began with, which has this digest, or make it."""
        course = await asyncio.to_thread(self._generations.course)
        same = [one for one in await self.kept() if one.digest == digest]
        named = {*(course.pin or ())[:1], *(course.trial or ())[:2]}
        if course != Course() and not any(one.number in named for one in same):
            await self.decide(Course())  # the copy was not fit to be served, which was told
        else:
            self.course = course
            same = [one for one in same if one.number in named] or same
        if same:
            self.number = same[0].number
        else:
            await self.keep(Generation(0, digest, time.time(), "gslb", "start"), await _contents(path, digest))

    async def keep(self, generation: Generation, contents: dict[str, bytes]) -> None:
        """Keep a copy of what is served from now on; that there is none is logged."""
        spare = {self.number, *(self.course.pin or ())[:1], *(self.course.trial or ())[:2]}
        try:
            self.number = (await asyncio.to_thread(self._generations.add, generation, contents, spare)).number
        except StateError as error:
            self.number = 0
            log.error("no copy of the configuration is kept: %s", error.message)

    async def set_out(self, made: Generation, contents: dict[str, bytes], served: str, confirm: float | None) -> None:
        """Keep a copy of what is to be served instead of what has the digest `served`, and write down that it is.

        `confirm`: for so many seconds, unless somebody confirms. Raises StateError; all is then as it was.
        """
        number = self.number
        try:
            if made.digest != served or not number:
                await self.keep(made._replace(before=number), contents)
            await self.decide(Course(None, self._on_trial(number, confirm, made.who)))
        except StateError:
            self.number = number
            raise

    def _on_trial(self, served: int, confirm: float | None, who: str) -> Trial | None:
        trial = self.course.trial  # another reload does not confirm it
        if confirm is not None:
            if not (self.number and served):
                raise StateError("no copy of the configuration is kept, so there is nothing to go back to")
            trial = Trial(self.number, trial.back if trial else served, time.time() + confirm, who)
        return trial._replace(number=self.number) if trial and trial.back != self.number else None

    async def decide(self, course: Course, *, anyway: bool = False) -> None:
        """Serve this, after a restart too. Raises StateError, unless `anyway`: a restart goes by what is on disk."""
        before, self.course = self.course, course
        try:
            if course != before:
                await asyncio.to_thread(self._generations.set_course, course)
        except StateError as error:
            if not anyway:
                self.course = before
                raise
            log.error("a restart does not know what is served now: %s", error.message)

    async def kept(self) -> list[Generation]:
        """All of them, the newest first."""
        return await asyncio.to_thread(self._generations.kept)

    async def find(self, digest: str) -> Generation:
        """See Generations.find; the current one is what is served."""
        return await asyncio.to_thread(self._generations.find, digest, self.number)

    def files(self, number: int) -> ZonesFiles:
        """What stands in for the zones folder."""
        return ZonesFiles(self._generations.files(number))


async def _contents(path: str, digest: str) -> dict[str, bytes]:
    """The files of the zones folder, if they are still those with the digest."""
    files = ZonesFiles()
    try:
        config = await asyncio.to_thread(load, path, KINDS, files)
    except GslbError as error:
        raise StateError(f"the zones folder is another by now: {error.message}") from error
    if config.digest != digest:
        raise StateError("the zones folder is another by now")
    return files.contents
