"""The checker finds what it is for."""

import pytest

from tests.store.linear import Call, fault

D1 = Call("drain", "d-1", 0, 1)
RIGHT = {
    "one after the other": [D1, Call("undrain", "d-1", 2, 3), Call("drain", "d-2", 4, 5)],
    "refused while another holds": [D1, Call("drain", "d-2", 2, 3, done=False)],
    "refused by one that ends after it": [Call("drain", "d-1", 0, 9), Call("drain", "d-2", 2, 3, done=False)],
    "at once, in the order that fits": [D1, Call("drain", "d-2", 2, 9), Call("undrain", "d-1", 3, 8)],
    "unknown, and it happened": [Call("drain", "d-1", 0), Call("drain", "d-2", 2, 3, done=False)],
    "unknown, and it never happened": [Call("drain", "d-1", 0), Call("drain", "d-2", 2, 3)],
    "unknown, and it happened later": [
        D1,
        Call("undrain", "d-1", 2),
        Call("drain", "d-2", 3, 4, done=False),
        Call("drain", "d-3", 5, 6),
    ],
    "removed twice": [D1, Call("undrain", "d-1", 2, 3), Call("undrain", "d-1", 4, 5)],
}
WRONG = {
    "two hold": [D1, Call("drain", "d-2", 2, 3)],
    "two hold, at once": [Call("drain", "d-1", 0, 5), Call("drain", "d-2", 1, 4)],
    "refused by one that had ended": [D1, Call("undrain", "d-1", 2, 3), Call("drain", "d-2", 4, 5, done=False)],
    "refused by nobody": [Call("drain", "d-2", 0, 1, done=False), Call("drain", "d-1", 2, 3)],
    "the removal was lost": [D1, Call("undrain", "d-1", 2, 3), Call("drain", "d-2", 4, 5, done=False)],
    "unknown, but seen and then gone": [
        Call("drain", "d-1", 0),
        Call("drain", "d-2", 2, 3, done=False),
        Call("drain", "d-3", 4, 5),
    ],
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_may_have_happened(name: str) -> None:
    assert fault(RIGHT[name]) is None


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_have_happened(name: str) -> None:
    assert fault(WRONG[name]) is not None
    assert fault(WRONG[name]) in WRONG[name]


def test_who_held_it_before_counts() -> None:
    assert fault([Call("drain", "d-1", 0, 1)], "d-0") is not None
    assert fault([Call("undrain", "d-0", 0, 1), Call("drain", "d-1", 2, 3)], "d-0") is None
