"""The lists against a running node."""

import json

import pytest

from gslb.cli.columns import LISTS

ONE = {
    "sites": "tokyo",
    "pools": "web",
    "members": "web/tokyo",
    "names": "www.gslb.example.com.",
    "probers": "test",
}
NONE = ("drains", "holds", "forces", "monitors", "votes")


@pytest.mark.parametrize("verb", ONE)
def test_a_table_json_and_one_of_them(verb: str, ask) -> None:
    code, out, _ = ask(verb)
    assert (code, out.splitlines()[0]) == (0, verb)
    assert ONE[verb].split("/")[-1] in out
    assert json.loads(ask(verb, "--json")[1])[verb]
    code, out, _ = ask(verb, ONE[verb])
    assert (code, ONE[verb].split("/")[-1] in out) == (0, True)
    assert json.loads(ask(verb, ONE[verb], "--json")[1])["name"] == ONE[verb].split("/")[-1]


@pytest.mark.parametrize("verb", NONE)
def test_there_may_be_none(verb: str, ask) -> None:
    assert ask(verb)[:2] == (0, f"no {verb}\n")


@pytest.mark.parametrize("verb", LISTS)
def test_what_does_not_exist_is_said(verb: str, ask) -> None:
    name = "none/192.0.2.1" if len(LISTS[verb].name) > 1 else "none"
    code, out, err = ask(verb, name)
    assert (code, out, "none" in err) == (1, "", True)


def test_filters(ask) -> None:
    assert [one["name"] for one in json.loads(ask("members", "--site", "tokyo", "--json")[1])["members"]] == ["tokyo"]
    assert ask("pools", "--healthy", "false")[1] == "no pools\n"
    assert ask("members", "web/tokyo", "--site", "tokyo")[0] == 2


def test_those_that_have_ended(ask) -> None:
    made = json.loads(ask("drain", "site/osaka", "--reason", "over", "--json")[1])
    assert ask("undrain", made["id"])[0] == 0
    assert made["id"] not in ask("drains")[1]
    assert made["id"] in ask("drains", "--all")[1]
