"""How the cost of a query grows: with the number of names, and with the number of workers."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench import load, packets
from bench.content import Content
from bench.figures import Row, measures, spread
from bench.load import Burst
from bench.server import Server
from bench.servers import gslb

KEYS = ("names", "records", "workers")
_FEW, _MANY = 10, 100_000
_RECORDS = (1, 10_000, 999_900)  # a configuration holds a million, with SOA, NS and a name
_RATE = 20_000  # queries per second and worker
_QUERIES = 50_000


def measure(key: str, folder: Path, client: Path, port: int, rounds: int, seconds: int) -> Row:
    """Nodes of ours in turn; the ratios are those of the largest to each other one."""
    own = folder / key
    own.mkdir()
    return {"names": _names, "records": _records, "workers": _workers}[key](own, client, port, rounds, seconds)


def _names(folder: Path, client: Path, port: int, rounds: int, seconds: int) -> Row:
    """Dynamic names with rules, by Zipf's law; without ECS, so that nothing but the number of names differs."""
    with ExitStack() as stack:
        servers, files = {}, {}
        for number, count in enumerate((_FEW, _MANY)):
            content = Content(dynamic=count, static=1)
            title = f"{count:,} names"
            servers[title] = _started(stack, content, folder / str(count), port + 10 * number, workers=1)
            names = [f"{owner}.{content.zone}" for owner in content.dynamic_names()]
            queries = packets.realistic(names, names, _QUERIES, subnets=0.0)
            files[title] = packets.write(folder / f"queries-{count}", queries)

        def burst(title: str) -> Burst:
            return load.client(client, servers[title], files[title], seconds, window=400, case=1)

        return _compared("names", "cost by number of dynamic names", list(servers), burst, rounds)


def _records(folder: Path, client: Path, port: int, rounds: int, seconds: int) -> Row:
    """Static names by Zipf's law, in zones of so many records."""
    with ExitStack() as stack:
        servers, files = {}, {}
        for number, count in enumerate(_RECORDS):
            content = Content(dynamic=1, static=count)
            title = f"{count:,} records"
            servers[title] = _started(stack, content, folder / str(count), port + 10 * number, workers=1)
            names = [f"{content.static_name(owner)}.{content.zone}" for owner in range(count)]
            queries = packets.realistic(names, names, _QUERIES, subnets=0.0)
            files[title] = packets.write(folder / f"queries-{count}", queries)

        def burst(title: str) -> Burst:
            return load.client(client, servers[title], files[title], seconds, window=400, case=1)

        return _compared("records", "cost by number of static records", list(servers), burst, rounds)


def _workers(folder: Path, client: Path, port: int, rounds: int, seconds: int) -> Row:
    """One and two workers at the same rate for each worker; all of them share the server's core."""
    content = Content(dynamic=1, static=1)
    queries = packets.write(folder / "queries", [packets.message("www." + content.zone)])
    with ExitStack() as stack:
        servers = {
            f"{count} worker{'s'[: count - 1]}": _started(
                stack, content, folder / str(count), port + 10 * count, workers=count
            )
            for count in (1, 2)
        }
        counts = dict(zip(servers, (1, 2), strict=True))

        def burst(title: str) -> Burst:
            settings = {"window": 4000, "sockets": 32, "rate": _RATE * counts[title]}
            return load.client(client, servers[title], queries, seconds, **settings)

        return _compared("workers", f"cost by workers, {_RATE:,} queries a second each", list(servers), burst, rounds)


def _started(stack: ExitStack, content: Content, folder: Path, port: int, *, workers: int) -> Server:
    folder.mkdir()
    server = gslb(content, folder, port, workers=workers)
    stack.callback(server.stop)
    return server


def _compared(key: str, title: str, names: Sequence[str], burst: Callable[[str], Burst], rounds: int) -> Row:
    bursts: Mapping[str, list[Burst]] = {name: [] for name in names}
    for number in range(rounds + 1):
        for name in names:
            taken = burst(name)
            if number:
                bursts[name].append(taken)
    *smaller, largest = names
    ratios = {
        name: spread([one.micros / other.micros for one, other in zip(bursts[largest], bursts[name], strict=True)])
        for name in smaller
    }
    return Row(key, title, {name: measures(taken) for name, taken in bursts.items()}, ratios)
