"""The completion scripts, in the shells that they are for."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gslb.cli.main import main
from tests.conftest import ENVIRONMENT

BASH = """
eval "$(gslb completion bash)"
COMP_WORDS=({words}) COMP_CWORD={at}
_gslb_completion gslb
printf '%s\\n' "${{COMPREPLY[@]}}"
"""
ZSH = """
autoload -U compinit; compinit -u -d "$HOME/dump"
eval "$(gslb completion zsh)"
print -r -- ${_comps[gslb]}
words=(gslb drain site/) CURRENT=3
_describe() { print -r -l -- ${(P)@[-1]}; }
compadd() { print -r -l -- ${(P)@[-1]}; }
_gslb_completion
"""
FISH = 'gslb completion fish | source; complete -C "gslb drain site/"'


@pytest.fixture
def shell(node, tmp_path: Path) -> Callable[[str, str], str]:
    """`shell("bash", script)` runs a script in a shell that finds `gslb`, whose node runs; what it printed."""
    program = tmp_path / "bin" / "gslb"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m gslb.cli.main "$@"\n')
    program.chmod(0o755)
    environment = {**ENVIRONMENT, "HOME": str(tmp_path), "GSLB_CONFIG": node.config}
    environment["PATH"] = f"{program.parent}:{environment['PATH']}"

    def run(name: str, script: str) -> str:
        path = shutil.which(name)
        if path is None:
            pytest.skip(f"{name} is not installed: apt-get install {name}")
        done = subprocess.run([path, "-c", script], capture_output=True, text=True, timeout=20, env=environment)
        assert done.stderr == ""
        return done.stdout

    return run


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("gslb un", ["undrain"]),
        ("gslb drain site/", ["site/osaka", "site/tokyo"]),
        ("gslb drain member/web/t", ["member/web/tokyo"]),
        ("gslb pools w", ["web"]),
        ("gslb members web/o", ["web/osaka"]),
        ("gslb drain site/tokyo --perc", ["--percent"]),
        ("gslb token cr", ["create"]),
    ],
)
def test_bash(words: str, found: list[str], shell) -> None:
    assert shell("bash", BASH.format(words=words, at=words.count(" "))).split() == found


def test_zsh(shell) -> None:
    assert {"_gslb_completion", "site/osaka", "site/tokyo"} <= set(shell("zsh", ZSH).split())


def test_fish(shell) -> None:
    assert shell("fish", FISH).split() == ["site/osaka", "site/tokyo"]


def test_another_shell_is_misuse() -> None:
    assert main(["completion", "tcsh"]) == 2
