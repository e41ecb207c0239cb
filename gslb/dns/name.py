"""Domain names as wire bytes: length-prefixed labels, ended by the root's zero byte.

The compiled table is keyed by lower-cased wire names. `bytes.lower()` is safe on them: a length byte is at most 63,
below every ASCII letter (RFC 4343 section 3: only ASCII letters fold).
"""

from gslb.errors import NameSyntaxError

MAX_NAME = 255  # octets with length bytes, RFC 1035 section 2.3.4
MAX_LABEL = 63
ROOT = b"\0"

_SPECIAL = frozenset(b'."\\();@$')


def from_text(text: str, origin: bytes = ROOT) -> bytes:
    """Wire form of a name in master-file notation (case kept); relative names are completed by `origin`, "@" is it.

    Raises NameSyntaxError: empty label, label over 63 octets, name over 255 octets, bad escape, not ASCII.
    """
    if text == "@":
        return origin
    if text == ".":
        return ROOT
    labels, absolute = _split(text)
    wire = b"".join(bytes((len(label),)) + label for label in labels) + (ROOT if absolute else origin)
    if len(wire) > MAX_NAME:
        raise NameSyntaxError(f"name {text!r} is {len(wire)} octets long, at most {MAX_NAME} are allowed")
    return wire


def _split(text: str) -> tuple[list[bytes], bool]:
    labels: list[bytes] = []
    label = bytearray()
    i = 0
    while i < len(text):
        char = text[i]
        if char == ".":
            labels.append(_checked(label, text))
            label = bytearray()
            i += 1
        elif char == "\\":
            octet, i = _escape(text, i + 1)
            label.append(octet)
        elif "!" <= char <= "~":
            label.append(ord(char))
            i += 1
        else:
            raise NameSyntaxError(f"name {text!r}: character {char!r} must be written as an escape like \\032")
    if label or not labels:
        labels.append(_checked(label, text))
        return labels, False
    return labels, True


def _escape(text: str, i: int) -> tuple[int, int]:
    digits = text[i : i + 3]
    if digits[:1].isdigit():
        if len(digits) == 3 and digits.isascii() and digits.isdigit() and int(digits) < 256:
            return int(digits), i + 3
    elif digits and digits[0].isascii():
        return ord(digits[0]), i + 1
    raise NameSyntaxError(f"name {text!r}: an escape is \\ and three digits up to 255, or \\ and one character")


def _checked(label: bytearray, text: str) -> bytes:
    if not label:
        raise NameSyntaxError(f"name {text!r} has an empty label")
    if len(label) > MAX_LABEL:
        raise NameSyntaxError(f"name {text!r} has a label of {len(label)} octets, at most {MAX_LABEL} are allowed")
    return bytes(label)


def to_text(wire: bytes) -> str:
    """Master-file notation of a wire name, absolute, with escapes where a character needs one."""
    if wire == ROOT:
        return "."
    return "".join(_label_text(label) + "." for label in labels(wire))


def _label_text(label: bytes) -> str:
    out = []
    for octet in label:
        if octet in _SPECIAL:
            out.append("\\" + chr(octet))
        elif 0x21 <= octet <= 0x7E:
            out.append(chr(octet))
        else:
            out.append(f"\\{octet:03d}")
    return "".join(out)


def labels(wire: bytes) -> list[bytes]:
    """The labels of a wire name, leftmost first, without the root."""
    out = []
    at = 0
    while wire[at]:
        end = at + 1 + wire[at]
        out.append(wire[at + 1 : end])
        at = end
    return out


def parent(wire: bytes) -> bytes:
    """The name without its leftmost label. The root has no parent: do not ask for it."""
    return wire[1 + wire[0] :]


def is_within(wire: bytes, ancestor: bytes) -> bool:
    """Whether `wire` is `ancestor` or below it. Both lower-cased; compared by whole labels, never by text ending."""
    while len(wire) > len(ancestor):
        wire = parent(wire)
    return wire == ancestor
