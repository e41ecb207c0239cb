"""Small documents that all nodes share, as one node knows them."""

import json
import re
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from gslb.errors import RequestError
from gslb.store import Document
from gslb.store.etcdtext import Item
from gslb.store.keys import Keys
from gslb.store.valuetext import parsed, shown

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LONGEST: Final = 16_384  # octets
_NONE: Final[Mapping[str, Document]] = MappingProxyType({})

Documents = dict[str, dict[str, Document]]  # by kind and key


def document_text(kind: str, key: str, value: Document) -> str:
    """A document as it is kept. Raises RequestError where it cannot be."""
    for name in (kind, key):
        if not _NAME.fullmatch(name):
            raise RequestError(f"the name {name!r} is not letters, digits, dots, dashes and underscores, at most 100")
    try:
        text = json.dumps(value, allow_nan=False, sort_keys=True)
    except (ValueError, TypeError, RecursionError) as error:
        raise RequestError(f"the document cannot be kept: {error}") from error
    if len(text) > _LONGEST:
        raise RequestError(f"the document has {len(text)} octets, and {_LONGEST} are kept at most")
    return text


class KeptView:
    """Until the store was listed, what the copy knew is there."""

    def __init__(self, keys: Keys) -> None:
        self.alarms: dict[str, str] = {}  # by key of the store: what is wrong with a value; the last good one stays
        self._keys = keys
        self._listed = False
        self._documents: Documents = {}

    def of(self, kind: str) -> Mapping[str, Document]:
        """The documents of a kind."""
        return MappingProxyType(self._documents.get(kind, {})) or _NONE

    def changed(self, keys: Collection[str], items: Mapping[str, Item]) -> bool:
        """Take over what has changed in the store; whether a document is among it."""
        ours = {key for key in keys if key.startswith(self._keys.kept)}
        if not self._listed:  # what the copy knew may be gone
            ours |= {self._keys.document(kind, key) for kind, all_of in self._documents.items() for key in all_of}
            self._listed = True
        for key in ours:
            self._take(key, items.get(key))
        return bool(ours)

    def text(self) -> str:
        """The copy that is kept for the next start."""
        return json.dumps(self._documents)

    def restore(self, text: str) -> None:
        """Begin with a copy; what cannot be understood of it is left out."""
        try:
            kinds = parsed(text.encode())
        except ValueError:
            return
        for kind, found in kinds.items():
            if isinstance(found, dict):
                self._documents[kind] = {key: value for key, value in found.items() if isinstance(value, dict)}

    def _take(self, key: str, item: Item | None) -> None:
        kind, _, name = key.removeprefix(self._keys.kept).partition("/")
        self.alarms.pop(key, None)
        former = self._documents.get(kind, {})
        if item is None:  # who holds the former mapping keeps it as it was
            self._documents[kind] = {one: value for one, value in former.items() if one != name}
            return
        try:
            self._documents[kind] = {**former, name: parsed(item.value)}
        except ValueError as error:
            self.alarms[key] = f"{shown(key)}: {error}"
