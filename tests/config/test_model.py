import pytest

from gslb.config.model import Monitor
from gslb.probe.http import HttpMonitor


def test_detection_is_the_bound_of_the_semantics() -> None:
    assert Monitor("m", 80).detection == pytest.approx(3 * 5 + 0.5 + 2)
    fast = HttpMonitor("m", 80, interval=1.0, timeout=0.5, fall=2)
    assert fast.detection == pytest.approx(2 * 1 + 0.1 + 0.5)
