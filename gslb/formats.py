"""Which formats are read of what outlives a program, or comes from another one: older ones, one's own, and the next.

A format has a number, and beside it the number of its oldest reader. Format N only adds to N - 1: whoever reads N - 1
finds all that it needs, passes over the rest, and keeps it where it writes back what is another's. Where that cannot be
done, the writer names itself as the oldest reader. Decision: docs/decisions/0105.
"""


def refusal(version: int, oldest: int, own: int) -> str:
    """Why a reader whose own format is `own` does not read `version`; empty where it does.

    `oldest` is the oldest reader that the writer allows. It thinks of its neighbour alone, so that is the limit, too.
    """
    needed = max(oldest, version - 1)
    if needed <= own:
        return ""
    return f"is of format {version}, by a newer gslb, for readers of format {needed} or newer; this one reads {own}"
