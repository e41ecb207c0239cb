"""What the API shows: plain values for JSON, made from the controller's present state. Times are epoch seconds."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, cast

import gslb
from gslb.api.expiry import expiry_view
from gslb.config.model import Config, Member, Pool
from gslb.control.belief import Place
from gslb.control.controller import Controller
from gslb.control.evidence import evidence, probers_view
from gslb.control.presence import difference
from gslb.control.targets import covered
from gslb.health.states import AddressState, MemberState, States, TargetKey
from gslb.intents import Intent

Json = dict[str, Any]


def intent_view(intent: Intent, config: Config, now: float) -> Json:
    """An intent with what it covers and whether it holds; `expired` where the store ended it in time."""
    state = intent.state(now)
    if state == "removed" and intent.expires is not None and cast(float, intent.removed) >= intent.expires:
        state = "expired"
    members = [f"{pool}/{member}" for pool, member in covered(intent.target, config)]
    return {**intent.to_dict(), "state": state, "members": members}


def ready_view(controller: Controller) -> Json:
    """Whether the node answers, and whether what it answers follows the present health; and where it is withdrawn."""
    more = {"withdrawn": True} if controller.withdrawal.current else {}
    if "dns" not in controller.plan.config.node.roles:
        return {"serving": True, "fresh": controller.fresh, **more}  # what it serves is its votes and its API
    workers = controller.publisher.workers()
    serving = [worker for worker in workers if worker.alive and worker.state == "serving" and worker.generation]
    current = all(worker.generation >= controller.generation for worker in serving)
    return {"serving": bool(serving), "fresh": bool(controller.fresh and controller.generation and current), **more}


def withdrawn_view(controller: Controller) -> Json:
    """Whether an operator keeps whoever asks for readiness away from this node, and why."""
    found = controller.withdrawal.current
    return {"node": controller.plan.config.node.name, "withdrawn": found._asdict() if found else None}


def status_view(controller: Controller) -> Json:
    """Everything about the node on one page."""
    config = controller.served.config if controller.served else controller.plan.config
    now = time.time()
    node = config.node
    states = controller.served.states if controller.served else {}
    ready = ready_view(controller)
    pools = PoolViews(controller, config, states)
    live = {pool: frozenset(name for name, m in members.items() if m.live) for pool, members in states.items()}
    return {
        "node": {"name": node.name, "site": node.site, "version": gslb.__version__},
        **{key: ready[key] for key in ("serving", "fresh")},
        "config": controller.reloading.view(),
        "generation": controller.generation,
        "store": store_view(controller),
        "workers": [asdict(worker) for worker in controller.publisher.workers()],
        "probers": probers_view(controller.council.ballots),
        "sites": [_site(name, config, live) for name in config.sites],
        "pools": [pools.view(pool) for pool in config.pools.values()],
        "withdrawn": withdrawn_view(controller)["withdrawn"],
        "drains": [intent_view(one, config, now) for one in controller.intents.drains],
        "holds": [intent_view(one, config, now) for one in controller.intents.holds],
        "forces": [intent_view(one, config, now) for one in controller.intents.forces],
    }


def store_view(controller: Controller) -> Json:
    """The store as this node sees it."""
    condition = controller.store.condition()
    return {
        **condition._asdict(),
        "alarms": store_alarms(controller),
        "belief": controller.council.follows,
    }


def store_alarms(controller: Controller) -> list[str]:
    """What is wrong with the store or in it, and that votes cannot be cast."""
    return [*controller.store.condition().alarms, *filter(None, (controller.council.trouble,))]


def nodes_view(controller: Controller) -> Json:
    """Every node that is registered, with what it differs in from this one."""
    own = controller.plan.config.node.name
    roster = controller.store.roster()
    me = roster.get(own)
    probers = controller.council.ballots
    nodes = [
        {
            **asdict(node),
            "roles": list(node.roles),
            "differs": difference(me, node) if me else "",
            "behind": max(0, max(one.intents for one in roster.values()) - node.intents),
            "blind": probers[name].blind if name in probers else "",
            "votes": name in probers and not probers[name].blind,
        }
        for name, node in sorted(roster.items())
    ]
    missing = sorted(set(controller.plan.config.probers) - roster.keys())
    alarms = [f"{name} differs: {what}" for name, what in controller.presence.alarms.items()]
    return {"node": own, "store": store_view(controller), "nodes": nodes, "missing": missing, "alarms": alarms}


def _site(name: str, config: Config, live: Mapping[str, frozenset[str]]) -> Json:
    here = [(pool.name, m.name) for pool in config.pools.values() for m in pool.members if m.site == name]
    up = sum(member in live.get(pool, ()) for pool, member in here)
    return {"name": name, "country": config.sites[name].country, "members": len(here), "live": up}


class PoolViews:
    """Views of pools over one moment of the controller."""

    def __init__(self, controller: Controller, config: Config, states: States) -> None:
        self._states = states
        self._belief = controller.belief
        self._ballots = controller.council.ballots
        self._since = controller.since
        self._days = controller.runner.certificates()
        self._monitors = config.monitors

    def view(self, pool: Pool) -> Json:
        """A pool, its members, their addresses, and what each monitor says of them."""
        states = self._states.get(pool.name, {})
        members = [self.member(pool, one, states[one.name]) for one in pool.members if one.name in states]
        live = sum(member["live"] for member in members)
        mode = pool.all_down.mode
        return {"name": pool.name, "policy": pool.policy, "all_down": mode, "live": live, "members": members}

    def member(self, pool: Pool, member: Member, state: MemberState) -> Json:
        """A member and its addresses."""
        return {
            "name": state.member,
            "site": state.site,
            "weight": member.weight,
            "share": state.share,
            "drain": state.drain,
            "percent": state.percent if state.drain else 0,
            "forced_down": state.forced_down,
            "live": state.live,
            "addresses": [self._address(pool, member, address) for address in state.addresses],
        }

    def _address(self, pool: Pool, member: Member, state: AddressState) -> Json:
        checked = member.checked(state.address)
        rests_on = evidence(pool, state, checked, self._belief, self._ballots)
        for one in rests_on["monitors"]:
            one |= expiry_view(self._monitors[one["name"]], self._days.get(TargetKey(one["name"], checked)))
        return {  # written out: dataclasses.asdict copies, which took half of the time of a page with 5,000 members
            "address": state.address,
            "observed": state.observed,
            "effective": state.effective,
            "reason": state.reason,
            "since": self._since.get(Place(pool.name, member.name, state.address)),
            **rests_on,
        }
