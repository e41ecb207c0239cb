"""Handlers: how the node is, what is configured, and what has become of it."""

import copy
from typing import Any

from gslb.api.call import Call, Json, NoQuery, Reply
from gslb.api.inventory import Inventory, name_view, pools_of
from gslb.api.metrics import Page, form_of
from gslb.api.paging import page
from gslb.api.queries import (
    ExplainQuery,
    MembersQuery,
    MonitorsQuery,
    NamesQuery,
    NodesQuery,
    Paged,
    PoolsQuery,
    ProbersQuery,
    SitesQuery,
    VotesQuery,
)
from gslb.api.views import nodes_view, ready_view, status_view
from gslb.api.voting import all_probers, target_view
from gslb.config.values import address
from gslb.control.explain import explain as explained
from gslb.control.whatif import explain_if
from gslb.dns.name import from_text, to_text
from gslb.errors import NameSyntaxError, NotFoundError
from gslb.health.states import TargetKey
from gslb.probe.targets import sites_of


async def live(_: Call[Any, None]) -> Reply:
    """The process turns its loop."""
    return Reply({"live": True})


async def ready(call: Call[Any, None]) -> Reply:
    """Serving decides the status; a node that serves old health is still better than none, one withdrawn is not."""
    found = ready_view(call.node)
    return Reply(found, status=200 if found["serving"] and "withdrawn" not in found else 503)


async def metrics(call: Call[Any, None]) -> Reply:
    """Counters and states for Prometheus."""
    openmetrics, kind = form_of(call.accept)
    page = Page(call.node)
    return Reply(lambda: page.text(openmetrics=openmetrics), content_type=kind, queue="scrapes")


async def status(call: Call[NoQuery, None]) -> Reply:
    """Everything about the node."""
    moment = copy.copy(call.node)  # what it shows is replaced on a change, never changed in place
    return Reply(lambda: status_view(moment), long="pools")


async def explain(call: Call[ExplainQuery, None]) -> Reply:
    """One query, answered and explained."""
    moment, query = call.node.moment(), call.query
    question, assumed, at = query.question(), query.assumed(), query.moment()
    if assumed or at is not None:
        return Reply(lambda: explain_if(moment, question, assumed, at), queue="what-if")
    return Reply(lambda: {**explained(moment.served, question), "assumed": [], "notes": [], "differs": []})


async def nodes(call: Call[NodesQuery, None]) -> Reply:
    """Who is there."""
    view = nodes_view(call.node)
    found = [node for node in view["nodes"] if call.query.site in ("", node["site"])]
    return _listed(call, "nodes", found, view)


async def node(call: Call[NoQuery, None]) -> Reply:
    """One node."""
    return _one("node", call.path["name"], nodes_view(call.node)["nodes"])


async def sites(call: Call[SitesQuery, None]) -> Reply:
    """Where members are."""
    shown, query = Inventory(copy.copy(call.node)), call.query
    found = (site for site in shown.sites() if query.country in ("", site.country))
    chosen, after = page(found, lambda one: (one.name,), "sites", query.limit, query.cursor)
    return Reply(lambda: {"sites": [shown.site(site) for site in chosen], "next": after}, long="sites")


async def site(call: Call[NoQuery, None]) -> Reply:
    """One site."""
    shown = Inventory(call.node)
    found = shown.config.sites.get(call.path["name"])
    return Reply(shown.site(found)) if found else _missing("site", call.path["name"])


async def pools(call: Call[PoolsQuery, None]) -> Reply:
    """Sets of members."""
    shown, query = Inventory(copy.copy(call.node)), call.query
    found = (
        pool
        for pool in shown.pools()
        if query.monitor in ("", *pool.monitors.of) and query.site in ("", *(member.site for member in pool.members))
        if query.healthy in (None, shown.healthy(pool))
    )
    chosen, after = page(found, lambda one: (one.name,), "pools", query.limit, query.cursor)
    return Reply(lambda: {"pools": [shown.pool(pool) for pool in chosen], "next": after}, long="pools")


async def pool(call: Call[NoQuery, None]) -> Reply:
    """One pool."""
    shown = Inventory(call.node)
    found = shown.config.pools.get(call.path["name"])
    return Reply(shown.pool(found)) if found else _missing("pool", call.path["name"])


async def members(call: Call[MembersQuery, None]) -> Reply:
    """Members with what their states rest on: long, so written in a thread."""
    shown, query = Inventory(copy.copy(call.node)), call.query
    found = (
        place
        for place in shown.places()
        if query.pool in ("", place.pool.name) and query.site in ("", place.member.site)
        if query.live in (None, shown.live(place))
    )
    chosen, after = page(found, lambda place: place.key, "members", query.limit, query.cursor)

    def written() -> Json:
        views = (shown.member(place) for place in chosen)
        return {"members": [view for view in views if view], "next": after}

    return Reply(written, long="members")


async def member(call: Call[NoQuery, None]) -> Reply:
    """One member."""
    shown, name = Inventory(call.node), call.path["name"]
    for place in shown.places():
        if place.key == (call.path["pool"], name) and (view := shown.member(place)):
            return Reply(view)
    return _missing("member", f"{call.path['pool']}/{name}")


async def names(call: Call[NamesQuery, None]) -> Reply:
    """Names that are answered from pools."""
    query = call.query
    zone = query.zone and query.zone.rstrip(".").lower() + "."
    found = (
        one
        for one in Inventory(call.node).names()
        if zone in ("", to_text(one[1].apex)) and (not query.pool or query.pool in pools_of(one[2]))
    )
    chosen, after = page(found, lambda one: (one[0],), "names", query.limit, query.cursor)
    return Reply({"names": [name_view(*one) for one in chosen], "next": after})


async def name(call: Call[NoQuery, None]) -> Reply:
    """One name, with or without its last dot."""
    try:
        owner = from_text(call.path["name"]).lower()
    except NameSyntaxError:
        return _missing("name", call.path["name"])
    for zone in Inventory(call.node).config.zones.values():
        for one in zone.names:
            if one.owner == owner:
                return Reply(name_view(to_text(owner), zone, one))
    return _missing("name", call.path["name"])


async def monitors(call: Call[MonitorsQuery, None]) -> Reply:
    """What is checked, how often, and with what result."""
    query = call.query
    found = [
        one
        for one in Inventory(call.node).monitors()
        if query.type in ("", one["type"]) and query.pool in ("", *one["pools"])
    ]
    return _listed(call, "monitors", found)


async def monitor(call: Call[NoQuery, None]) -> Reply:
    """One monitor."""
    return _one("monitor", call.path["name"], Inventory(call.node).monitors())


async def probers(call: Call[ProbersQuery, None]) -> Reply:
    """Who probes."""
    query = call.query
    found = [
        one
        for one in all_probers(call.node.plan.config, call.node.council.ballots)
        if query.site in ("", one["site"]) and query.blind in (None, bool(one["blind"]))
    ]
    return _listed(call, "probers", found)


async def prober(call: Call[NoQuery, None]) -> Reply:
    """One prober."""
    return _one("prober", call.path["name"], all_probers(call.node.plan.config, call.node.council.ballots))


async def votes(call: Call[VotesQuery, None]) -> Reply:
    """What is believed of each target, and who says so."""
    query, node = call.query, call.node
    targets, belief, ballots = sites_of(node.plan.config), node.belief, node.council.ballots
    views = (
        target_view(key, targets[key], belief, ballots)
        for key in sorted(targets)
        if query.monitor in ("", key.monitor)
        if query.address in ("", key.address) and query.site in ("", targets[key])
    )
    found = (
        view for view in views if query.verdict in ("", view["verdict"]) and query.quorum in (None, view["quorum"])
    )
    kind = ("monitor", "address")
    chosen, after = page(found, lambda view: tuple(view[key] for key in kind), "votes", query.limit, query.cursor)
    return Reply({"votes": chosen, "next": after})


async def vote(call: Call[NoQuery, None]) -> Reply:
    """The votes on one target."""
    node, text = call.node, f"{call.path['monitor']}/{call.path['address']}"
    try:
        key = TargetKey(call.path["monitor"], address(call.path["address"]))
    except ValueError:
        return _missing("target", text)
    site = sites_of(node.plan.config).get(key)
    return (
        _missing("target", text) if site is None else Reply(target_view(key, site, node.belief, node.council.ballots))
    )


def _listed(call: Call[Any, None], key: str, found: list[Json], more: Json | None = None) -> Reply:
    """A page of things that have names, in their order."""
    query: Paged = call.query
    chosen, after = page(found, lambda one: (one["name"],), key, query.limit, query.cursor)
    return Reply({**(more or {}), key: chosen, "next": after})


def _one(kind: str, name: str, among: list[Json]) -> Reply:
    for one in among:
        if one["name"] == name:
            return Reply(one)
    return _missing(kind, name)


def _missing(kind: str, name: str) -> Reply:
    raise NotFoundError(
        f"there is no {kind} {name!r}", hint=f"GET /api/v1/{kind.replace('target', 'vote')}s lists them"
    )
