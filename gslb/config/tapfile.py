"""The `dnstap` of the node file: where copies of what is asked and answered go."""

from pathlib import PurePath
from typing import Annotated

from pydantic import Field

from gslb.config.document import Findings
from gslb.config.schema import Shape
from gslb.config.settings import TapSettings

_LONGEST = 107  # octets of a socket's path, unix(7)


class TapShape(Shape):
    socket: Annotated[str, Field(min_length=1)]
    responses: bool = True
    queries: bool = False
    sample: Annotated[int, Field(ge=1, le=1_000_000)] = 1


def tap_settings(shape: TapShape | None, folder: PurePath, here: Findings) -> TapSettings | None:
    """The settings; `folder` is that of the node file. Notes what cannot be."""
    if shape is None:
        return None
    if not shape.responses and not shape.queries:
        here.problem(("dnstap",), "neither `responses` nor `queries` is true, so nothing would be sent")
    path = str(folder / shape.socket)
    if len(path.encode()) > _LONGEST:
        here.problem(("dnstap", "socket"), f"the path of a socket has at most {_LONGEST} octets (got {path!r})")
    return TapSettings(path, responses=shape.responses, queries=shape.queries, sample=shape.sample)
