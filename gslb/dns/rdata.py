"""Record types and record data: from the text of master files to the wire, through dnspython.

Data is uncompressed and keeps the case of the text (RFC 3597 section 7: names in data are compared without case, but
sent as written).
"""

import re
from functools import lru_cache

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

from gslb.errors import RdataError

MAX_STRING = 255  # octets of one character-string, RFC 1035 section 3.3

# Outside quotes a semicolon starts a comment, which would silently cut the data short.
_WITHOUT_COMMENT = re.compile(r'(?:[^";\\]|\\.|"(?:[^"\\]|\\.)*")*')
_TEXT_TYPES = frozenset({16, 99})  # TXT, SPF


def type_number(text: str) -> int:
    """Number of a type name, any case, or of TYPE123 (RFC 3597 section 5). Raises RdataError."""
    try:
        return int(dns.rdatatype.from_text(text))
    except Exception as error:  # dnspython raises ValueError too
        raise RdataError(f"{text!r} is not a record type", hint="for example A, AAAA, MX or TYPE65280") from error


def type_text(number: int) -> str:
    """Name of a type; TYPE123 where it has none."""
    return dns.rdatatype.to_text(dns.rdatatype.RdataType.make(number))


def to_wire(rtype: int, text: str, origin: bytes) -> bytes:
    """Wire form of the data of one record; relative names are completed by `origin` (a wire name).

    TXT that does not start with a quote is one text, taken as it stands, whatever it contains.
    Raises RdataError: not valid for the type, more than one line, or a comment in it.
    """
    if rtype in _TEXT_TYPES and not text.startswith('"'):
        return _strings(text.encode())
    if "\n" in text or "\r" in text:
        raise RdataError(f"{type_text(rtype)} data {text!r} has more than one line", hint="give a list of values")
    if not _WITHOUT_COMMENT.fullmatch(text):
        raise RdataError(f"{type_text(rtype)} data {text!r} has a comment or an open quote in it")
    try:
        kind = dns.rdatatype.RdataType.make(rtype)
        wire = dns.rdata.from_text(dns.rdataclass.IN, kind, text, _name(origin), relativize=False).to_wire()
    except Exception as error:  # dnspython lets errors of binascii, struct and ipaddress through
        raise RdataError(f"{text!r} is not valid {type_text(rtype)} data: {reason(error)}") from error
    assert wire is not None
    return wire


def reason(error: BaseException) -> str:
    """What dnspython found wrong, without the position and the class names that it adds."""
    text = re.sub(r"^[^:\n]*:\d+: ", "", str(error))
    return re.sub(r"^caught exception <class '[^']*'>: ", "", text).strip() or "syntax error"


def _strings(octets: bytes) -> bytes:
    chunks = [octets[at : at + MAX_STRING] for at in range(0, len(octets), MAX_STRING)] or [b""]
    return b"".join(bytes((len(chunk),)) + chunk for chunk in chunks)


@lru_cache(maxsize=64)
def _name(wire: bytes) -> dns.name.Name:
    return dns.name.from_wire(wire, 0)[0]
