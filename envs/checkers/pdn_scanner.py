"""The words of a PDN or PGN stream: tags, turns and results, without what a reader of games does not need."""

import codecs
import re
from collections.abc import Iterator, Sequence
from typing import IO, Any, NamedTuple

from tengen.envs.checkers.text import printable

RESULTS = ("1-0", "0-1", "1/2-1/2", "*")
OLD_RESULTS = {"2-0": "1-0", "0-2": "0-1", "1-1": "1/2-1/2"}
CHUNK = 1 << 16  # characters read at once
LONGEST = 1 << 12  # longer than any tag or word of a sane file

_SPACE = re.compile(r"\s+")
_NUMBER_OR_NAG = re.compile(r"[0-9]{1,6}\.+|\$[0-9]{1,6}|[!?]+")
_TAG = re.compile(r'\[\s*([A-Za-z0-9_]{1,100})\s+"((?:[^"\\\n]|\\.)*)"\s*\]')
_RESULT = re.compile(r"(?:1/2-1/2|1-0|0-1|2-0|0-2|1-1|\*)(?![0-9x-])")
TURNS = (
    re.compile(r"[0-9]{1,2}(?:[-xX:×][0-9]{1,2})+(?![0-9])"),
    re.compile(r"[0-9]{1,2}(?:\s?[-xX:×]\s?[0-9]{1,2})+(?![0-9])"),
)
_WORD = re.compile(r"[^\s(){};\[\]]{1,4096}")


class Token(NamedTuple):
    """`kind` is tag ("key value"), turn, result or note, or bad-tag or garbage, whose text is the fault."""

    kind: str
    text: str
    line: int


def _as_latin1(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return error.object[error.start : error.end].decode("latin-1"), error.end


codecs.register_error("tengen-latin1", _as_latin1)


class _Reader:
    """A window on the stream's text that always shows LONGEST characters ahead, or all that are left."""

    def __init__(self, stream: IO[Any]) -> None:
        self.stream = stream
        self.decoder = codecs.getincrementaldecoder("utf-8-sig")("tengen-latin1")
        self.text, self.at, self.line, self.at_end = "", 0, 1, False
        self.line_start = True  # whether the window begins a line

    def fill(self) -> bool:
        """Read on where little is left; False at the end of the stream."""
        while not self.at_end and len(self.text) - self.at < LONGEST:
            chunk = self.stream.read(CHUNK)
            self.at_end = not chunk
            text = chunk if isinstance(chunk, str) else self.decoder.decode(chunk, final=self.at_end)
            if self.at:
                self.line_start = self.text[self.at - 1] == "\n"
            self.text = (self.text[self.at :] + text).lstrip("\ufeff")
            self.at = 0
        return self.at < len(self.text)

    def begins_line(self) -> bool:
        """Whether the next character is the first of its line."""
        return self.text[self.at - 1] == "\n" if self.at else self.line_start

    def take(self, end: int) -> None:
        """Go on to index `end` of the window."""
        self.line += self.text.count("\n", self.at, end)
        self.at = end

    def skip_past(self, mark: str) -> bool:
        """Go on behind the next `mark`; False where there is none."""
        while self.fill():
            found = self.text.find(mark, self.at)
            if found >= 0:
                self.take(found + 1)
                return True
            self.take(len(self.text))
        return False


def scan(
    stream: IO[Any], turns: Sequence[re.Pattern[str]] = TURNS, notes: re.Pattern[str] | None = None
) -> Iterator[Token]:
    """Every tag, turn, result and fault of a text or binary stream.

    `turns` are the forms of a turn, the first that fits counts; those of draughts unless told. `notes`: what
    is to be told of comments on the moves themselves, as the first group of the pattern.
    """
    reader = _Reader(stream)
    depth = opened = 0  # of variations, and the line of the outermost one
    while reader.fill():
        text, at, line = reader.text, reader.at, reader.line
        char = text[at]
        if space := _SPACE.match(text, at):
            reader.take(space.end())
        elif char == "{":
            end = text.find("}", at) if notes is not None and depth == 0 else -1
            if notes is not None and (note := notes.search(text, at, max(at, end))):
                yield Token("note", note[1], line)
            if not reader.skip_past("}"):
                yield Token("garbage", f"the comment opened on line {line} is never closed", line)
        elif char == ";" or (char == "%" and reader.begins_line()):
            reader.skip_past("\n")
        elif char == "(":
            opened = line if depth == 0 else opened
            depth += 1
            reader.take(at + 1)
        elif char == ")" and depth:
            depth -= 1
            reader.take(at + 1)
        elif depth:
            word = _WORD.match(text, at)
            reader.take(word.end() if word else at + 1)
        elif char == "[":
            if tag := _TAG.match(text, at):
                reader.take(tag.end())
                yield Token("tag", f"{tag[1]} " + re.sub(r"\\(.)", r"\1", tag[2]), line)
            else:
                shown = printable(text[at : at + 80].splitlines()[0])
                reader.skip_past("\n")
                yield Token("bad-tag", f"'{shown}' is not a tag of the form [Name \"value\"]", line)
        elif skipped := _NUMBER_OR_NAG.match(text, at):
            reader.take(skipped.end())
        elif result := _RESULT.match(text, at):
            reader.take(result.end())
            yield Token("result", OLD_RESULTS.get(result[0], result[0]), line)
        elif turn := next(filter(None, (form.match(text, at) for form in turns)), None):
            reader.take(turn.end())
            yield Token("turn", turn[0], line)
        else:
            word = _WORD.match(text, at)
            end = word.end() if word else at + 1
            reader.take(end)
            yield Token("garbage", f"'{printable(text[at:end])}' is neither a move nor a result", line)
    if depth:
        yield Token("garbage", f"the variation opened on line {opened} is never closed", opened)
