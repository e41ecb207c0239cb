"""The files of a configuration: read, checked as a whole, and turned into a `Config`. Every problem is told at once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from os.path import relpath
from pathlib import Path as FilePath
from typing import Final

import yaml

from gslb.config.document import START, Builder, Document, Findings, MarkedList, MarkedMap, place
from gslb.config.model import Config, NodeSettings, Pool
from gslb.config.monitors import build_monitor
from gslb.config.pools import Known, build_pool, build_site
from gslb.config.rules import Rules
from gslb.config.schema import NodeFile, ZonesFile
from gslb.config.validate import validate
from gslb.config.zones import ZoneBuilder
from gslb.errors import ConfigError, Problem

MAX_YAML: Final = 16 << 20  # octets of one YAML file: 300,000 names
MAX_OTHER: Final = 256 << 20  # of a master file
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECTIONS: Final = ("sites", "monitors", "pools", "zones")
_YAML_HINTS: Final = (
    ("\t", "indent with spaces, not with tabs"),
    ("alias", 'a name that begins with * must be written in quotes, as "*.x"'),
    ("anchor", "text that begins with & must be written in quotes"),
    ("cannot start any token", "text that begins with @, ` or % must be written in quotes"),
    ("mapping values", "text with a colon and a space must be written in quotes"),
)


def load_node(path: str) -> NodeSettings:
    """The node file alone. Raises ConfigError with every problem in it."""
    findings = Findings()
    settings = _node(_read_yaml(FilePath(path), findings), findings)
    findings.raise_problems()
    assert settings is not None
    return settings


def load(path: str) -> Config:
    """The node file and the zones folder that it names. Raises ConfigError with every problem in all files."""
    findings = Findings()
    node_document = _read_yaml(FilePath(path), findings)
    settings = _node(node_document, findings)
    name = node_document.value.get("zones") if isinstance(node_document.value, MarkedMap) else None
    if isinstance(name, str):
        return _Loader(node_document, settings, _Folder(FilePath(path).parent / name), findings).run()
    findings.raise_problems()
    raise AssertionError("a node file without zones has a problem")


def _node(document: Document, findings: Findings) -> NodeSettings | None:
    """The node file's settings; its problems are added to the findings."""
    here = findings.about(document)
    shape = None if document.unreadable else validate(NodeFile, document.value, (), here)
    if shape is None:
        return None
    for at, endpoint in enumerate(shape.listen.dns):
        if endpoint in shape.listen.dns[:at]:
            here.problem(("listen", "dns", at), "stands twice in the list")
    folder = FilePath(document.file).absolute().parent
    return NodeSettings(
        name=shape.node.name,
        site=shape.node.site,
        roles=tuple(dict.fromkeys(shape.node.roles)),
        dns=tuple(shape.listen.dns),
        api=shape.listen.api,
        workers=shape.workers,
        zones=str(folder / shape.zones),
        state=str(folder / shape.state),
        geo_databases=tuple(str(folder / name) for name in shape.geo.databases),
        probe_allow=tuple(shape.probe.allow),
        probe_concurrency=shape.probe.concurrency,
        ecs_trust=tuple(shape.ecs.trust),
        startup_wait=shape.startup_wait,
        max_state_age=shape.max_state_age,
    )


class _Everything(frozenset[str]):
    """Stands for names that cannot be known, since a file is unreadable: nothing is missed in it."""

    def __contains__(self, _name: object) -> bool:
        return True


@dataclass(slots=True)
class _Folder:
    """The zones folder; `contents` are all files read, by name relative to it."""

    path: FilePath
    contents: dict[str, bytes] = field(default_factory=dict)

    def read(self, path: FilePath, limit: int) -> str:
        """Text of a file. Raises ValueError."""
        octets = _octets(path, limit)
        self.contents[FilePath(relpath(path, self.path)).as_posix()] = octets
        return _text(octets)

    def include(self, name: str, file: str) -> tuple[str, str]:
        """Name and text of a master file that `file` names. Raises ValueError."""
        path = FilePath(file).parent / name
        return str(path), self.read(path, MAX_OTHER)

    def resolve(self, name: str) -> str:
        """Absolute path of a file that the folder's files name. Raises ValueError where it cannot be read."""
        self.read(self.path / name, MAX_OTHER)
        return str((self.path / name).absolute())

    def digest(self) -> str:
        """Equal on nodes whose files are equal but for their line ends."""
        state = blake2b(digest_size=16)
        for name, octets in sorted(self.contents.items()):
            for part in (name.encode(), octets.replace(b"\r\n", b"\n")):
                state.update(len(part).to_bytes(8, "big") + part)
        return state.hexdigest()


@dataclass(slots=True)
class _Loader: ...
