"""The `notify` of the node file: who is told of what happens, by webhook."""

from pathlib import PurePath
from typing import Annotated, Final, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from gslb.config.document import Findings
from gslb.config.schema import Shape, listed, parsed
from gslb.config.settings import SinkSettings

Group = Literal["site", "pool", "drain", "hold", "force", "override", "quorum", "config", "certificate"]
MOST: Final = 16  # sinks


def web_url(text: str) -> str:
    """A URL that can be posted to. Raises ValueError, which does not quote it: it may hold a secret."""
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0 and parts.username is None
    except ValueError:
        fine = False
    if not fine or not text.isprintable() or " " in text:
        raise ValueError("must be a URL such as https://alerts.example.com/hook, without user and password")
    return text


class SinkShape(Shape):
    type: Literal["generic", "slack", "alertmanager"]
    url: Annotated[str, parsed(web_url)] | None = None
    url_file: Annotated[str, Field(min_length=1)] | None = None
    token_file: Annotated[str, Field(min_length=1)] | None = None
    ca: Annotated[str, Field(min_length=1)] | None = None
    events: Annotated[list[Group], BeforeValidator(listed), Field(min_length=1)] | None = None


def sink_settings(shapes: list[SinkShape], folder: PurePath, here: Findings) -> tuple[SinkSettings, ...]:
    """The settings; `folder` is that of the node file. Notes what does not fit together."""
    if len(shapes) > MOST:
        here.problem(("notify",), f"has more than {MOST} entries")
    return tuple(_sink(at, shape, folder, here) for at, shape in enumerate(shapes))


def _sink(at: int, shape: SinkShape, folder: PurePath, here: Findings) -> SinkSettings:
    if (shape.url is None) == (shape.url_file is None):
        here.problem(("notify", at), "needs either `url` or `url_file`", "a URL that is a secret belongs in a file")

    def path(name: str | None) -> str | None:
        return None if name is None else str(folder / name)

    return SinkSettings(
        type=shape.type,
        url=shape.url or "",
        url_file=path(shape.url_file),
        token_file=path(shape.token_file),
        ca=path(shape.ca),
        events=tuple(dict.fromkeys(shape.events or ())),
    )
