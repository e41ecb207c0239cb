"""The `store` of the node file: where intents and votes are, in a file of this node or shared on etcd."""

from pathlib import PurePath
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from gslb.config.document import Findings
from gslb.config.schema import Shape, listed, matching, parsed
from gslb.config.settings import StoreSettings
from gslb.config.values import shown

_OF_ETCD = ("endpoints", "prefix", "tls", "login", "loss")


def _endpoint(text: str) -> str:
    try:
        parts = urlsplit(text)
        fine = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        fine = False
    if not fine or parts.path.strip("/") or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"must be a client URL of etcd such as https://etcd-1.example.com:2379 (got {shown(text)})")
    return text.rstrip("/")


Endpoint = Annotated[str, parsed(_endpoint)]


class TlsShape(Shape):
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


class LoginShape(Shape):
    user: Annotated[str, Field(min_length=1)]
    password_file: Annotated[str, Field(min_length=1)]


class StoreShape(Shape):
    type: Literal["sqlite", "etcd"]
    endpoints: Annotated[list[Endpoint], BeforeValidator(listed)] = []
    prefix: Annotated[str, matching(r"(/[A-Za-z0-9._-]+)+", "a path such as /gslb")] = "/gslb"
    tls: TlsShape = TlsShape()
    login: LoginShape | None = None
    loss: Literal["own_votes", "freeze"] = "own_votes"


def store_settings(shape: StoreShape, folder: PurePath, here: Findings) -> StoreSettings:
    """The settings; `folder` is that of the node file. Notes what does not fit together."""
    if shape.type == "sqlite":
        for key in _OF_ETCD:
            if key in shape.model_fields_set:
                here.problem(("store", key), "goes with type: etcd only", key=True)
        return StoreSettings()
    if not shape.endpoints:
        here.problem(("store", "type"), "etcd needs `endpoints`", "for example [https://192.0.2.21:2379]")
    if (shape.tls.cert is None) != (shape.tls.key is None):
        here.problem(("store", "tls"), "needs both `cert` and `key`, or neither")

    def path(name: str | None) -> str | None:
        return None if name is None else str(folder / name)

    return StoreSettings(
        type="etcd",
        endpoints=tuple(dict.fromkeys(shape.endpoints)),
        prefix=shape.prefix,
        ca=path(shape.tls.ca),
        cert=path(shape.tls.cert),
        key=path(shape.tls.key),
        user=shape.login.user if shape.login else "",
        password_file=path(shape.login.password_file) if shape.login else None,
        loss=shape.loss,
    )
