"""What each key does, and the file in which a user changes that."""

import os
from dataclasses import dataclass
from pathlib import Path

from tengen.errors import TengenError
from tengen.words import did_you_mean


@dataclass(frozen=True)
class Action:
    """Something that a key does."""

    keys: tuple[str, ...]  # as Textual names them
    words: str
    group: str


ACTIONS: dict[str, Action] = {
    "left": Action(("left", "h"), "cursor to the left", "Cursor"),
    "down": Action(("down", "j"), "cursor down", "Cursor"),
    "up": Action(("up", "k"), "cursor up", "Cursor"),
    "right": Action(("right", "l"), "cursor to the right", "Cursor"),
    "select": Action(("enter", "space"), "play here; choose a piece; follow the variation shown", "Cursor"),
    "cancel": Action(("escape",), "drop what was typed or chosen", "Cursor"),
    "command": Action(("colon", "slash"), "type a move or an action by name", "Cursor"),
    "undo": Action(("U", "u", "backspace"), "take back your move", "Game"),
    "redo": Action(("Y", "y", "ctrl+r"), "play it again", "Game"),
    "pass": Action(("P", "p"), "pass (Go)", "Game"),
    "hint": Action(("I", "i"), "a hint", "Game"),
    "draw": Action(("D", "d"), "offer a draw, or accept one", "Game"),
    "resign": Action(("R", "r"), "resign", "Game"),
    "now": Action(("M", "m"), "let the opponent move at once", "Game"),
    "pause": Action(("Z", "z"), "pause the clocks and the opponents", "Game"),
    "back": Action(("left_square_bracket", "comma"), "one turn back, to look", "Look"),
    "forward": Action(("right_square_bracket", "full_stop"), "one turn forward", "Look"),
    "first": Action(("home", "less_than_sign"), "to the start", "Look"),
    "last": Action(("end", "greater_than_sign"), "to the game's present position", "Look"),
    "variation": Action(("v", "V"), "the next variation beginning here", "Look"),
    "play_on": Action(("C", "c"), "play on from the position shown", "Look"),
    "analysis": Action(("A", "a"), "analysis on or off", "Analysis"),
    "candidate": Action(("tab",), "show the variation of the next best move", "Analysis"),
    "candidate_back": Action(("shift+tab",), "of the one before", "Analysis"),
    "heat": Action(("H",), "what the network expects, by colour", "Analysis"),
    "ownership": Action(("O", "o"), "who owns what, and the score (Go)", "Analysis"),
    "dead": Action(("X", "x"), "mark or unmark dead stones at the end (Go)", "Analysis"),
    "review": Action(("W", "w"), "review: the moves that cost most", "Analysis"),
    "new": Action(("N", "n"), "a new game", "Table"),
    "opponent": Action(("ctrl+o",), "another opponent", "Table"),
    "swap": Action(("ctrl+x",), "swap sides", "Table"),
    "setup": Action(("E", "e"), "set up a position", "Table"),
    "save": Action(("S", "s", "ctrl+s"), "save the game", "Table"),
    "load": Action(("L", "ctrl+l"), "load a game", "Table"),
    "picture": Action(("ctrl+p",), "a picture of the screen, as SVG", "Table"),
    "flip": Action(("F", "f"), "turn the board round (checkers, chess)", "Table"),
    "theme": Action(("ctrl+t",), "dark or light", "Table"),
    "help": Action(("question_mark", "f1"), "these keys", "Table"),
    "quit": Action(("Q", "q", "ctrl+q", "ctrl+c"), "leave; the game is kept", "Table"),
}

#: What people write for keys whose names in Textual are words.
SPELLED = {
    ":": "colon",
    "/": "slash",
    "[": "left_square_bracket",
    "]": "right_square_bracket",
    ",": "comma",
    ".": "full_stop",
    "<": "less_than_sign",
    ">": "greater_than_sign",
    "?": "question_mark",
    "+": "plus",
    "-": "minus",
    "!": "exclamation_mark",
    "esc": "escape",
    "return": "enter",
    " ": "space",
}
SHOWN = {name: sign for sign, name in SPELLED.items() if len(sign) == 1 and sign != " "}
SHOWN |= {
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "escape": "Esc",
    "enter": "Enter",
    "space": "Space",
}
SHOWN |= {"backspace": "Backspace", "tab": "Tab", "shift+tab": "Shift+Tab", "home": "Home", "end": "End"}


def config_path() -> Path:
    """Where a user's keys are: XDG_CONFIG_HOME/tengen/keys.yaml."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "tengen" / "keys.yaml"


class Keys:
    """Keys to actions, after the user's changes."""

    def __init__(self, changes: dict[str, tuple[str, ...]] | None = None, source: str = "keys") -> None:
        """changes: action -> its keys, instead of the usual ones. Raises TengenError."""
        changes = changes or {}
        self.of_action = {name: changes.get(name, action.keys) for name, action in ACTIONS.items()}
        taken = {key: name for name, keys in changes.items() for key in keys}
        self.of_key: dict[str, str] = {}
        for name, keys in self.of_action.items():
            if name not in changes:  # a key that the user gave to something else is no longer this one's
                keys = self.of_action[name] = tuple(key for key in keys if key not in taken)
            for key in keys:
                if self.of_key.setdefault(key, name) != name:
                    raise TengenError(f"{source}: key '{key}' stands for {self.of_key[key]} and for {name}")

    def shown(self, action: str) -> str:
        """An action's first key, as a person reads it."""
        keys = self.of_action[action]
        return show_key(keys[0]) if keys else ""

    @classmethod
    def load(cls, path: Path | None = None) -> "Keys":
        """The user's keys, or the usual ones where there is no such file. Raises TengenError.

        The file is YAML: `undo: u` or `undo: [u, backspace]`, an action a line; [] takes its keys away.
        """
        path = path or config_path()
        if not path.is_file():
            return cls()
        import yaml

        from tengen.league.notation import read_text

        try:
            data = yaml.safe_load(read_text(path)) or {}
        except yaml.YAMLError:
            raise TengenError(f"{path}: not YAML; a line looks like 'undo: [u, backspace]'") from None
        if not isinstance(data, dict):
            raise TengenError(f"{path}: expected lines such as 'undo: [u, backspace]'")
        changes: dict[str, tuple[str, ...]] = {}
        for name, keys in data.items():
            if name not in ACTIONS:
                raise TengenError(
                    f"{path}: unknown action '{name}'; {did_you_mean(str(name), ACTIONS, 'actions')}"
                )
            words = keys if isinstance(keys, list) else [keys]
            if not all(isinstance(word, str | int) and str(word) for word in words):
                raise TengenError(f"{path}: {name} must be a key or a list of keys, got {keys!r}")
            changes[name] = tuple(_textual_name(str(word)) for word in words)
        return cls(changes, str(path))


def show_key(key: str) -> str:
    """A key as a person reads it: "?" rather than "question_mark"."""
    return SHOWN.get(key, f"^{key[5:].upper()}" if key.startswith("ctrl+") else key)


def _textual_name(word: str) -> str:
    return SPELLED.get(word, SPELLED.get(word.lower(), word if len(word) == 1 else word.lower()))
