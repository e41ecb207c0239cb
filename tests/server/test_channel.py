"""Messages and sockets through a real socket pair."""

import socket

import pytest

from gslb.server import channel
from gslb.server.channel import Channel, Message, received_sockets, socket_messages
from gslb.server.sockets import Endpoint


@pytest.fixture
def ends():
    ours, raw = Channel.pair()
    theirs = Channel(raw)
    yield ours, theirs
    ours.close()
    theirs.close()


def test_messages_keep_their_bounds_and_order(ends) -> None:
    ours, theirs = ends
    assert theirs.receive() == []
    assert ours.send(Message(channel.QUERY, b"one"))
    assert ours.send(Message(channel.QUERY))
    assert ours.send(Message(channel.REPLY, bytes(40000)))
    assert theirs.receive() == [
        Message(channel.QUERY, b"one"),
        Message(channel.QUERY),
        Message(channel.REPLY, bytes(40000)),
    ]


def test_the_end_comes_after_what_was_said(ends) -> None:
    ours, theirs = ends
    ours.send(Message(channel.LOADED))
    ours.close()
    assert theirs.receive() == [Message(channel.LOADED)]
    assert theirs.receive() is None
    assert not theirs.send(Message(channel.OPEN))


def test_a_reset_is_an_end_too(ends) -> None:
    ours, theirs = ends
    theirs.send(Message(channel.OPEN))
    ours.close()  # with something unread: the other side sees a reset
    assert theirs.receive() is None


def test_who_does_not_read_blocks_nobody(ends) -> None:
    ours, _ = ends
    assert any(not ours.send(Message(channel.QUERY, bytes(10000))) for _ in range(1000))


def test_kinds_are_distinct() -> None:
    kinds = [value for name, value in vars(channel).items() if name.isupper() and isinstance(value, bytes)]
    assert len(kinds) == len(set(kinds)) == 9


def test_listening_sockets_travel_in_few_messages(ends, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "_SOCKETS_PER_MESSAGE", 2)
    ours, theirs = ends
    sockets = {Endpoint("udp", "127.0.0.1", port): socket.socket(type=socket.SOCK_DGRAM) for port in range(3)}
    for sock in sockets.values():
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
    ports = [sock.getsockname()[1] for sock in sockets.values()]
    for message in socket_messages(sockets):
        assert ours.send(message)
    for sock in sockets.values():
        sock.close()
    messages = theirs.receive()
    assert messages is not None
    assert len(messages) == 2
    received = {place: sock for message in messages for place, sock in received_sockets(message).items()}
    assert list(received) == list(sockets)
    assert [sock.getsockname()[1] for sock in received.values()] == ports
    for sock in received.values():
        sock.close()


def test_descriptors_that_nobody_wants_are_closed(ends) -> None:
    ours, theirs = ends
    with socket.socket(type=socket.SOCK_DGRAM) as sock:
        ours.send(next(socket_messages({Endpoint("udp", "127.0.0.1", 1): sock})))
    (message,) = theirs.receive() or []
    message.discard()
    with pytest.raises(OSError, match="Bad file descriptor"):
        socket.socket(fileno=message.fds[0])
