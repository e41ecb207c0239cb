"""A process that passes frames between two interfaces, each way with a delay: relay.py NEAR FAR OUT BACK.

OUT are the seconds from NEAR to FAR, BACK those from FAR to NEAR.
"""

import heapq
import itertools
import select
import socket
import sys
import time

_SOL_PACKET = 263
_PACKET_VNET_HDR = 15  # frames carry how much of a checksum or a segmentation is still to be done
_LARGEST = 1 << 17
_ALL = 0x0003


def opened(name: str) -> socket.socket:
    """A socket for every frame of an interface."""
    sock = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    sock.setsockopt(_SOL_PACKET, _PACKET_VNET_HDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
    sock.bind((name, _ALL))
    sock.setblocking(False)
    return sock


def main(near: str, far: str, out: float, back: float) -> None:
    """Relay until killed."""
    ends = opened(near), opened(far)
    delays = {ends[0]: (ends[1], out), ends[1]: (ends[0], back)}
    waiting: list[tuple[float, int, socket.socket, bytes]] = []
    numbers = itertools.count()
    print("ready", flush=True)
    while True:
        rest = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for sock in select.select(ends, (), (), rest)[0]:
            frame, place = sock.recvfrom(_LARGEST)
            if place[2] != socket.PACKET_OUTGOING:
                to, delay = delays[sock]
                heapq.heappush(waiting, (time.monotonic() + delay, next(numbers), to, frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, _, to, frame = heapq.heappop(waiting)
            try:
                to.send(frame)
            except OSError:
                pass  # the link is down, or the queue is full: a frame is lost, as on any wire


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]), float(sys.argv[4]))
