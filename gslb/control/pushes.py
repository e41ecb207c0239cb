"""A reload as somebody asks for it, and what it must not do unasked."""

from typing import NamedTuple

from gslb.config.model import Config
from gslb.control.differences import Differences, differences
from gslb.errors import ConflictError, PreconditionError
from gslb.store.audit import Actor


class Push(NamedTuple):
    """A reload as somebody asks for it.

    `force`: although it takes away much; `confirm`: seconds for which it is on trial, None for good; `expect`: only if
    the zones folder has a digest that begins so; `served`: only while what is served has this digest.
    """

    actor: Actor
    reason: str = ""
    force: bool = False
    confirm: float | None = None
    expect: str = ""
    served: str = ""


def judge(push: Push, served: Config, config: Config) -> Differences:
    """What it changes. Raises ConflictError: it is not what was to come, or takes away too much."""
    if not config.digest.startswith(push.expect):
        raise ConflictError(
            f"the zones folder is {config.digest}, not {push.expect}",
            pointer="/digest",
            hint="the right one has not arrived here, or not whole: copy it again",
        )
    found = differences(served, config)
    if found.too_much() and not push.force:
        raise ConflictError(
            f"the zones folder is not taken over: {found.too_much()}",
            pointer="/force",
            hint="look at `gslb plan`; if it is meant: gslb reload --force",
        )
    return found


def require_served(digest: str, served: Config) -> None:
    """Raises PreconditionError where what is served is not what the caller has seen; "": that does not matter."""
    if digest not in ("", served.digest):
        raise PreconditionError(
            "the configuration has changed since you looked: nothing was done", hint="gslb config shows what is served"
        )
