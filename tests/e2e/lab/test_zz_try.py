"""first try"""

import time
import pytest
from tests.e2e.lab.lab import Lab, Plan, Profile


pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]


def test_try(make_lab):
    lab = make_lab(
        profile=Profile(interval=0.5, timeout=0.25),
        tokyo=Plan(),
        osaka=Plan(),
        witness=Plan(targets=0, roles="probe, api"),
    )
    lab.start_etcd()
    lab.write()
    lab.start_targets()
    lab.start_nodes()
    print(lab.status("tokyo")["store"], lab.status("witness")["probers"])
    with lab.oracle(rate=150) as oracle:
        lab.settled(oracle, lab.truth.addresses)
        waits = []
        for _ in range(10):
            drain, when = lab.drain("tokyo", "site/osaka")
            time.sleep(0.5)
            lab.undrain("tokyo", drain)
            time.sleep(0.5)
        lab.kill_site("osaka")
        time.sleep(6)
    limits = lab.profile.limits
    died = min(f.answer.sent for f in oracle.wrong(limits)) - limits.bound if oracle.wrong(limits) else 0
    print(
        "died about", died, "last stale", max((f.answer.sent for f in oracle.wrong(limits)), default=0) - died, limits
    )
    for n in lab.nodes:
        f = lab.nodes[n].host
        print(n, f.messages()[-2500:])
