"""Explanations of real answers from real tables."""

from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from gslb.config.model import Config, Match, Member, MinUp, Pool, Rule
from gslb.control.explain import Json, Question, explain, match_text
from gslb.control.line import Served
from gslb.dns.rdata import type_number
from gslb.errors import RequestError
from gslb.health.states import States
from gslb.health.votes import Ballot
from tests.support import APEX, OSAKA, SOURCE, TOKYO, config, name, states, table, wire

STATIC = (
    "*.wild 60 A 192.0.2.77",
    "alias 60 CNAME www",
    "away 60 CNAME www.example.net.",
    "loop 60 CNAME loop",
    "sub 60 NS ns.sub",
    "ns.sub 60 A 192.0.2.99",
)
PRIVATE = Rule(("backup", "web"), match=Match(subnet=("203.0.113.0/24",)))
CONFIG = config(
    STATIC,
    pools=[
        Pool("web", (TOKYO, OSAKA)),
        Pool("backup", (OSAKA,)),
        Pool("hash", (TOKYO, OSAKA), policy="hash"),
        Pool("near", (TOKYO, OSAKA), policy="nearest"),
    ],
    names=[
        name("www", Rule(("web",))),
        name("ruled", PRIVATE, Rule(("web",))),
        name("mixed", Rule(("web", "backup"), weights=(3, 1))),
        name("hashed", Rule(("hash",))),
        name("near", Rule(("near",))),
        name("*.any", Rule(("web",))),
    ],
)


def told(qname: str, rtype: str = "A", now: States | None = None, **options: Any) -> Json:
    question = Question(wire(qname), type_number(rtype), options.pop("client", SOURCE), **options)
    now = now or states(CONFIG)
    return explain(Served(CONFIG, table(CONFIG, now), now), question)


def chance_of(view: Json) -> dict[str, float]:
    return {a["address"]: a["chance"] for pool in view["pools"] for m in pool["members"] for a in m["addresses"]}


def test_a_dynamic_name() -> None:
    view = told("www")
    assert (view["name"], view["type"], view["client"], view["ecs"]) == (f"www.{APEX}", "A", "203.0.113.7", None)
    assert (view["rcode"], view["zone"], view["kind"], view["ttl"], view["scope"]) == (
        "NOERROR",
        APEX,
        "dynamic",
        30,
        None,
    )
    assert view["answers"][0] in {f"www.{APEX} 30 IN A 192.0.2.10", f"www.{APEX} 30 IN A 198.51.100.10"}
    assert view["rule"] == {"index": 0, "match": "everyone"}
    (pool,) = view["pools"]
    assert (pool["name"], pool["policy"], pool["weight"], pool["outcome"]) == ("web", "weighted", None, "serving")
    assert chance_of(view) == {"192.0.2.10": 0.6, "2001:db8:a::10": 0.0, "198.51.100.10": 0.4, "2001:db8:b::10": 0.0}
    assert "60.0%  tokyo at tokyo  192.0.2.10  observed up, effective up" in view["text"]
    assert "2001:db8" not in view["text"]


def test_the_other_family() -> None:
    assert chance_of(told("www", "AAAA"))["2001:db8:b::10"] == 0.4


def test_a_member_that_is_down_or_drained_says_so() -> None:
    view = told("www", now=states(CONFIG, down=["192.0.2.10"]))
    assert chance_of(view)["198.51.100.10"] == 1.0
    tokyo = view["pools"][0]["members"][0]
    assert (tokyo["addresses"][0]["observed"], tokyo["addresses"][0]["effective"]) == ("down", "down")
    drained = told("www", now=states(CONFIG, drained=["tokyo"]))["pools"][0]["members"][0]
    assert (drained["drain"], drained["addresses"][0]["observed"], drained["addresses"][0]["effective"]) == (
        "d1",
        "up",
        "down",
    )


def test_the_rule_that_matches_the_client() -> None:
    view = told("ruled")
    assert view["rule"] == {"index": 0, "match": "subnet 203.0.113.0/24"}
    assert [pool["outcome"] for pool in view["pools"]] == ["serving", "not reached"]
    assert "rule 1: subnet 203.0.113.0/24" in view["text"]
    assert told("ruled", client=bytes((192, 0, 2, 1)))["rule"] == {"index": 1, "match": "everyone"}


def test_client_subnets() -> None:
    view = told("ruled", ecs=ip_network("8.8.8.0/24"))
    assert view["ecs"] == "8.8.8.0/24"
    assert view["rule"]["index"] == 1
    assert 0 < view["scope"] <= 24
    assert "for 8.8.8.0/24" in view["text"]
    assert f"ECS scope /{view['scope']}" in view["text"]
    assert told("www", "AAAA", ecs=ip_network("2400::/20"))["scope"] == 0


def test_pools_drawn_by_weight() -> None:
    view = told("mixed")
    assert [pool["weight"] for pool in view["pools"]] == [3, 1]
    assert chance_of(view)["192.0.2.10"] == pytest.approx(0.45)
    assert chance_of(view)["198.51.100.10"] == pytest.approx(0.3 + 0.25)
    assert "weight 3" in view["text"]


@pytest.mark.parametrize("qname", ["hashed", "near"])
def test_chances_for_this_client(qname: str) -> None:
    view = told(qname)
    addresses = {line.split()[-1] for line in view["answers"]}
    if qname == "hashed":
        assert {address for address, chance in chance_of(view).items() if chance == 1.0} == addresses
    else:  # nobody knows where documentation space is
        assert chance_of(view)["192.0.2.10"] == 0.6


def test_nothing_lives() -> None:
    dead = [a for pool in CONFIG.pools.values() for m in pool.members for a in m.addresses]
    view = told("www", now=states(CONFIG, down=dead))
    assert view["pools"][0]["outcome"] == "all down"
    assert view["ede"] == [{"code": 0, "text": "no live site"}]
    assert "extended error 0: no live site" in view["text"]
    assert chance_of(view)["192.0.2.10"] == 1.0


def test_not_ready() -> None:
    view = told("www", now=states(CONFIG, unknown=["192.0.2.10"]))
    assert (view["rcode"], view["ttl"], view["pools"][0]["outcome"]) == ("SERVFAIL", None, "not ready")
    assert view["ede"] == [{"code": 14, "text": ""}]
    assert "extended error 14\n" in view["text"]


def test_a_dynamic_wildcard() -> None:
    assert told("some.thing.any")["rule"] == {"index": 0, "match": "everyone"}


def test_static_names() -> None:
    for qname in ("ns1", "a.wild"):
        view = told(qname)
        assert (view["kind"], view["zone"], view["rule"], view["pools"]) == ("static", APEX, None, [])
        assert len(view["answers"]) == 1
    assert "60 IN A 192.0.2.77" in told("a.wild")["text"]


def test_aliases() -> None:
    view = told("alias")
    assert view["aliases"] == [f"www.{APEX}"]
    assert (view["kind"], view["pools"][0]["name"], len(view["answers"])) == ("dynamic", "web", 2)
    assert f"alias of www.{APEX}" in view["text"]
    away = told("away")
    assert (away["kind"], away["aliases"], len(away["answers"])) == ("static", ["www.example.net."], 1)
    loop = told("loop")
    assert (loop["rcode"], loop["kind"]) == ("SERVFAIL", "static")


def test_names_without_an_answer() -> None:
    nodata = told("www", "MX")
    assert (nodata["rcode"], nodata["answers"], nodata["kind"]) == ("NOERROR", [], "static")
    assert "SOA" in nodata["authority"][0]
    missing = told("nope")
    assert (missing["rcode"], missing["zone"], missing["kind"]) == ("NXDOMAIN", APEX, "none")
    referral = told("deep.sub")
    assert (referral["kind"], referral["answers"]) == ("referral", [])
    assert "NS ns.sub" in referral["authority"][0]
    outside = explain(Served(CONFIG, table(CONFIG), states(CONFIG)), Question(b"\x07example\x03org\0", 1, SOURCE))
    assert (outside["rcode"], outside["zone"], outside["kind"]) == ("REFUSED", None, "none")
    assert "in no zone of ours" in outside["text"]
    assert "no such name" in missing["text"]


def test_the_case_of_the_question_is_kept() -> None:
    question = Question(wire("www").replace(b"www", b"WwW"), 1, SOURCE)
    view = explain(Served(CONFIG, table(CONFIG), states(CONFIG)), question)
    assert view["name"].startswith("WwW.")
    assert view["kind"] == "dynamic"


def test_a_rule_in_words() -> None:
    match = Match(subnet=("10.0.0.0/8",), country=("JP", "US-CA"), continent=("AS",), asn=(64500, 64501))
    assert match_text(match) == "subnet 10.0.0.0/8; country JP, US-CA; continent AS; asn 64500, 64501"


def test_a_config_without_names_is_explained_too() -> None:
    empty: Config = config(pools=[], names=[])
    view = explain(Served(empty, table(empty), {}), Question(wire("ns1"), 1, SOURCE))
    assert view["kind"] == "static"


def test_every_type_can_be_asked() -> None:
    served = Served(CONFIG, table(CONFIG), states(CONFIG))
    for rtype in range(300):
        for qname in ("www", "ns1", "@", "alias", "deep.sub", "nope"):
            assert explain(served, Question(wire(qname), rtype, SOURCE))["rcode"]


def test_a_name_that_is_no_text_is_refused_clearly() -> None:
    with pytest.raises(RequestError, match="cannot be shown"):
        explain(Served(CONFIG, table(CONFIG), states(CONFIG)), Question(b"\x02\xff\xfe" + wire("@"), 1, SOURCE))


def test_a_member_that_ramps_up_says_so() -> None:
    now = states(CONFIG)
    tokyo = replace(now["web"]["tokyo"], share=0.1)
    view = told("www", now={**now, "web": {**now["web"], "tokyo": tokyo}})
    first, second = view["pools"][0]["members"]
    assert (first["share"], first["chance"], second["share"]) == (0.1, round(6 / 46, 4), 1.0)
    assert "10% of its weight while it ramps up" in view["text"]


def test_a_pool_below_min_up_says_so() -> None:
    now = states(CONFIG, down=TOKYO.addresses)
    pools = {**CONFIG.pools, "web": replace(CONFIG.pools["web"], min_up=MinUp(2))}
    made = replace(CONFIG, pools=pools)
    view = explain(Served(made, table(made, now), now), Question(wire("www"), 1, SOURCE))
    (web,) = view["pools"]
    assert (web["healthy"], web["outcome"]) == (False, "below min_up")
    assert "below min_up: 1 of 2 members live, min_up is 2; no pool is healthy" in view["text"]


def test_a_member_that_is_forced_down_says_so() -> None:
    view = told("www", now=states(CONFIG, forced_down=["tokyo"]))
    assert [m["forced_down"] for m in view["pools"][0]["members"]] == [True, False]


def test_every_member_is_named_with_its_evidence() -> None:
    four = Member("four", "tokyo", ("192.0.2.10",))
    six = Member("six", "osaka", ("2001:db8:b::10",))
    alias = Member("alias", "osaka", (), cname=wire("elsewhere"))
    pools = [Pool("web", (four, six)), Pool("away", (alias,))]
    made = config(pools=pools, names=[name("www", Rule(("web",))), name("away", Rule(("away",)))])
    now = states(made, drained=["alias"])

    def text(qname: str, rtype: str) -> str:
        view = explain(Served(made, table(made, now), now), Question(wire(qname), type_number(rtype), SOURCE))
        return str(view["text"])

    assert "100.0%  four at tokyo  192.0.2.10  observed up" in text("www", "A")
    assert "0.0%  six at osaka  no IPv4 address" in text("www", "A")
    assert "0.0%  four at tokyo  no IPv6 address" in text("www", "AAAA")
    assert text("www", "A").count("            observed: up, the pool has no monitors") == 1
    assert f"alias at osaka  elsewhere.{APEX}  drained by d1" in text("away", "CNAME")


def test_blind_probers_are_named() -> None:
    now = states(CONFIG)
    ballots = {"n1": Ballot("n1", "nara", {}, "2 of 2 references fail"), "t1": Ballot("t1", "tokyo", {})}
    view = explain(Served(CONFIG, table(CONFIG, now), now, {}, ballots), Question(wire("www"), 1, SOURCE))
    assert [one["name"] for one in view["probers"]] == ["n1", "t1"]
    assert view["text"].endswith("prober n1 is blind, its votes do not count: 2 of 2 references fail")
    assert "t1" not in view["text"]
