"""deploy/zabbix-db/: what `prepare` makes, the units, and `turn` beside real etcd members that want certificates."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from deploy.lab import seed
from deploy.lab.database.etcd import Etcd, NoMajorityError
from deploy.lab.database.ledger import Ledger
from deploy.lab.plan import TEMPLATES
from tests.conftest import ROOT
from tests.deploy.kit import SITES, Deployment
from tests.deploy.zabbix_kit import MACHINES, blocks, node_file, prepare
from tests.loading import load

Need = Callable[[str], str]
HERE = ROOT / "deploy" / "zabbix-db"
UNITS = sorted(HERE.glob("*.service"))
MOST_EXPOSURE = 1.6


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With addresses of one's own, as the page shows how to set them."""
    own = next(block.text for block in blocks("zabbix", "sh") if block.text.startswith("sed "))
    return prepare(tmp_path_factory.mktemp("prepared"), own)


def test_every_machine_has_its_files(out: Path) -> None:
    assert sorted(path.name for path in out.iterdir()) == sorted((*MACHINES, "passwords"))
    for path in out.rglob("*"):
        if path.is_file() and path.suffix not in (".py", ".yaml", ".pem", ".key"):
            assert not re.search(r"@[A-Z_]+@|192\.0\.2\.|198\.51\.100\.|203\.0\.113\.", path.read_text()), path


def test_what_suits_the_lab_alone_is_left_out(out: Path) -> None:
    lab = (TEMPLATES / "postgresql.conf").read_text()
    real = (out / "tokyo-db/postgresql.conf").read_text()
    assert re.search("^fsync = off", lab, re.M)
    assert "fsync" not in real
    assert "full_page_writes" not in real
    assert "X-Site" not in (out / "tokyo-app/nginx.conf").read_text()
    assert "Lab" not in (out / "tokyo-app/zabbix.conf.php").read_text()


@pytest.mark.parametrize("site", ["tokyo", "osaka"])
def test_the_rest_is_line_by_line_that_of_the_lab(site: str, out: Path) -> None:
    for machine, name in (
        *(("db", name) for name in ("postgresql.conf", "pg_hba.conf")),
        *(
            ("app", name)
            for name in ("pgpool.conf", "nginx.conf", "php-fpm.conf", "database.php", "zabbix_server.conf")
        ),
    ):
        lines = (out.parent / "deploy/lab/etc" / name).read_text().splitlines()
        known = re.compile(
            "|".join(re.sub(r"@[A-Z_]+@", ".+", re.escape(line.strip())) for line in lines if line.strip())
        )
        for line in (out / f"{site}-{machine}" / name).read_text().splitlines():
            assert not line.strip() or known.fullmatch(line.strip()), f"{name}: {line}"


@pytest.mark.parametrize("machine", [name for name in MACHINES if name.endswith("dns")])
def test_nodes_accept_addresses_of_ones_own(machine: str, out: Path) -> None:
    config = load(str(node_file(out, machine)))
    assert config.pools["zabbix-db"].members[0].addresses == ("10.1.0.20",)


def test_roles_are_those_of_the_lab(out: Path) -> None:
    words = dict(re.findall(r"PASSWORD_(\w+)=(\w+)", (out / "passwords").read_text()))
    lab = seed._ROLES.format(postgres="", **{name.lower(): word for name, word in words.items()})
    assert (out / "tokyo-db/roles.sql").read_text() == "".join(
        line for line in lab.splitlines(keepends=True) if not line.startswith("ALTER")
    )


def test_passwords_stay_when_it_is_made_anew(out: Path) -> None:
    before = (out / "passwords").read_text()
    again = subprocess.run(
        [out.parent / "deploy/zabbix-db/prepare", out, out.parent / "tls"], capture_output=True, text=True, timeout=60
    )
    assert again.returncode == 0, again.stderr
    assert (out / "passwords").read_text() == before


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.stem)
def test_systemd_has_nothing_to_say(unit: Path, need: Need, tmp_path: Path) -> None:
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/sbin/pgpool", sys.executable))
    argv = [need("systemd-analyze"), "verify", "--recursive-errors=no", str(copy)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    argv = [need("systemd-analyze"), "security", "--no-pager", "--offline=true", str(unit)]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    found = re.search(r"Overall exposure level for [\w.-]+: ([\d.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE


def test_the_filter_leaves_postgresql_the_end_of_its_guardian(need: Need) -> None:
    need("systemd-analyze")
    unit = HERE / "zabbix-db-guardian.service"
    command = ["setpriv", "--pdeathsig", "QUIT", "true"]
    argv = [sys.executable, "-m", "tests.deploy.confined", str(unit), *command]
    done = subprocess.run(argv, capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["guardian", "keeper", "failover"])
def test_programs_know_the_options_that_they_are_given(name: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", f"deploy.lab.database.{name}", "--help"], capture_output=True, text=True, cwd=ROOT
    )
    text = "".join(path.read_text() for path in (*HERE.glob("*.service"), TEMPLATES / "pgpool.conf"))
    line = next(line for line in text.replace("\\\n", "").splitlines() if f"database.{name} " in line)
    environment = (HERE / "tokyo.env").read_text()
    options = {*re.findall(r"\s(--[a-z-]+)", line), *re.findall(r"(--[a-z]+)", environment)} - {"--found", "--tls"}
    assert options
    assert all(option in done.stdout for option in {*options, "--tls"})


@pytest.fixture
def deployment(need: Need, tmp_path: Path) -> Iterator[Deployment]:
    made = Deployment(need, tmp_path)
    yield made
    made.stop()


async def test_turn_tells_and_gives_by_tls(deployment: Deployment, tmp_path: Path) -> None:
    await deployment.start(*SITES)
    turn = installed(tmp_path, deployment)
    assert turn() == (1, "no database has been founded yet")
    ledger = Ledger(Etcd([deployment.url(site) for site in SITES], deployment.tls / "people"))
    assert ledger.found("tokyo", "1")
    assert ledger.vouch(ledger.view(), ledger.etcd.grant(60))
    assert turn() == (1, "term 1 of tokyo, held by tokyo, in sync: nobody")
    assert ledger.mark_synced(ledger.view(), "osaka")
    shown = next(block.text for block in blocks("zabbix", "console") if "/opt/zabbix-db/turn" in block.text)
    assert turn() == (0, shown.splitlines()[1])
    code, said = turn("give", "osaka")
    assert (code, "vouches for a primary" in said) == (1, True)
    assert ledger.release(ledger.view())
    assert turn("give", "osaka") == (1, "term 2 of osaka, held by nobody, in sync: nobody")
    assert turn("give", "kyoto")[0] == 2
    deployment.stop()
    assert turn()[1].startswith("no majority of etcd answers")


async def test_without_a_certificate_nobody_answers(deployment: Deployment) -> None:
    await deployment.start(*SITES)
    with pytest.raises(NoMajorityError):
        Ledger(Etcd([deployment.url("tokyo")])).view()


def installed(folder: Path, deployment: Deployment) -> Callable[..., tuple[int, str]]:
    """`turn` where the page puts it; runs it and returns its exit code and what it said."""
    place = folder / "opt"
    shutil.copytree(ROOT / "deploy/lab/database", place / "deploy/lab/database")
    shutil.copy(HERE / "turn", place)
    text = (HERE / "tokyo.env").read_text()
    etcd = " ".join(deployment.url(site) for site in SITES)
    settings = folder / "zabbix-db"
    settings.write_text(re.sub(r"^ETCD=.*$", f'ETCD="{etcd} --tls {deployment.tls}/people"', text, flags=re.M))

    def turn(*arguments: str) -> tuple[int, str]:
        environment = {**os.environ, "ZABBIX_DB": str(settings), "PYTHONPATH": ""}
        argv = [sys.executable, str(place / "turn"), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, env=environment, cwd=folder)
        return done.returncode, (done.stdout or done.stderr).strip()

    return turn
