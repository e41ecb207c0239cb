"""The TLS of the API: what its files may hold."""

import os
import ssl
from pathlib import Path

import pytest

from gslb.api.certificates import marks, server_context
from gslb.config.settings import ApiTls
from gslb.errors import StateError
from tests.certificates import Issuer


@pytest.fixture
def issuer(tmp_path: Path) -> Issuer:
    return Issuer(tmp_path / "pki")


def test_tls_begins_at_1_2(issuer: Issuer) -> None:
    context = server_context(ApiTls(*issuer.pair("127.0.0.1")))
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.verify_mode == ssl.CERT_NONE


def test_clients_are_asked_for_a_certificate_where_that_is_wanted(issuer: Issuer) -> None:
    context = server_context(ApiTls(*issuer.pair("127.0.0.1"), issuer.ca))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert len(context.get_ca_certs()) == 1


def test_files_that_cannot_be_used_are_named(issuer: Issuer, tmp_path: Path) -> None:
    good, other = issuer.pair("127.0.0.1"), issuer.pair("127.0.0.1", "other")
    hidden = issuer.pair("127.0.0.1", "hidden", password=b"secret")
    junk = tmp_path / "junk"
    junk.write_text("junk")
    junk.chmod(0o600)
    for tls, said in (
        (ApiTls("/none", good.key), "/none: cannot be read"),
        (ApiTls(good.cert, "/none"), "/none: cannot be read"),
        (ApiTls(*good, "/none"), "/none: cannot be read"),
        (ApiTls(*good, str(junk)), f"{junk}: holds no certificate"),
        (ApiTls(str(junk), good.key), "not a certificate and its key"),
        (ApiTls(good.cert, str(junk)), "not a certificate and its key"),
        (ApiTls(good.cert, other.key), "not a certificate and its key"),
        (ApiTls(*hidden), "not a certificate and its key"),
    ):
        with pytest.raises(StateError) as caught:
            server_context(tls)
        assert said in caught.value.message


def test_a_key_that_everyone_may_read_is_refused(issuer: Issuer) -> None:
    pair = issuer.pair("127.0.0.1")
    Path(pair.key).chmod(0o644)
    with pytest.raises(StateError, match="everyone on this machine may read the key") as caught:
        server_context(ApiTls(*pair))
    assert caught.value.hint == f"chmod 600 {pair.key}"


def test_marks_change_with_the_files(issuer: Issuer) -> None:
    assert marks(None) == ()
    tls = ApiTls(*issuer.pair("127.0.0.1"))
    before = marks(tls)
    assert marks(tls) == before
    times = Path(tls.cert).stat()
    octets = Path(tls.cert).read_bytes()
    Path(tls.cert).write_bytes(octets.swapcase())
    os.utime(tls.cert, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert marks(tls) != before, "as long as the former one, and written within the same tick"
    Path(tls.cert).write_bytes(octets)
    assert marks(tls) == before
    Path(tls.cert).chmod(0o644)
    assert marks(tls) != before
    assert marks(ApiTls(*issuer.pair("127.0.0.1"), issuer.ca)) != marks(tls)
