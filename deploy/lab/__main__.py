"""Two data centres with Zabbix, a witness and users on this machine: `python -m deploy.lab up`. Wants root, Debian."""

import argparse
import json
import os
import sys
from collections.abc import Callable
from contextlib import redirect_stdout

from deploy.lab import build, delegation, insight, soak, trial, watching
from deploy.lab.files import PROFILES
from deploy.lab.outcome import Outcome
from deploy.lab.plan import CENTRES
from deploy.lab.processes import LabError


def main() -> None:
    """See --help."""
    arguments = _parser().parse_args()
    if os.geteuid() or not sys.platform.startswith("linux"):
        raise SystemExit("the lab makes network namespaces: run it as root, on Linux")
    if arguments.verb == "up":
        build.up(arguments.profile)
    elif arguments.verb == "down":
        build.down()
    elif arguments.verb == "status":
        print(json.dumps(insight.picture(), indent=2)) if arguments.json else insight.status()
    elif arguments.verb == "delegation":
        raise SystemExit(0 if delegation.check() else 1)
    elif arguments.verb == "watching":
        raise SystemExit(0 if watching.report() else 1)
    elif arguments.verb == "test":
        _end(lambda: trial.run(arguments.scenario), arguments.json)
    elif arguments.verb == "soak":
        wanted = soak.Wanted(arguments.scenario, arguments.rounds, arguments.profile, arguments.again)
        _end(lambda: soak.run(wanted), arguments.json)
    elif not insight.change(arguments.site):
        raise SystemExit("somebody vouches for a primary, or the turn has just changed: python -m deploy.lab status")


def _end(run: Callable[[], list[Outcome]], as_json: bool) -> None:
    """Exit status 1 where a promise was broken. With JSON on standard output, people read standard error."""
    with redirect_stdout(sys.stderr if as_json else sys.stdout):
        try:
            outcomes = run()
        except LabError as error:
            raise SystemExit(str(error)) from error
    if as_json:
        print(json.dumps([outcome.plain() for outcome in outcomes]))
    raise SystemExit(1 if any(outcome.faults for outcome in outcomes) else 0)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m deploy.lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="build what is not there")
    up.add_argument("--profile", choices=PROFILES, default="fast", help="how quickly monitors judge [fast]")
    verbs.add_parser("down", help="end and remove all of it")
    status = verbs.add_parser("status", help="who is what at this moment")
    verbs.add_parser("delegation", help="what parent, name servers, unbound and Zonemaster say of it")
    verbs.add_parser("watching", help="what Zabbix sees of the nodes")
    test = verbs.add_parser("test", help="break it in many ways, and see whether users notice")
    again = verbs.add_parser("soak", help="the same again and again; what was measured before an interruption counts")
    again.add_argument("--rounds", type=int, default=5, metavar="N", help="how often [5]")
    again.add_argument("--profile", choices=PROFILES, default="default", help="how quickly monitors judge [default]")
    again.add_argument("--again", action="store_true", help="from the beginning")
    for verb in (test, again):
        verb.add_argument("scenario", nargs="*", help="those alone")
    for verb in (status, test, again):
        verb.add_argument("--json", action="store_true", help="for programs")
    promote = verbs.add_parser("promote", help="give the database to a site, whatever writes it lacks")
    promote.add_argument("site", choices=[site.name for site in CENTRES])
    return parser


if __name__ == "__main__":
    main()
