"""`gslb top` against a running node, at a terminal and without."""

import json
import time


def test_one_picture(ask) -> None:
    code, out, _ = ask("top", "--once", "--interval", "0.2")
    assert (code, out.startswith("gslb top  test at tokyo  serving"), "ANSWERS BY SITE" in out) == (0, True, True)
    assert "web  2 of 2  all up" in out


def test_a_document_for_each_interval(ask) -> None:
    code, out, _ = ask("top", "--json", "--count", "2", "--interval", "0.2")
    first, second = map(json.loads, out.splitlines())
    assert code == 0
    assert 0.2 <= second["at"] - first["at"] < 2
    assert first["node"]["name"] == "test"


def test_pictures_below_each_other_in_a_pipe(ask) -> None:
    assert ask("top", "--count", "2", "--interval", "0.2")[1].count("gslb top") == 2


def test_q_ends_it_and_the_terminal_is_as_before(node, terminal) -> None:
    argv = ["top", "--interval", "0.2", "--config", node.config]
    code, shown = terminal(argv, ("LAST EVENTS", "xq"))
    assert code == 0
    assert "\x1b[?1049h" in shown
    assert shown.endswith("\x1b[?25h\x1b[?1049l")


def test_ctrl_c_ends_it_too(node, terminal) -> None:
    assert terminal(["top", "--interval", "0.2", "--config", node.config], ("LAST EVENTS", "\x03"))[0] == 0


def test_a_node_that_goes_is_waited_for(own_node, terminal) -> None:
    own_node.process.terminate()
    own_node.process.wait(10)
    code, shown = terminal(["top", "--interval", "0.2", "--config", own_node.config])
    assert (code, "no node answers" in shown) == (1, True)


def test_an_answer_is_counted(node, ask) -> None:
    """The rate of one interval is that of queries that were really asked."""
    import dns.message
    import dns.query

    def asked() -> None:
        for _ in range(20):
            dns.query.udp(dns.message.make_query("www.gslb.example.com", "A"), "127.0.0.1", port=node.dns, timeout=3)

    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: (time.sleep(0.6), asked()))
        facts = [json.loads(line) for line in ask("top", "--json", "--count", "3", "--interval", "1")[1].splitlines()]
    assert sum(one["queries"] for one in facts) >= 15
    assert sum(site["answers"] for one in facts for site in one["sites"]) >= 15
