"""RFC 9018: its own test vectors, and what makes a cookie good."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gslb.dns.cookie import answer_cookie, make_cookie

SECRET = bytes.fromhex("e5e973e5a6b2a43f48e7dc849e37bfcf")
OTHER = bytes.fromhex("445536bcd2513298075a5d379663c962")
CLIENT = bytes.fromhex("2464c4abcf10c957")
SOURCE = bytes((198, 51, 100, 100))
THEN = 1559731985


def test_rfc_9018_appendix_a_1_a_new_cookie() -> None:
    assert make_cookie(SECRET, CLIENT, THEN, SOURCE).hex() == "2464c4abcf10c957010000005cf79f111f8130c3eee29480"


def test_rfc_9018_appendix_a_2_a_renewed_cookie() -> None:
    cookie = bytes.fromhex("2464c4abcf10c957010000005cf79f111f8130c3eee29480")
    renewed, good = answer_cookie(cookie, [SECRET], 1559734385, SOURCE)
    assert good
    assert renewed.hex() == "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"


@pytest.mark.parametrize(("age", "good"), [(-301, False), (-300, True), (0, True), (3600, True), (3601, False)])
def test_time_bounds(age: int, good: bool) -> None:
    cookie = make_cookie(SECRET, CLIENT, THEN, SOURCE)
    assert answer_cookie(cookie, [SECRET], THEN + age, SOURCE)[1] is good


@pytest.mark.parametrize(("age", "kept"), [(0, True), (1800, True), (1801, False)])
def test_a_cookie_is_kept_for_half_an_hour(age: int, kept: bool) -> None:
    cookie = make_cookie(SECRET, CLIENT, THEN, SOURCE)
    answer, good = answer_cookie(cookie, [SECRET], THEN + age, SOURCE)
    assert good
    assert (answer == cookie) is kept
    assert answer_cookie(answer, [SECRET], THEN + age, SOURCE) == (answer, True)


def test_time_wraps_in_2106() -> None:
    cookie = make_cookie(SECRET, CLIENT, 2**32 - 10, SOURCE)
    assert answer_cookie(cookie, [SECRET], 2**32 + 10, SOURCE) == (cookie, True)


def test_the_second_secret_verifies_and_the_first_signs() -> None:
    cookie = make_cookie(OTHER, CLIENT, THEN, SOURCE)
    answer, good = answer_cookie(cookie, [SECRET, OTHER], THEN, SOURCE)
    assert good
    assert answer == make_cookie(SECRET, CLIENT, THEN, SOURCE)
    assert answer_cookie(cookie, [SECRET], THEN, SOURCE)[1] is False


def test_a_client_cookie_alone_gets_a_full_one() -> None:
    answer, good = answer_cookie(CLIENT, [SECRET], THEN, SOURCE)
    assert not good
    assert answer == make_cookie(SECRET, CLIENT, THEN, SOURCE)


@given(st.integers(8, 23), st.integers(1, 255))
def test_any_changed_octet_spoils_it(at: int, change: int) -> None:
    cookie = bytearray(make_cookie(SECRET, CLIENT, THEN, SOURCE))
    cookie[at] ^= change
    answer, good = answer_cookie(bytes(cookie), [SECRET], THEN, SOURCE)
    assert not good
    assert answer == make_cookie(SECRET, CLIENT, THEN, SOURCE)


def test_an_address_cannot_use_anothers_cookie() -> None:
    cookie = make_cookie(SECRET, CLIENT, THEN, SOURCE)
    assert not answer_cookie(cookie, [SECRET], THEN, bytes((198, 51, 100, 101)))[1]


@given(st.binary(min_size=8, max_size=40))
def test_any_legal_length_gets_24_octets(cookie: bytes) -> None:
    answer, good = answer_cookie(cookie, [SECRET], THEN, SOURCE)
    assert len(answer) == 24
    assert not good or len(cookie) == 24
