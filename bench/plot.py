"""Bars with whiskers as SVG. Reads well on light and on dark pages."""

from collections.abc import Mapping, Sequence
from xml.sax.saxutils import escape

from bench.figures import Spread

_COLOURS = {"gslb": "#2f81f7", "nsd": "#8b949e", "knot": "#6e7781", "gdnsd": "#a8b1bb", "pdns": "#c9d1d9"}
_BAR, _GAP, _LEFT, _WIDTH, _RIGHT, _TOP = 16, 14, 90, 520, 90, 44
_TEXT = 'font-family="sans-serif" fill="#7d8590"'


def bars(title: str, groups: Sequence[tuple[str, Mapping[str, Spread]]]) -> str:
    """One group of bars for each workload; the scale ends at the largest value but PowerDNS's, whose bar is cut."""
    top = max(value.high for _, group in groups for name, value in group.items() if name != "pdns" or len(group) == 1)
    out: list[str] = []
    y = _TOP
    for heading, group in groups:
        out.append(f'<text x="8" y="{y}" font-size="13" font-weight="bold" {_TEXT}>{escape(heading)}</text>')
        y += 8
        for name, value in group.items():
            out += _bar(y, name, value, top)
            y += _BAR + 2
        y += _GAP + 12
    width = _LEFT + _WIDTH + _RIGHT
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{y}" viewBox="0 0 {width} {y}">'
    return "\n".join([head, f'<text x="8" y="20" font-size="15" {_TEXT}>{escape(title)}</text>', *out, "</svg>", ""])


def _bar(y: int, name: str, value: Spread, top: float) -> list[str]:
    def x(of: float) -> float:
        return _LEFT + min(of / top, 1.0) * _WIDTH

    middle = y + _BAR / 2
    colour = _COLOURS.get(name, "#57606a")
    return [
        f'<text x="8" y="{y + 12}" font-size="12" {_TEXT}>{escape(name)}</text>',
        f'<rect x="{_LEFT}" y="{y}" width="{x(value.median) - _LEFT:.1f}" height="{_BAR}" fill="{colour}"/>',
        f'<path d="M{x(value.low):.1f} {middle}H{x(value.high):.1f}" stroke="#d29922" stroke-width="2"/>',
        f'<text x="{x(value.high) + 6:.1f}" y="{y + 12}" font-size="12" {_TEXT}>{value.median:.2f}</text>',
    ]
