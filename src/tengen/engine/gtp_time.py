"""GTP's commands about time, KGS's among them."""

from typing import TYPE_CHECKING

from tengen.engine.clock import TimeControl, gtp_control
from tengen.engine.gtp_core import need, whole
from tengen.engine.refusal import Refusal

if TYPE_CHECKING:
    from tengen.engine.gtp_session import GtpSession


def time_settings(session: "GtpSession", words: list[str]) -> str:
    need(words, "time_settings MAIN_S PERIOD_S STONES", 3)
    _set(session, gtp_control(_seconds(words[0]), _seconds(words[1]), whole(words[2])))
    return ""


def kgs_time_settings(session: "GtpSession", words: list[str]) -> str:
    """none | absolute MAIN | byoyomi MAIN PERIOD PERIODS | canadian MAIN PERIOD STONES"""
    kind = words[0].lower() if words else ""
    count = {"none": 0, "absolute": 1, "byoyomi": 3, "canadian": 3}.get(kind)
    if count is None or len(words) - 1 != count:
        raise Refusal(f"syntax error: expected {kgs_time_settings.__doc__}")
    control = TimeControl()
    if kind == "absolute":
        control = TimeControl(kind, _seconds(words[1]))
    elif count == 3:
        control = TimeControl(kind, _seconds(words[1]), _seconds(words[2]), max(1, whole(words[3])))
    _set(session, control)
    return ""


def time_left(session: "GtpSession", words: list[str]) -> str:
    need(words, "time_left COLOR SECONDS STONES", 3)
    color, seconds, stones = session.color(words[0]), _seconds(words[1]), whole(words[2])
    session.clocks[color] = session.clocks[color].told(seconds, stones)
    return ""


def _set(session: "GtpSession", control: TimeControl) -> None:
    from tengen.engine.clock import SideClock

    session.control = control
    session.clocks = [SideClock.start(control)] * 2


def _seconds(word: str) -> float:
    """Seconds, of which a clock that ran out may have fewer than none. Raises Refusal."""
    text = word.removeprefix("-")
    if len(text) > 12 or not text.isascii() or not text.replace(".", "", 1).isdecimal():
        raise Refusal(f"syntax error: '{word[:40]}' is not a number of seconds")
    return float(text) if text == word else 0.0


COMMANDS = {
    "time_settings": time_settings,
    "kgs-time_settings": kgs_time_settings,
    "time_left": time_left,
}
