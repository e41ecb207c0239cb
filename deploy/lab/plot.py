"""Who served whom over time, as SVG: a panel for each scenario, a lane for each who was watched. No script.

It is read on light and on dark pages alike: text is grey, and what differs by colour differs by place or size, too.
"""

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape

from deploy.lab.outcome import Outcome, Run

_COLOURS = {"tokyo": "#2f81f7", "osaka": "#db8b0b", "failed": "#e5534b"}
_BAD = ("failed", "waited", "nobody")
_MARKS = {"event": "#7d8590", "detection": "#8957e5", "promise": "#e5534b", "mended": "#3fb950"}
_ELSE = "#57606a"
_GREY = "#7d8590"
_LEFT, _WIDTH, _RIGHT = 150, 760, 20
_TOP, _HEAD, _LANE, _BAR, _FOOT = 64, 40, 16, 10, 34
_BEFORE = 5.0  # seconds that are shown before the event
_LEAST = 1.5  # pixels: what was there once is to be seen
_STEPS = (5, 10, 20, 50, 100)  # seconds between two numbers below
_NUMBERS = 14  # of those, at most


def timeline(outcomes: Sequence[Outcome]) -> str:
    """All scenarios below each other, on one scale."""
    drawn = [outcome for outcome in outcomes if outcome.lanes]
    until = max((_end(outcome) for outcome in drawn), default=1.0)
    scale = _Scale(until)
    body: list[str] = []
    y = _TOP
    for outcome in drawn:
        body += _panel(outcome, y, scale)
        y += _height(outcome)
    width = _LEFT + _WIDTH + _RIGHT
    size = f'width="{width}" height="{y}" viewBox="0 0 {width} {y}"'
    head = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" font-family="sans-serif">',
        "<title>Who served whom while parts of the Zabbix lab were broken</title>",
        _text(8, 22, "Who served whom, in seconds after the event", 15),
        *_legend(),
    ]
    return "\n".join([*head, *body, "</svg>", ""])


class _Scale:
    """From seconds to pixels."""

    def __init__(self, until: float) -> None:
        self.until = until
        self.step = next((step for step in _STEPS if until / step <= _NUMBERS), _STEPS[-1])

    def __call__(self, seconds: float) -> float:
        inside = min(max(seconds, -_BEFORE), self.until)
        return _LEFT + (inside + _BEFORE) / (self.until + _BEFORE) * _WIDTH


def _end(outcome: Outcome) -> float:
    return max((run.until for lane in outcome.lanes.values() for run in lane), default=0.0)


def _height(outcome: Outcome) -> int:
    return _HEAD + len(outcome.lanes) * _LANE + _FOOT


def _legend() -> Iterator[str]:
    x = 8.0
    for text, colour in (("Tokyo", "tokyo"), ("Osaka", "osaka"), ("failed, waited, or nobody", "failed")):
        yield f'<rect x="{x:.0f}" y="33" width="12" height="12" fill="{_COLOURS[colour]}"/>'
        yield _text(x + 18, 43, text, 12)
        x += 36 + 7 * len(text)
    for text, colour in _MARKS.items():
        yield f'<path d="M{x + 4:.0f} 31V47" stroke="{colour}" stroke-width="2"{_dash(text)}/>'
        yield _text(x + 12, 43, text, 12)
        x += 32 + 7 * len(text)


def _panel(outcome: Outcome, y: int, scale: _Scale) -> Iterator[str]:
    yield _text(8, y + 16, f"{outcome.name}: {outcome.text}", 13, bold=True)
    top = y + _HEAD - 14
    bottom = top + len(outcome.lanes) * _LANE
    yield from _axis(top, bottom, scale)
    for at, (name, lane) in enumerate(outcome.lanes.items()):
        yield from _lane(name, lane, top + at * _LANE, scale)
    yield from _marks({"event": 0.0, **outcome.marks}, top, bottom, scale)


def _axis(top: int, bottom: int, scale: _Scale) -> Iterator[str]:
    for second in range(0, int(scale.until) + 1, scale.step):
        x = scale(second)
        yield f'<path d="M{x:.1f} {top}V{bottom}" stroke="{_GREY}" stroke-opacity="0.25"/>'
        yield _text(x, bottom + 13, str(second), 10, middle=True)


def _lane(name: str, lane: Sequence[Run], y: int, scale: _Scale) -> Iterator[str]:
    yield _text(8, y + 12, name, 11)
    for run in lane:
        if run.until < -_BEFORE or not run.what:
            continue
        left, right = scale(run.since), scale(run.until)
        height = _LANE - 2 if run.what in _BAD else _BAR
        colour = _COLOURS.get("failed" if run.what in _BAD else run.what, _ELSE)
        place = f'x="{left:.1f}" y="{y + (_LANE - height) / 2:.1f}" width="{max(_LEAST, right - left):.1f}"'
        told = escape(f"{name}: {run.what}, {run.since:.1f} to {run.until:.1f} s")
        yield (f'<rect {place} height="{height}" fill="{colour}"><title>{told}</title></rect>')


def _marks(marks: Mapping[str, float], top: int, bottom: int, scale: _Scale) -> Iterator[str]:
    for name, when in marks.items():
        colour = _MARKS.get(name, _ELSE)
        x = scale(when)
        told = escape(f"{name}: {when:.1f} s")
        yield (
            f'<path d="M{x:.1f} {top - 2}V{bottom + 2}" stroke="{colour}" stroke-width="2"{_dash(name)}>'
            f"<title>{told}</title></path>"
        )


def _dash(mark: str) -> str:
    """Marks differ by their strokes, too."""
    return {"promise": ' stroke-dasharray="6 3"', "detection": ' stroke-dasharray="2 2"'}.get(mark, "")


def _text(x: float, y: float, text: str, size: int, *, bold: bool = False, middle: bool = False) -> str:
    more = (' font-weight="bold"' if bold else "") + (' text-anchor="middle"' if middle else "")
    return f'<text x="{x:.1f}" y="{y}" font-size="{size}" fill="{_GREY}"{more}>{escape(text)}</text>'
