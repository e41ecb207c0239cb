"""Certificates that can be used, and those that cannot."""

import ssl
from pathlib import Path

import pytest

from gslb.errors import StoreError
from gslb.store.etcdaccess import Access, client_tls
from tests.etcd_kit import Certificates


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return Certificates(tmp_path_factory.mktemp("certificates"))


def test_servers_are_verified(files: Certificates) -> None:
    context = client_tls(str(files.ca), str(files.client), str(files.client_key))
    assert context.verify_mode == ssl.CERT_REQUIRED
    assert context.check_hostname
    assert client_tls(None, None, None).verify_mode == ssl.CERT_REQUIRED


def test_files_that_cannot_be_used_are_named(files: Certificates, tmp_path: Path) -> None:
    missing = str(tmp_path / "missing.pem")
    with pytest.raises(StoreError, match=r"ca file .*missing\.pem: No such file"):
        client_tls(missing, None, None)
    with pytest.raises(StoreError, match=r"client certificate .*missing\.pem"):
        client_tls(str(files.ca), missing, missing)
    with pytest.raises(StoreError, match="with the key") as raised:
        client_tls(str(files.ca), str(files.client), str(files.server_key))
    assert raised.value.hint


def test_an_attempt_leaves_time_for_another() -> None:
    access = Access(("http://127.0.0.1:2379",))
    assert access.total >= 2 * access.patience
