"""Two data centres with Zabbix, a witness and users on this machine: `python -m deploy.lab up`. Wants root, Debian."""

import argparse
import os
import sys

from deploy.lab import build, insight, trial
from deploy.lab.files import PROFILES
from deploy.lab.plan import CENTRES


def main() -> None:
    """See --help."""
    parser = argparse.ArgumentParser(prog="python -m deploy.lab", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="build what is not there")
    up.add_argument("--profile", choices=PROFILES, default="fast", help="how quickly monitors judge [fast]")
    verbs.add_parser("down", help="end and remove all of it")
    verbs.add_parser("status", help="who is what at this moment")
    test = verbs.add_parser("test", help="break it in many ways, and see whether users notice")
    test.add_argument("scenario", nargs="*", help="those alone")
    promote = verbs.add_parser("promote", help="give the database to a site, whatever writes it lacks")
    promote.add_argument("site", choices=[site.name for site in CENTRES])
    arguments = parser.parse_args()
    if os.geteuid() or not sys.platform.startswith("linux"):
        raise SystemExit("the lab makes network namespaces: run it as root, on Linux")
    if arguments.verb == "up":
        build.up(arguments.profile)
    elif arguments.verb == "down":
        build.down()
    elif arguments.verb == "status":
        insight.status()
    elif arguments.verb == "test":
        raise SystemExit(0 if trial.run(arguments.scenario) else 1)
    elif not insight.change(arguments.site):
        raise SystemExit("somebody vouches for a primary, or the turn has just changed: python -m deploy.lab status")


if __name__ == "__main__":
    main()
