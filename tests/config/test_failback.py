import pytest

from gslb.config.failback import failback_of, window
from gslb.config.model import Failback, Window


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Sat 02:00-04:00 Asia/Tokyo", Window((5,), 120, 240, "Asia/Tokyo")),
        ("Mon-Wed,Sun 00:30-01:00 UTC", Window((0, 1, 2, 6), 30, 60, "UTC")),
        ("Sun-Mon 22:00-02:00 Europe/Berlin", Window((0, 6), 1320, 120, "Europe/Berlin")),
        ("daily 00:00-24:00 UTC", Window((0, 1, 2, 3, 4, 5, 6), 0, 0, "UTC")),
    ],
)
def test_windows(text: str, expected: Window) -> None:
    assert window(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Sat 2:00-4:00 UTC", "a window is days, a time and a time zone"),
        ("Sat 02:00-04:00", "a window is days, a time and a time zone"),
        (None, "a window is days, a time and a time zone"),
        ("Sat 02:60-04:00 UTC", "there is no time 02:60"),
        ("Sat 02:00-24:01 UTC", "there is no time 24:01"),
        ("Sat 02:00-02:00 UTC", "a window must last"),
        ("Sat 24:00-02:00 UTC", "a window must last"),
        ("sat 02:00-04:00 UTC", r"days are Mon to Sun, such as Sat, Mon-Fri, Mon,Wed, or daily \(got 'sat'\)"),
        ("Mon- 02:00-04:00 UTC", r"days are Mon to Sun.*\(got ''\)"),
        ("Sat 02:00-04:00 Asia/Tokio", "no time zone 'Asia/Tokio'; did you mean Asia/Tokyo"),
        ("Sat 02:00-04:00 Asia", "no time zone 'Asia'"),
        ("Sat 02:00-04:00 ../../etc/passwd", "no time zone '../../etc/passwd'$"),
    ],
)
def test_no_windows(text: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        window(text)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("auto", Failback()),
        ("manual", Failback("manual")),
        ({"hold": "60s"}, Failback("hold", 60.0)),
        ({"window": "Sat 02:00-04:00 UTC"}, Failback("window", window=Window((5,), 120, 240, "UTC"))),
    ],
)
def test_modes(value: object, expected: Failback) -> None:
    assert failback_of(value) == expected


@pytest.mark.parametrize(
    "value", ["hold", 60, None, {}, {"hold": "60s", "window": "Sat 02:00-04:00 UTC"}, {"hold": "0s"}, {"hold": "73h"}]
)
def test_no_modes(value: object) -> None:
    with pytest.raises(ValueError, match="must"):
        failback_of(value)
