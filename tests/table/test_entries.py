"""The values of the table."""

import pytest

from gslb.table.entries import Leaves, Table, unpacked
from tests.support import config, table


def test_leaves_of_another_base_are_refused() -> None:
    made = table(config())
    with pytest.raises(ValueError, match="another base"):
        Table(made.base, Leaves(b"other", (), {}))


def test_packed_addresses() -> None:
    assert unpacked(bytes((192, 0, 2, 1))) == (4, 0xC0000201)
    assert unpacked(bytes(15) + b"\1") == (6, 1)
