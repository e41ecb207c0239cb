"""The next version of gslb, as docs/decisions/0105 wants it to be: every format is one higher, has something more in
it, and says that readers of ours may read it. A copy of our tree in which the writers are changed.
"""

import shutil
from pathlib import Path

from tests.conftest import ROOT

MORE = "weather"  # what it has more, everywhere
_STEP = """
ALTER TABLE intents ADD COLUMN weather TEXT NOT NULL DEFAULT 'sunny';
CREATE TABLE plans (id TEXT PRIMARY KEY);
"""
_CHANGES = [
    ("store/valuetext.py", "FORMAT: Final = 1", "FORMAT: Final = 2"),
    ("store/valuetext.py", '{"format": FORMAT, **values}', '{"format": FORMAT, "weather": ["sunny"], **values}'),
    ("store/valuetext.py", "seen.reason, seen.calm])", 'seen.reason, seen.calm, "sunny"])'),
    ("store/audit.py", "FORMAT: Final = 2", "FORMAT: Final = 3"),
    (
        "store/audit.py",
        "return replace(linked, hash=",
        'linked = replace(linked, more={"weather": "sunny"})\n    return replace(linked, hash=',
    ),
    ("store/rows.py", "Schema(_STEPS, 3,", "Schema((*_STEPS, _MORE), 3,"),
    (
        "store/rows.py",
        "FILE: Final =",
        f'_MORE: Final = """{_STEP}"""\nFILE: Final =',
    ),
    (
        "store/historyfile.py",
        "Schema((_SCHEMA,), 1,",
        'Schema((_SCHEMA, "ALTER TABLE events ADD COLUMN weather TEXT;"), 1,',
    ),
    ("server/snapfile.py", "_FORMAT: Final = 2", "_FORMAT: Final = 3"),
    ("server/snapfile.py", "_OLDEST: Final = 0", "_OLDEST: Final = 2"),
    ("table/snapshot.py", "            names,\n        )", '            names,\n            "weather",\n        )'),
    ("table/snapshot.py", "in last_good.items()])))", 'in last_good.items()]), "weather"))'),
    ("table/changes.py", "return pack(change)", 'return pack((*change, "weather"))'),
]


def next_version(folder: Path) -> Path:
    """Put it into a folder: what to start a program from, or to put first on its path."""
    shutil.copytree(ROOT / "gslb", folder / "gslb", ignore=shutil.ignore_patterns("__pycache__"))
    for name, old, new in _CHANGES:
        file = folder / "gslb" / name
        text = file.read_text(encoding="utf-8")
        assert text.count(old) == 1, f"{name} has {old!r} {text.count(old)} times: tell tests/next_version.py"
        file.write_text(text.replace(old, new), encoding="utf-8")
    return folder
