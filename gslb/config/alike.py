"""Pools that differ in nothing but their name: what comes of them differs no more than their pasts and intents do."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import fields
from operator import attrgetter
from typing import Final

from gslb.config.model import Pool

_BUT_NAME: Final = attrgetter(*(field.name for field in fields(Pool) if field.name != "name"))


def alike(pools: Mapping[str, Pool]) -> dict[str, int]:
    """By name, the number that a pool has in common with those that are equal to it but for the name.

    Pools that no other is like are not in it.
    """
    numbers: dict[object, int] = {}
    found = {name: numbers.setdefault(_BUT_NAME(pool), len(numbers)) for name, pool in pools.items()}
    count = Counter(found.values())
    return {name: number for name, number in found.items() if count[number] > 1}
