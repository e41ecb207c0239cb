"""The memory of cookies: what is found again, for how long, and how little it can hold."""

from gslb.memory import Memory, Seen

NOW = 1_790_000_000.0
SECRETS = (bytes(range(16)), bytes(range(16, 32)))


def seen(key: bytes, until: float = NOW + 1) -> Seen:
    return Seen(key, until, SECRETS, True, 1232, False, bytes(24), b"opt")


def test_what_is_kept_is_found_for_its_time_and_with_its_secrets() -> None:
    memory = Memory(16)
    memory.keep(seen(b"one"))
    assert memory.find(b"one", NOW, SECRETS) == seen(b"one")
    assert memory.find(b"one", NOW + 1, SECRETS) is None
    assert memory.find(b"one", NOW, (*SECRETS,)) is None
    assert memory.find(b"another", NOW, SECRETS) is None


def test_it_never_holds_more_than_its_size() -> None:
    memory = Memory(8)
    for number in range(1000):
        memory.keep(seen(b"%d" % number))
    held = [number for number in range(1000) if memory.find(b"%d" % number, NOW, SECRETS)]
    assert 1 <= len(held) <= 8
