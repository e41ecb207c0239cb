"""Documents to a `Config`: shapes laid over them, sections merged, references checked. Reads no file itself."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, TypeVar

from gslb.config.document import Document, Findings, MarkedMap, suggestion
from gslb.config.kinds import check_names
from gslb.config.model import Config, Monitor, Prober
from gslb.config.monitors import Kinds, Makers, build_monitor
from gslb.config.pools import Known, build_pool, build_site
from gslb.config.probers import build_prober, check_node, check_references, warn_probers
from gslb.config.recovery import check_rto
from gslb.config.requires import check_requires, closure, warn_requires
from gslb.config.rules import Rules
from gslb.config.schema import ZonesFile
from gslb.config.settings import NodeSettings
from gslb.config.targets import denied_port
from gslb.config.validate import validate
from gslb.config.zones import ZoneBuilder
from gslb.dns.zonefile import Include

T = TypeVar("T")
Section = Mapping[str, object]

_SECTIONS: Final = ("sites", "probers", "monitors", "pools", "zones")
_MANY: Final = 1000


class Files(NamedTuple):
    """How files that documents name are reached: a master file read, a path made absolute; and the digest of all."""

    include: Include
    resolve: Callable[[str], str]
    digest: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Assembly:
    """The zones folder's documents (in `findings`), and the node file with its settings where they are right."""

    node_document: Document
    settings: NodeSettings | None
    kinds: Kinds
    findings: Findings

    def config(self, files: Files) -> Config:
        """The configuration. Raises ConfigError with every problem of all documents."""
        raw = {name: self._merged(name) for name in _SECTIONS}
        self._check_node_site(self._names(raw["sites"]))
        findings = self.findings
        sites = _built({name: build_site(name, value, findings) for name, value in raw["sites"].items()})
        probers = self._probers(raw)
        makers = Makers(self.kinds, findings, files.resolve, self._voters(raw["probers"]))
        monitors = _built({name: build_monitor(name, value, makers) for name, value in raw["monitors"].items()})
        allow = self.settings.probe_allow if self.settings else ("0.0.0.0/0", "::/0")
        deny = self.settings.probe_deny if self.settings else ()
        self._check_ports(monitors)
        known = Known(sites, self._names(raw["sites"]), self._names(raw["monitors"]), allow, deny)
        pools = _built({name: build_pool(name, value, known, findings) for name, value in raw["pools"].items()})
        check_requires(pools, self._names(raw["pools"]), findings)
        rules = Rules(self._names(raw["pools"]), findings)
        zones = ZoneBuilder(findings, rules, files.include).build(raw["zones"])
        if not findings.problems:  # else what is wrong may be what uses them
            _check_use(raw["pools"], closure(pools, rules.used), findings)
            check_names(zones, pools, findings)
        findings.raise_problems()
        assert self.settings is not None
        config = Config(self.settings, sites, monitors, pools, zones, files.digest(), probers)
        check_rto(config, findings)
        findings.raise_problems()
        warn_probers(config, findings, findings.about(self.node_document))
        _warn(config, rules, findings)
        return replace(config, warnings=tuple(findings.warnings))

    def _merged(self, section: str) -> Section:
        """One section of all documents. An entry that two of them have is a problem that names both places."""
        merged: dict[str, object] = {}
        first: dict[str, Document] = {}
        for document in self.findings.documents:
            entries = document.value.get(section) if isinstance(document.value, MarkedMap) else None
            for name, value in entries.items() if isinstance(entries, MarkedMap) else ():
                path = (section, name)
                if name in merged:
                    hint = f"the first is at {self.findings.about(first[name]).where(path, key=True)}"
                    self.findings.about(document).problem(path, "is defined twice", hint, key=True)
                else:
                    merged[name] = value
                    first[name] = document
        return merged

    def _names(self, section: Section) -> Collection[str]:
        return section.keys() if all(document.whole for document in self.findings.documents) else _Everything()

    def _probers(self, raw: Mapping[str, Section]) -> dict[str, Prober]:
        sites, here = self._names(raw["sites"]), self.findings.about(self.node_document)
        entries = {name: build_prober(name, value, sites, self.findings) for name, value in raw["probers"].items()}
        probers = _built(entries)
        if self.settings is not None:
            check_node(self.settings, self._names(raw["probers"]), probers, here)
            check_references(self.settings, probers, self.findings, here)
        return probers

    def _voters(self, probers: Section) -> int:
        """How many nodes probe; very many where a file that could name them is unreadable."""
        whole = all(document.whole for document in self.findings.documents)
        return (len(probers) or 1) if whole else _MANY

    def _check_ports(self, monitors: Mapping[str, Monitor]) -> None:
        for name, monitor in monitors.items():
            reason = denied_port(monitor.port, self.settings.probe_ports_deny) if self.settings else ""
            if reason:
                message = f"{monitor.port} must not be probed: it is {reason}"
                self.findings.problem(("monitors", name, "port"), message, "see probe.ports.deny of the node file")

    def _check_node_site(self, names: Collection[str]) -> None:
        if self.settings is not None and self.settings.site not in names:
            here = self.findings.about(self.node_document)
            message = f"there is no site {self.settings.site!r}"
            here.problem(("node", "site"), message, suggestion(self.settings.site, names))


class _Everything(frozenset[str]):
    """Stands for names that cannot be known since a file is unreadable: none is missing from it."""

    def __contains__(self, _name: object) -> bool:
        return True


def check_sections(documents: Collection[Document], findings: Findings) -> None:
    """Note sections that no file of the zones folder has, or that are no mappings."""
    for document in documents:
        if document.whole:
            validate(ZonesFile, document.value, (), findings.about(document))


def _built(entries: Mapping[str, T | None]) -> dict[str, T]:
    return {name: entry for name, entry in entries.items() if entry is not None}


def _check_use(pools: Section, used: Collection[str], findings: Findings) -> None:
    for name in pools:
        if name not in used:
            findings.problem(("pools", name), "is not used by any name", "use it in a rule, or leave it out", key=True)


def _warn(config: Config, rules: Rules, findings: Findings) -> None:
    """What works but does not do what it seems to."""
    used = {name for pool in config.pools.values() for name in pool.monitors.of}
    for name in config.monitors:
        if name not in used:
            findings.warn(("monitors", name), "is not used by any pool")
    warn_requires(config.pools, findings)
    for pool in config.pools.values():
        if pool.exclusive and pool.all_down.mode == "all":
            hint = "last_good stays with the one that was served"
            findings.warn(("pools", pool.name), "is exclusive, and `all_down: all` answers with several members", hint)
    if config.node.geo_databases:
        return
    hint = "list databases in geo.databases of the node file"
    if rules.located is not None:
        findings.warn(rules.located, "asks for a location, and this node has no location database", hint)
    for pool in config.pools.values():
        if pool.policy == "nearest":
            message = "needs a location, and this node has no location database: it is weighted"
            findings.warn(("pools", pool.name, "policy"), message, hint)
