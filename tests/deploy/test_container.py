"""The container's files, as far as they can be checked without an engine: what they copy is there, and what they
configure is right. The steps of the Containerfile are those of deploy/README.md."""

import re
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import ROOT
from tests.loading import load

FOLDER = ROOT / "deploy/container"
TEXT = (FOLDER / "Containerfile").read_text()
STEPS = [line.partition(" ")[::2] for line in TEXT.splitlines() if line and line[0] != "#"]
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())


def steps(word: str) -> list[str]:
    """The arguments of an instruction, in order."""
    return [rest for name, rest in STEPS if name == word]


def test_instructions_are_those_of_the_format() -> None:
    known = {"FROM", "WORKDIR", "RUN", "COPY", "ENV", "USER", "VOLUME", "EXPOSE", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {name for name, _ in STEPS} == known
    assert STEPS[0][0] == "FROM"


def test_what_is_copied_is_there_and_sent_to_the_engine() -> None:
    ignored = (FOLDER / "Containerfile.containerignore").read_text().splitlines()
    sources = [word for rest in steps("COPY") if "--from" not in rest for word in rest.split()[:-1] if word[:2] != "--"]
    assert len(sources) == 6
    for source in sources:
        assert (ROOT / source).exists()
        assert f"!{source.removeprefix('./')}" in ignored


def test_bases_have_a_version_and_packages_a_digest() -> None:
    for base in steps("FROM"):
        assert re.match(r"docker\.io/library/python:3\.11-slim-bookworm( AS build)?$", base)
    installs = [rest for rest in steps("RUN") if "pip install" in rest]
    assert len(installs) == 2
    assert "--require-hashes" in installs[0]
    assert "--no-deps --no-build-isolation" in installs[1]


def test_nobody_is_root_at_the_end() -> None:
    names = [name for name, _ in STEPS]
    assert steps("USER") == ["gslb"]
    assert names.index("USER") > len(names) - 1 - names[::-1].index("RUN")
    assert steps("ENTRYPOINT")[0].startswith('["')
    assert steps("CMD")[0].startswith('["')


def test_the_readme_installs_in_the_same_way() -> None:
    readme = (ROOT / "deploy/README.md").read_text()
    for words in ("--require-hashes -r constraints.txt", "--no-deps --no-build-isolation ."):
        assert words in readme
        assert words.replace("-r ", "--requirement ") in TEXT


def test_compose_names_what_there_is() -> None:
    services = COMPOSE["services"]
    assert services.keys() == {"ns", "tokyo", "osaka"}
    build = services["ns"]["build"]
    assert (FOLDER / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    for volume in services["ns"]["volumes"]:
        source = volume.partition(":")[0]
        assert source in COMPOSE["volumes"] or (FOLDER / source).exists()
    assert {service["image"] for service in services.values()} == {"localhost/gslb"}
    for service in services.values():
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"]


def test_the_node_probes_and_is_asked_where_compose_puts_it() -> None:
    config = load(str(FOLDER / "gslb.yaml"))
    places = {name: service["networks"]["sites"]["ipv4_address"] for name, service in COMPOSE["services"].items()}
    members = {member.name: member.addresses for member in config.pools["web"].members}
    assert members == {name: (places[name],) for name in ("tokyo", "osaka")}
    assert ("0.0.0.0", 53) in config.node.dns
    (volume,) = [v for v in COMPOSE["services"]["ns"]["volumes"] if v.startswith("state:")]
    assert Path(volume.partition(":")[2]) == Path(config.node.state)
    ports = {entry.rpartition(":")[2] for entry in COMPOSE["services"]["ns"]["ports"]}
    assert ports == {"53/udp", "53/tcp", "8053/tcp"} == set(steps("EXPOSE")[0].split())
    assert "ZONE=gslb.example.com" in steps("ENV")
    assert [zone.lower() for zone in config.zones] == [b"\x04gslb\x07example\x03com\x00"]
