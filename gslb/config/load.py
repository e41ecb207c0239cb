"""The files of a configuration: found, read with their marks, and handed on to be assembled."""

import json
import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from os.path import relpath
from pathlib import Path
from typing import Final

import yaml
from yaml.reader import ReaderError

from gslb.config.assemble import Assembly, Files, check_sections
from gslb.config.document import START, Builder, Document, Findings, Mark, MarkedList, MarkedMap
from gslb.config.model import Config, Monitor
from gslb.config.monitors import Kinds, Makers, build_monitor
from gslb.config.nodefile import node_settings
from gslb.config.settings import NodeSettings
from gslb.errors import ConfigError, Problem

MAX_YAML: Final = 16 << 20  # octets: about 300,000 names
MAX_OTHER: Final = 256 << 20  # octets of a master file

INLINE: Final = "inline"
_ASSIGNED: Final = re.compile(r"\s*\w+=")
_PLAIN: Final = re.compile(r"[\w./%+-]+")

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_SECRET: Final = re.compile(r"[0-9A-Fa-f]{32}")
_ANCHOR_HINT: Final = 'write the value out; text that begins with * or & must be in quotes, as "*.x"'
_YAML_HINTS: Final = (
    ("tab character", "indent with spaces, not with tabs"),
    ("an alias", _ANCHOR_HINT),
    ("an anchor", _ANCHOR_HINT),
    ("cannot start any token", "indent with spaces, not with tabs; text that begins with @, ` or % must be in quotes"),
    ("mapping values", "text with a colon and a space in it must be in quotes"),
)


def load_node(path: str) -> NodeSettings:
    """The node file alone. Raises ConfigError with every problem in it."""
    findings = Findings()
    file = Path(path)
    settings = node_settings(_read_document(file, _Reader(file.parent), findings), file.absolute().parent, findings)
    settings = _with_secrets(settings, findings)
    findings.raise_problems()
    assert settings is not None
    return settings


@dataclass(slots=True)
class ZonesFiles:
    """Which files make the zones folder: where `copy` is given, those of that folder stand in for those of the zones
    folder, under their names. `alone`: no master file outside of it is read. `contents` tells afterwards what was read,
    by name relative to the folder.
    """

    copy: Path | None = None
    alone: bool = False
    contents: dict[str, bytes] = field(default_factory=dict)


def load(path: str, kinds: Kinds, files: ZonesFiles | None = None) -> Config:
    """The node file and the zones folder that it names, or `files`; `kinds` are the types of monitors.

    Raises ConfigError with every problem in all files.
    """
    findings = Findings()
    file = Path(path)
    node = _read_document(file, _Reader(file.parent), findings)
    settings = _with_secrets(node_settings(node, file.absolute().parent, findings), findings)
    folder = node.value.get("zones") if isinstance(node.value, MarkedMap) else None
    if not isinstance(folder, str):  # a problem that was noted
        findings.raise_problems()
    reader = _Reader(file.parent / str(folder), files or ZonesFiles())
    try:
        findings.documents = [_read_document(name, reader, findings) for name in reader.yaml_files()]
    except ValueError as error:
        findings.about(node).problem(("zones",), str(error))
        findings.raise_problems()
    check_sections(findings.documents, findings)
    return Assembly(node, settings, kinds, findings).config(Files(reader.include, reader.resolve, reader.digest))


def load_monitor(text: str, kinds: Kinds) -> Monitor:
    """A monitor from one line: "type: http, port: 8080", or "type=http port=8080". Its name is INLINE.

    Files that it names are relative to the working folder. Raises ConfigError with every problem in it.
    """
    findings = Findings()
    assigned = [token.partition("=") for token in _tokens(text)] if _ASSIGNED.match(text) else []
    if assigned:
        text = ", ".join(
            f"{key}: {value if _PLAIN.fullmatch(value) else json.dumps(value)}" for key, _, value in assigned
        )
    text = text.strip() if text.lstrip().startswith("{") else f"{{{text}}}"
    document = _document("MONITOR", lambda: f"monitors: {{{INLINE}:\n{text}}}", findings)
    findings.documents = [document]
    check_sections(findings.documents, findings)
    monitors = document.value.get("monitors") if isinstance(document.value, MarkedMap) else None
    definition = monitors.get(INLINE) if isinstance(monitors, MarkedMap) else None
    if isinstance(monitors, MarkedMap) and len(monitors) > 1:
        findings.problem(("monitors",), "is not the definition of one monitor")
    findings.raise_problems()
    monitor = build_monitor(INLINE, definition, Makers(kinds, findings, _Reader(Path()).resolve))
    findings.raise_problems()
    assert monitor is not None
    return monitor


def _tokens(text: str) -> list[str]:
    """The parts between spaces and commas; what is in quotes is one of them. Raises ConfigError: a quote stays open."""
    words = shlex.shlex(text, posix=True, punctuation_chars="")
    words.whitespace, words.whitespace_split, words.commenters = " ,\t\n", True, ""
    try:
        return list(words)
    except ValueError as error:
        raise ConfigError([Problem("MONITOR:1:1", "", str(error).lower())]) from None


def _with_secrets(settings: NodeSettings | None, findings: Findings) -> NodeSettings | None:
    """Add the cookie secrets; a file that is not there yet is made when the node starts."""
    if settings is None:
        return None
    path = Path(settings.cookie_file)
    try:
        mode = path.stat().st_mode
        lines = path.read_text("ascii").splitlines()
    except FileNotFoundError:
        return settings
    except (OSError, UnicodeDecodeError) as error:
        findings.problems.append(Problem(f"{path}:1:1", "", f"cookie secrets cannot be read: {error}"))
        return settings
    if mode & 0o077:
        findings.problems.append(
            Problem(f"{path}:1:1", "", "cookie secrets can be read by others", f"chmod 600 {path}")
        )
    secrets = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if _SECRET.fullmatch(text):
            secrets.append(bytes.fromhex(text))
        elif text:
            hint = "make one with: openssl rand -hex 16"
            findings.problems.append(Problem(f"{path}:{number}:1", "", "a secret is 32 hexadecimal digits", hint))
    if not secrets:
        findings.problems.append(Problem(f"{path}:1:1", "", "has no secret", "remove the file, and the node makes one"))
    return replace(settings, cookie_secrets=tuple(secrets))


@dataclass(slots=True)
class _Reader:
    """Reads files of a folder and notes what was in them. Its methods raise ValueError."""

    folder: Path
    files: ZonesFiles = field(default_factory=ZonesFiles)

    def yaml_files(self) -> list[Path]:
        """The YAML files of the folder; a hidden file is an editor's."""
        try:
            found = sorted(path.name for path in (self.files.copy or self.folder).iterdir())
        except OSError as error:
            raise ValueError(f"the folder {self.folder} cannot be read: {error.strerror}") from error
        files = [self.folder / name for name in found if name.endswith((".yaml", ".yml")) and name[0] != "."]
        if not files:
            raise ValueError(f"the folder {self.folder} has no *.yaml files")
        return files

    def read(self, path: Path, limit: int) -> str:
        """Text of a file of at most `limit` octets."""
        place = self._place(path)
        try:
            if place.exists() and not place.is_file():
                raise ValueError(f"{path} is not a file")
            if place.stat().st_size > limit:
                raise ValueError(f"{path} is larger than {limit >> 20} MiB")
            octets = place.read_bytes()
        except OSError as error:
            raise ValueError(f"{path} cannot be read: {error.strerror}") from error
        self.files.contents[self._name(path)] = octets
        try:
            return octets.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = octets.count(b"\n", 0, error.start) + 1
            raise ValueError(f"{path} is not UTF-8 in line {line}") from error

    def _name(self, path: Path) -> str:
        return Path(relpath(path, self.folder)).as_posix()

    def _place(self, path: Path) -> Path:
        """Where a file is read: what lies outside of the folder has no copy."""
        name = self._name(path)
        return path if self.files.copy is None or _outside(name) else self.files.copy / name

    def include(self, name: str, file: str) -> tuple[str, str]:
        """Name and text of a master file that the file `file` names."""
        path = Path(file).parent / name
        if self.files.alone and _outside(self._name(path)):
            raise ValueError(f"{path} is outside of the zones folder, and was not sent along")
        return str(path), self.read(path, MAX_OTHER)

    def resolve(self, name: str) -> str:
        """Absolute path of a file that a YAML file names; it can be read."""
        path = self.folder / name
        self.read(path, MAX_OTHER)
        return str(self._place(path).absolute())

    def digest(self) -> str:
        """Equal where the files are equal but for their line ends."""
        state = blake2b(digest_size=16)
        for name, octets in sorted(self.files.contents.items()):
            for part in (name.encode(), octets.replace(b"\r\n", b"\n")):
                state.update(len(part).to_bytes(8, "big") + part)
        return state.hexdigest()


def _outside(name: str) -> bool:
    return name.split("/", 1)[0] == ".."


def _read_document(path: Path, reader: _Reader, findings: Findings) -> Document:
    """A YAML file; not whole where it cannot be read as YAML, which was noted."""
    return _document(str(path), lambda: reader.read(path, MAX_YAML), findings)


def _document(name: str, read: Callable[[], str], findings: Findings) -> Document:
    builder = Builder(name)
    whole = False
    try:
        text = read()
        _build(text, builder)
        whole = True
    except ValueError as error:
        builder.fault(START, str(error))
    except ReaderError as error:
        builder.fault(_mark_of(error.position, text), f"a file of YAML cannot hold this: {error.reason}")
    except yaml.MarkedYAMLError as error:
        _note(error, builder)
    except ConfigError:  # the builder gave up, and noted why
        pass
    findings.problems += builder.problems
    findings.trapped |= {problem.where for problem in builder.problems}
    return Document(name, MarkedMap() if builder.value is None else builder.value, whole)


def _build(text: str, builder: Builder) -> None:
    """Hand the pieces of a YAML text to the builder. It goes by events: composing nodes recurses, and crashes."""
    documents = 0
    for event in yaml.parse(text, Loader=_LOADER):
        assert event.start_mark is not None
        mark = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.NodeEvent) and event.anchor:
            builder.fault(mark, "anchors and aliases are not allowed", _ANCHOR_HINT)
        if isinstance(event, (yaml.ScalarEvent, yaml.CollectionStartEvent)) and event.tag:
            builder.fault(mark, f"tags are not allowed (got {event.tag})", "write the value alone")
        match event:
            case yaml.ScalarEvent():
                builder.scalar(event.value, mark, plain=event.implicit[0])
            case yaml.MappingStartEvent():
                builder.open(MarkedMap(), mark)
            case yaml.SequenceStartEvent():
                builder.open(MarkedList(), mark)
            case yaml.CollectionEndEvent():
                builder.close()
            case yaml.AliasEvent():
                builder.scalar("", mark, plain=False)
            case yaml.DocumentStartEvent():
                documents += 1
                if documents > 1:
                    builder.fault(mark, "a second document begins", "one file holds one document: remove the line ---")
                    return


def _note(error: yaml.MarkedYAMLError, builder: Builder) -> None:
    """What stopped a file from being read as YAML, as a problem of it."""
    mark = error.problem_mark or error.context_mark
    assert mark is not None
    text = " ".join(filter(None, (error.context, error.problem)))
    hint = next((hint for part, hint in _YAML_HINTS if part in text), "")
    builder.fault((mark.line + 1, mark.column + 1), text, hint)


def _mark_of(position: int, text: str) -> Mark:
    """The place of an octet of the text in UTF-8."""
    before = text.encode()[:position].decode(errors="ignore")
    return before.count("\n") + 1, len(before) - before.rfind("\n")
