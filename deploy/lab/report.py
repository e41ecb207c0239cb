"""What was measured as tables for pages, between marks, so that no figure is typed by hand."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from deploy.lab.outcome import Outcome
from deploy.lab.plan import ROOT
from deploy.lab.plot import timeline

README = ROOT / "deploy" / "lab" / "README.md"
PICTURE = README.parent / "timeline.svg"
SOAK = ROOT / "docs" / "soak.md"
PARTS = (  # in the order of the columns
    "detection",
    "TTL",
    "without a primary",
    "promotion",
    "without a commit",
    "zabbix-db follows",
    "agent's value",
    "Zabbix shows it",
    "Zabbix shows its end",
    "last failed request",
)


def between(page: str, command: str, text: str) -> str:
    """A page with that text between the marks of a command. Raises ValueError where it has no marks."""
    begin, end = (f"<!-- written by {command}: {word} -->" for word in ("begin", "end"))
    before, found, rest = page.partition(begin)
    _, closed, behind = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} or no {end}")
    return f"{before}{begin}\n\n{text}\n\n{end}{behind}"


def write_test(outcomes: Sequence[Outcome], readme: Path = README, picture: Path = PICTURE) -> None:
    """Table and plot of one run of all scenarios."""
    picture.write_text(timeline(outcomes), encoding="utf-8")
    page = readme.read_text(encoding="utf-8")
    readme.write_text(between(page, "make lab-test", of_test(outcomes, picture.name)), encoding="utf-8")


def write_soak(outcomes: Sequence[Outcome], page: Path = SOAK) -> None:
    """The summary of many rounds."""
    page.write_text(between(page.read_text(encoding="utf-8"), "make lab-soak", of_soak(outcomes)), encoding="utf-8")


def of_test(outcomes: Sequence[Outcome], picture: str) -> str:
    """Each part as measured, and what it may be at most."""
    columns = [name for name in PARTS if any(outcome.part(name) for outcome in outcomes)]
    judged = [outcome for outcome in outcomes if outcome.parts]
    rows = [[_name(outcome), *(_cell(outcome, name) for name in columns), _failed(outcome)] for outcome in judged]
    table = _table(["scenario", *columns, "requests that failed"], rows)
    minutes = sum(outcome.seconds for outcome in outcomes) / 60
    return "\n\n".join(
        [
            f"Measured {_today()} in {minutes:.0f} minutes, profile {outcomes[0].profile}. Seconds ≤ what is promised:",
            table,
            totals(outcomes),
            *_remarks(outcomes),
            f"![Who served whom]({picture})",
        ]
    )


def of_soak(outcomes: Sequence[Outcome]) -> str:
    """Each part over all rounds: minimum, median, maximum, and what it may be at most."""
    columns = [name for name in PARTS if any(outcome.part(name) for outcome in outcomes)]
    rows = []
    for name, those in by_name(outcomes).items():
        failed = sum(outcome.counts.get("failures", 0) for outcome in those)
        asked = sum(outcome.counts.get("requests", 0) for outcome in those)
        kept = sum(not outcome.faults for outcome in those)
        rows.append(
            [name, f"{kept} of {len(those)}", *(_spread(those, part) for part in columns), f"{failed} of {asked}"]
        )
    head = ["scenario", "promises kept", *columns, "requests that failed"]
    profiles = ", ".join(sorted({outcome.profile for outcome in outcomes}))
    return "\n\n".join(
        [
            f"Measured {_today()}, profile {profiles}. Seconds: minimum / median / maximum ≤ what is promised:",
            _table(head, rows),
            totals(outcomes),
            *_many_remarks(outcomes),
        ]
    )


def _remarks(outcomes: Sequence[Outcome]) -> list[str]:
    """What was checked beforehand, what is missing and why, and what was broken."""
    lines = [f"- {outcome.name}: {outcome.text}" for outcome in outcomes if not (outcome.parts or outcome.faults)]
    lines += [f"- {outcome.name}: {text}" for outcome in outcomes for text in outcome.notes]
    return _list([*lines, *_faults(outcomes)])


def _many_remarks(outcomes: Sequence[Outcome]) -> list[str]:
    """Over many rounds: how many are missing, with the first and its reason as an example, and what was broken."""
    missing = {name: [text for one in those for text in one.notes] for name, those in by_name(outcomes).items()}
    lines = [f"- {name}: {len(texts)} missing, as {texts[0]}" for name, texts in missing.items() if texts]
    return _list([*lines, *_faults(outcomes)])


def _faults(outcomes: Sequence[Outcome]) -> list[str]:
    return [f"- **{outcome.name}: {text}**" for outcome in outcomes for text in outcome.faults]


def _list(lines: Sequence[str]) -> list[str]:
    """One paragraph, or none."""
    return ["\n".join(lines)] if lines else []


def by_name(outcomes: Sequence[Outcome]) -> Mapping[str, list[Outcome]]:
    found: dict[str, list[Outcome]] = {}
    for outcome in outcomes:
        found.setdefault(outcome.name, []).append(outcome)
    return found


def totals(outcomes: Sequence[Outcome]) -> str:
    """What is counted over all of them, promotions first."""
    sums = {key: sum(outcome.counts.get(key, 0) for outcome in outcomes) for key in _keys(outcomes)}
    moves = [outcome.counts for outcome in outcomes if outcome.counts.get("expected")]
    once = [counts for counts in moves if counts["promotions"] == counts["terms"] == counts["expected"]]
    others = [outcome.counts for outcome in outcomes if outcome.counts and not outcome.counts["expected"]]
    none = [counts for counts in others if counts["promotions"] == counts["terms"] == 0]
    faults = sum(len(outcome.faults) for outcome in outcomes)
    most = max((outcome.counts.get("primaries", 0) for outcome in outcomes), default=0)
    return (
        f"The primary died: {len(once)} of {len(moves)} times exactly one promotion; it did not: none in {len(none)} of"
        f" {len(others)}. At most {most} primary at a time. {sums.get('writes', 0)} acknowledged writes,"
        f" {sums.get('writes missing', 0)} lost; {sums.get('values', 0)} values of the agent,"
        f" {sums.get('values missing', 0)} missing. {faults} promises broken."
    )


def _keys(outcomes: Iterable[Outcome]) -> set[str]:
    return {key for outcome in outcomes for key in outcome.counts}


def _name(outcome: Outcome) -> str:
    return f"{outcome.name}: {outcome.text}"


def _cell(outcome: Outcome, name: str) -> str:
    part = outcome.part(name)
    if part is None:
        return ""
    took = f"**{part.took:.1f}**" if part.broken else f"{part.took:.1f}"
    return took if part.bound is None else f"{took} ≤ {part.bound:.1f}"


def _failed(outcome: Outcome) -> str:
    return f"{outcome.counts['failures']} of {outcome.counts['requests']}"


def _spread(outcomes: Sequence[Outcome], name: str) -> str:
    parts = [part for outcome in outcomes if (part := outcome.part(name))]
    if not parts:
        return ""
    took = sorted(part.took for part in parts)
    text = f"{took[0]:.1f} / {median(took):.1f} / {took[-1]:.1f}"
    bounds = [part.bound for part in parts if part.bound is not None]
    return f"{text} ≤ {max(bounds):.1f}" if bounds else text


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def _today() -> str:
    return datetime.now(UTC).date().isoformat()
