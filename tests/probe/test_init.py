"""The registry: every monitor type of the config has its check."""

from gslb.config.model import Monitor
from gslb.probe import CHECKS


def test_every_monitor_type_has_a_check() -> None:
    # By name: a slotted dataclass leaves its unslotted twin among the subclasses until it is collected.
    assert {monitor.__name__ for monitor in CHECKS} == {monitor.__name__ for monitor in Monitor.__subclasses__()}
