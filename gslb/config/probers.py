"""The nodes that probe, as all nodes know them, and whether this node fits among them (semantics section 2)."""

from collections.abc import Collection, Mapping
from typing import Final

from gslb.config.document import Findings, Path, suggestion
from gslb.config.model import Config, Prober
from gslb.config.schema import ProberShape
from gslb.config.settings import NodeSettings
from gslb.config.targets import denied, denied_port, remedy
from gslb.config.validate import validate
from gslb.config.values import identifier

ENOUGH: Final = 2  # references: one alone may fail by itself


def build_prober(name: str, raw: object, sites: Collection[str], findings: Findings) -> Prober | None:
    """The prober, or None after its problems were noted. Its site needs no members: it may be a witness."""
    path: Path = ("probers", name)
    try:
        identifier(name)
    except ValueError as error:
        findings.problem(path, str(error), key=True)
    shape = validate(ProberShape, raw, path, findings)
    if shape is None:
        return None
    if shape.site not in sites:
        findings.problem((*path, "site"), f"there is no site {shape.site!r}", suggestion(shape.site, sites))
    return Prober(name, shape.site, shape.address)


def check_node(settings: NodeSettings, names: Collection[str], probers: Mapping[str, Prober], here: Findings) -> None:
    """Note a node that probes and is not among the probers `names`, or is there at another site.

    `here` are the findings of the node file.
    """
    if not names or "probe" not in settings.roles:
        return
    if settings.name not in names:
        message = f"probes, and is not among `probers` of the zones folder (got {settings.name!r})"
        here.problem(("node", "name"), message, suggestion(settings.name, names))
    own = probers.get(settings.name)
    if own is not None and own.site != settings.site:
        message = f"differs from the site of prober {settings.name!r}, {own.site} (got {settings.site!r})"
        here.problem(("node", "site"), message)


def check_references(settings: NodeSettings, probers: Mapping[str, Prober], findings: Findings, here: Findings) -> None:
    """Note references, and addresses of other probers, that this node must not probe."""
    for at, (address, port) in enumerate(settings.references):
        reason = denied(address, ("0.0.0.0/0", "::/0"), settings.probe_deny)
        reason = reason or denied_port(port, settings.probe_ports_deny)
        if reason:
            here.problem(("probe", "references", at), f"must not be probed: it is {reason}")
    for name, prober in probers.items():
        if prober.address is None or name == settings.name:
            continue
        address, port = prober.address
        path = ("probers", name, "address")
        if reason := denied(address, settings.probe_allow, settings.probe_deny):
            message = f"{address} must not be probed: it is {reason}"
            findings.problem(path, message, remedy(address, settings.probe_deny))
        elif reason := denied_port(port, settings.probe_ports_deny):
            message = f"{port} must not be probed: it is {reason}"
            findings.problem(path, message, "see probe.ports.deny of the node file")


def warn_probers(config: Config, findings: Findings, here: Findings) -> None:
    """Note sets of probers that judge slowly or never, and a node that cannot tell its own network's fault."""
    settings, probers = config.node, config.probers
    _warn_votes(config, findings)
    if len(probers) == 2:
        message = "two probers cannot tell a dead site from a cut link quickly"
        findings.warn(("probers",), message, "add a witness: a third prober at a site of its own")
    if not probers or "probe" not in settings.roles:
        return
    own = set(settings.references)
    others = {
        one.site for one in probers.values() if one.address and one.address not in own and one.site != settings.site
    }
    found = len(others) + len(own)
    if found < ENOUGH:
        message = f"this prober needs at least {ENOUGH} references to know when its own network fails (got {found})"
        hint = "list routers or resolvers in probe.references of the node file, or give the probers an `address`"
        here.warn(("probe", "references"), message, hint)


def _warn_votes(config: Config, findings: Findings) -> None:
    """Sites whose members a monitor cannot judge, always or once their own probers are dead with them."""
    asked = {
        (monitor, member.site)
        for pool in config.pools.values()
        for monitor in pool.monitors.of
        for member in pool.members
    }
    for name, site in sorted(asked):
        monitor, left = config.monitors[name], voters_beside(config, site)
        if left >= monitor.min_votes:
            continue
        if not monitor.self_vote:
            message = (
                f"leaves {left} voters for site {site!r}, and a verdict needs {monitor.min_votes}: none is ever reached"
            )
            findings.warn(("monitors", name, "self_vote"), message)
        elif len(config.probers) > 1:  # a prober that is alone dies with its site, and so does the node
            message = (
                f"the death of site {site!r} leaves {left} prober(s), and a verdict of {name!r} needs"
                f" {monitor.min_votes}: it would be served on"
            )
            findings.warn(("probers",), message, "add a prober at another site, a witness")


def voters_beside(config: Config, site: str) -> int:
    """How many probers are left when a site dies with everything in it."""
    return sum(one.site != site for one in config.probers.values()) if config.probers else int(config.node.site != site)
