"""Where the API of a node is. No more of its file is read than that: reading the whole takes longer than asking."""

from pathlib import Path
from typing import NamedTuple

from gslb.errors import RequestError

_LARGEST = 1 << 20  # octets
_ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - mapped away from, never bound


class Place(NamedTuple):
    """An address and a port, the file with the node's own token, and its certificate where it speaks TLS."""

    host: str
    port: int
    token: str
    cert: str | None = None


def find_place(path: str) -> Place:
    """The place that a node file tells. Raises ConfigError (as `gslb check` would), RequestError (it has no API)."""
    return _quick(Path(path)) or _whole(path)


def _quick(path: Path) -> Place | None:
    """None where the whole has to be read, be it for its errors."""
    import yaml

    from gslb.config.values import endpoint

    try:
        if path.stat().st_size > _LARGEST:
            return None
        texts = _texts(path.read_text(encoding="utf-8-sig"))
        host, port = endpoint(texts["listen", "api"])
        state = texts["state",]
    except (OSError, ValueError, KeyError, yaml.YAMLError):
        return None
    folder, cert = path.absolute().parent, texts.get(("listen", "api_tls", "cert"))
    own = str(folder / cert) if cert else None
    return Place(_ANY_ADDRESS.get(host, host), port, str(folder / state / "token"), own)


def _texts(text: str) -> dict[tuple[str, ...], str]:
    """What stands in mappings, by the keys that lead there. Raises ValueError (what the checker refuses), YAMLError."""
    import yaml

    found: dict[tuple[str, ...], str] = {}
    keys: list[str | None] = []  # of each mapping that is open, "" for a list; None: a key comes next
    documents = 0
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise ValueError("not plain")
        documents += isinstance(event, yaml.DocumentStartEvent)
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            keys.append(None if isinstance(event, yaml.MappingStartEvent) else "")
            continue
        if isinstance(event, yaml.ScalarEvent) and keys and keys[-1] is None:
            keys[-1] = event.value
            continue
        if isinstance(event, yaml.ScalarEvent):
            found[_path(keys, found)] = event.value
        elif isinstance(event, yaml.CollectionEndEvent):
            keys.pop()
        else:
            continue
        if keys and keys[-1]:
            keys[-1] = None
    if documents != 1:
        raise ValueError("not one document")
    return found


def _path(keys: list[str | None], found: dict[tuple[str, ...], str]) -> tuple[str, ...]:
    path = tuple(key or "" for key in keys)
    if path in found and "" not in path:
        raise ValueError("stands twice")
    return path


def _whole(path: str) -> Place:
    from gslb.config.load import load_node

    node = load_node(path)
    if node.api is None:
        raise RequestError(f"{path} has no listen.api, so its node cannot be asked", hint="add listen: {api: ...}")
    host, port = node.api
    own = node.api_tls.cert if node.api_tls else None
    return Place(_ANY_ADDRESS.get(host, host), port, str(Path(node.state) / "token"), own)
