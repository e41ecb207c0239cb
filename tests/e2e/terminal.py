"""A terminal of its own, by tmux: somebody types, and looks at the screen."""

import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

PROMPT = "$ "


class Terminal:
    """`with Terminal(folder, environment) as terminal`: a shell in tmux whose prompt is PROMPT."""

    def __init__(self, folder: Path, environment: Mapping[str, str], size: tuple[int, int] = (130, 50)) -> None:
        self._socket = folder / "tmux"
        self._folder = folder
        self._environment = {**environment, "LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        self._size = size

    def __enter__(self) -> "Terminal":
        width, height = map(str, self._size)
        shell = f"exec env PS1='{PROMPT}' bash --norc --noprofile"
        self._tmux("-f", "/dev/null", "new-session", "-d", "-x", width, "-y", height, "-c", str(self._folder), shell)
        self.until(lambda shown: shown.endswith(PROMPT.rstrip()))
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")

    def type(self, text: str) -> None:
        """Type text as it stands, and the return key after it."""
        self._tmux("send-keys", "-l", text)
        self._tmux("send-keys", "Enter")

    def press(self, key: str) -> None:
        """Press one key, by its name in tmux."""
        self._tmux("send-keys", key)

    def clear(self) -> None:
        """Begin with an empty screen."""
        self.type("clear")
        self.until(lambda shown: shown == PROMPT.rstrip())
        self._tmux("clear-history")

    def screen(self) -> str:
        """What is shown, with what has scrolled out of sight; lines that were broken are whole."""
        return self._tmux("capture-pane", "-p", "-J", "-S", "-").rstrip()

    def until(self, condition: Callable[[str], bool], seconds: float = 15.0) -> str:
        """The screen, as soon as the condition holds of it."""
        latest = time.monotonic() + seconds
        while not condition(shown := self.screen()):
            assert time.monotonic() < latest, shown
            time.sleep(0.05)
        return shown

    def _tmux(self, *arguments: str) -> str:
        argv = ["tmux", "-S", str(self._socket), *arguments]
        done = subprocess.run(argv, capture_output=True, text=True, check=True, env=self._environment, timeout=10)
        return done.stdout
