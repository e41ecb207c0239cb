"""Zones from their shapes: static records and dynamic names."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from gslb.config.content import Content, Reporter
from gslb.config.document import Findings, MarkedMap, Path, dotted, place
from gslb.config.model import DynamicName, Zone
from gslb.config.rules import Rules
from gslb.config.schema import NameShape, ZoneShape
from gslb.config.services import build_services
from gslb.config.static import Origin, static_records
from gslb.config.validate import validate
from gslb.config.zonecheck import check_zone
from gslb.dns.name import ROOT, from_text, to_text
from gslb.dns.zonefile import Include
from gslb.errors import NameSyntaxError


@dataclass(frozen=True, slots=True)
class ZoneBuilder:
    """What zones are built with: `include` reads the files that they name."""

    findings: Findings
    rules: Rules
    include: Include
    paths: dict[bytes, Path] = field(default_factory=dict)
    faulty: set[bytes] = field(default_factory=set)  # zones of which something could not be read

    def build(self, raw: Mapping[str, object]) -> dict[bytes, Zone]:
        """All zones, by apex; what could be read whole was checked."""
        zones = {zone.apex: zone for text, value in raw.items() if (zone := self._zone(text, value))}
        for apex, zone in zones.items():
            if apex not in self.faulty:
                path = self.paths[apex]
                content = Content(zone, zones, self.findings.where(path, key=True), dotted(path))
                check_zone(content, Reporter(content, self.findings))
        return zones

    def _zone(self, text: str, raw: object) -> Zone | None:
        path: Path = ("zones", text)
        try:
            apex = from_text(text, ROOT).lower()
        except NameSyntaxError as error:
            self.findings.problem(path, error.message, key=True)
            return None
        if apex in self.paths:
            hint = f"the first is at {self.findings.where(self.paths[apex], key=True)}"
            self.findings.problem(path, f"the zone {to_text(apex)} is defined twice", hint, key=True)
            return None
        self.paths[apex] = path
        shape = validate(ZoneShape, raw, path, self.findings)
        if shape is None:
            return None
        origin = Origin(apex, path, shape.ttl, self.findings)
        before = len(self.findings.problems)
        records = static_records(shape, origin, self.include)
        if len(self.findings.problems) > before:
            self.faulty.add(apex)
        names = self._names(raw, origin)
        return Zone(apex, tuple(records), tuple(names.values()))

    def _names(self, raw: object, origin: Origin) -> dict[bytes, DynamicName]:
        assert isinstance(raw, MarkedMap)
        names: dict[bytes, DynamicName] = {}
        section = raw.get("names")
        if not isinstance(section, MarkedMap):
            return names
        path = (*origin.path, "names")
        file = self.findings.document(path).file
        for text, value in section.items():
            where = place(file, section.marks[text][0])
            name = self._name(text, value, where, origin)
            if name is None:
                self.faulty.add(origin.apex)
                continue
            if name.owner in names:
                hint = f"the first is at {names[name.owner].where}"
                self.findings.problem((*path, text), f"{to_text(name.owner)} is defined twice", hint, key=True)
            names.setdefault(name.owner, name)
        return names

    def _name(self, text: str, raw: object, where: str, origin: Origin) -> DynamicName | None:
        path = (*origin.path, "names", text)
        owner = origin.owner(text, path)
        shape = validate(NameShape, raw, path, self.findings)
        if owner is None or shape is None:
            return None
        ttl = origin.ttl if shape.ttl.max is None else shape.ttl.max
        if shape.ttl.min is not None and shape.ttl.min > ttl:
            message = f"must be at most the longest TTL, {ttl} (got {shape.ttl.min})"
            self.findings.problem((*path, "ttl", "min"), message)
        services = build_services(shape, origin.apex, path, self.findings)
        rules = self.rules.build(shape, path)
        return DynamicName(owner, ttl, rules, where, services, shape.ttl.min, shape.rto)
