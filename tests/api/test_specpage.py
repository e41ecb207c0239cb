"""The API as a page for people."""

import re
from html.parser import HTMLParser

from gslb.api.routes import ROUTES
from gslb.api.spec import document
from gslb.api.specpage import page

PAGE = page(document(ROUTES))


class Reader(HTMLParser):
    """Notes tags, targets and anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: set[str] = set()
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        self.links.add(given.get("href") or "")
        self.anchors.add(given.get("id") or "")
        assert "src" not in given


def test_it_needs_nothing_from_elsewhere() -> None:
    reader = Reader()
    reader.feed(PAGE)
    assert not reader.tags & {"script", "link", "img", "iframe"}
    assert "://" not in PAGE
    inside = {link[1:] for link in reader.links if link.startswith("#")}
    assert inside <= reader.anchors
    assert reader.links - {f"#{name}" for name in inside} == {"", "/api/v1/openapi.json"}


def test_everything_is_on_it() -> None:
    for route in ROUTES:
        assert route.summary in PAGE
    assert re.search(r"<code>percent</code></td><td></td><td>integer, from 1, to 100", PAGE)
