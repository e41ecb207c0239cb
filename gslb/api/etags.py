"""Entity tags (RFC 9110 section 8.8.3): `"VERSION.DIGEST"`, or `"DIGEST"` where the thing has no version.

The digest is that of the whole answer, for If-None-Match. If-Match looks at the version alone: a drain that has become
active meanwhile is still the drain that the caller has seen.
"""

import re
from hashlib import blake2b
from typing import Final

from gslb.errors import InvalidError, PreconditionError

Wanted = frozenset[str] | None  # the tags of a condition; None: there is none, and "*" stands for any

ANY: Final = "*"
_TAG: Final = r'(?:W/)?"([\x21\x23-\x7e]*)"'  # a comma may be a part of one
_TAGS: Final = re.compile(rf"\s*{_TAG}\s*(?:,\s*{_TAG}\s*)*")


def tag_of(text: str | bytes, version: str = "") -> str:
    """The tag of an answer."""
    body = text.encode() if isinstance(text, str) else text
    digest = blake2b(body, digest_size=8).hexdigest()
    return f'"{version}.{digest}"' if version else f'"{digest}"'


def known(header: str | None) -> Wanted:
    """The tags of If-None-Match; what is none is known to nobody."""
    try:
        return wanted(header)
    except InvalidError:
        return None


def wanted(header: str | None) -> Wanted:
    """The tags of If-Match, weak ones without their mark. Raises InvalidError: they are none."""
    if header is None:
        return None
    if header.strip() == ANY:
        return frozenset({ANY})
    if not _TAGS.fullmatch(header):
        raise InvalidError('If-Match must be * or tags such as "3.5d1e88c04b7a9f02"', hint="as the header ETag had it")
    return frozenset(re.findall(_TAG, header))


def fresh(tags: Wanted, tag: str) -> bool:
    """Whether the caller has what the tag is of (If-None-Match compares weakly)."""
    return tags is not None and (ANY in tags or tag.strip('"') in tags)


def require(tags: Wanted, version: str, what: str) -> None:
    """Raises PreconditionError unless there is no condition, or one of its tags has this version."""
    if tags is None or ANY in tags or version in {tag.rpartition(".")[0] for tag in tags}:
        return
    raise PreconditionError(
        f"{what} has changed since you looked: nothing was done",
        hint="GET it again, and send the ETag that comes with it in If-Match",
    )
