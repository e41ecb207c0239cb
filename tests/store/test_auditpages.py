"""Pages of several chains: complete, in order, and stable while entries are added."""

import pytest

from gslb.errors import RequestError
from gslb.store import auditpages
from gslb.store.audit import Actor, Deed, Record, broken, chained
from gslb.store.auditpages import AuditPage, AuditWanted, Read, read_page

OPS = Actor("ops")


class Chains:
    """Chains in memory."""

    def __init__(self) -> None:
        self.chains: dict[str, list[Record]] = {}

    def add(
        self, node: str, at: float, action: str = "drain", target: str = "site/tokyo", subject: str = "d-1"
    ) -> None:
        chain = self.chains.setdefault(node, [])
        entry = Record.of(node, at, Deed(action, OPS, "", target, subject))
        chain.append(chained(entry, chain[-1] if chain else None))

    async def page(self, **wanted: str | int) -> AuditPage:
        return await read_page({name: self._read(name) for name in self.chains}, AuditWanted(**wanted))

    async def all(self, limit: int, **wanted: str) -> list[Record]:
        page = await self.page(limit=limit, **wanted)
        found = [*page.records]
        while page.cursor:
            page = await self.page(limit=limit, cursor=page.cursor, **wanted)
            found += page.records
        return found

    def _read(self, name: str) -> Read:
        async def read(below: int | None, limit: int) -> tuple[Record, ...]:
            chain = [record for record in self.chains[name] if below is None or record.number < below]
            return tuple(reversed(chain))[: min(limit, 3)]

        return read


@pytest.fixture
def chains() -> Chains:
    made = Chains()
    for at in range(20):
        made.add(("tokyo-1", "osaka-1", "fukuoka-1")[at % 3], float(at), subject=f"d-{at}")
    return made


@pytest.mark.parametrize("limit", [1, 2, 7, 20, 100])
async def test_pages_of_any_size_tell_the_same(chains: Chains, limit: int) -> None:
    found = await chains.all(limit)
    assert [record.subject for record in found] == [f"d-{at}" for at in reversed(range(20))]
    assert broken(reversed(found)) == []


async def test_what_is_added_meanwhile_is_not_on_later_pages(chains: Chains) -> None:
    first = await chains.page(limit=5)
    chains.add("tokyo-1", 100.0, subject="new")
    chains.add("nagoya-1", 101.0, subject="new")
    second = await chains.page(limit=100, cursor=first.cursor)
    assert [record.subject for record in second.records] == [f"d-{at}" for at in reversed(range(15))]
    assert second.cursor == ""
    assert [record.subject for record in (await chains.page(limit=2)).records] == ["new", "new"]


async def test_each_chain_keeps_its_order_though_a_clock_was_set_back(chains: Chains) -> None:
    for at in (50.0, 60.0, 1.0, 2.0):
        chains.add("nagoya-1", at)
    found = await chains.all(3)
    assert len(found) == 24
    assert broken(reversed(found)) == []


async def test_filters(chains: Chains) -> None:
    chains.add("tokyo-1", 30.0, "cancel-drain", "pool/web", "d-7")
    assert [record.number for record in await chains.all(2, node="osaka-1")] == [7, 6, 5, 4, 3, 2, 1]
    assert [record.at for record in await chains.all(1, action="cancel-drain")] == [30.0]
    assert [record.at for record in await chains.all(1, target="pool/web")] == [30.0]
    assert [record.at for record in await chains.all(1, subject="d-7")] == [30.0, 7.0]
    assert await chains.all(1, subject="d-7", target="pool/api") == []
    assert await chains.all(1, node="nowhere") == []


async def test_a_page_ends_where_it_has_looked_at_enough(chains: Chains, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditpages, "EXAMINED", 4)
    page = await chains.page(subject="d-1")
    assert page.records == ()
    assert page.cursor
    assert [record.at for record in await chains.all(1, subject="d-1")] == [1.0]


@pytest.mark.parametrize("cursor", ["x", "!", "e30", "W10", "eyJhIjowfQ", "eyJhIjp0cnVlfQ", "eyJhIjoiMSJ9", "7" * 4000])
async def test_a_cursor_of_somewhere_else_is_refused_or_empty(chains: Chains, cursor: str) -> None:
    if cursor == "e30":  # {}
        assert (await chains.page(cursor=cursor)).records == ()
        return
    with pytest.raises(RequestError, match="cursor") as caught:
        await chains.page(cursor=cursor)
    assert caught.value.pointer == "/cursor"
