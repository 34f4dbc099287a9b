"""The text of GTP and Hub: known lines, and what is no line of theirs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tengen.agents.engines.gtp_wire import (
    Command,
    Response,
    ResponseReader,
    WireFault,
    format_command,
    format_response,
    parse_command,
)
from tengen.agents.engines.hub_wire import (
    HubFault,
    HubMove,
    Message,
    format_message,
    format_position,
    parse_message,
    parse_move,
)


def read(text: str) -> list[Response]:
    reader = ResponseReader()
    return [response for line in text.split("\n") if (response := reader.feed(line))]


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("boardsize 19", Command("boardsize", ("19",))),
        ("12 play black D5 # a comment", Command("play", ("black", "D5"), 12)),
        ("\t7\tgenmove\tw\r", Command("genmove", ("w",), 7)),
        ("gen\x07move b", Command("genmove", ("b",))),
        ("10", None),
        ("   # nothing", None),
        ("", None),
    ],
)
def test_commands_as_the_specification_writes_them(line: str, command: Command | None) -> None:
    assert parse_command(line) == command


@pytest.mark.parametrize(
    ("text", "response"),
    [
        ("= D4\n\n", Response(True, "D4")),
        ("=17 D4\n\n", Response(True, "D4", 17)),
        ("=3\n\n", Response(True, "", 3)),
        ("?5 illegal move\n\n", Response(False, "illegal move", 5)),
        ("=1 play\ngenmove\n\n", Response(True, "play\ngenmove", 1)),
        ("=\nA1 B2\n\n", Response(True, "A1 B2")),
        ("\r\n\n=2\tpass\r\n\r\n", Response(True, "pass", 2)),
    ],
)
def test_responses_as_engines_write_them(text: str, response: Response) -> None:
    assert read(text) == [response]


@pytest.mark.parametrize("line", ["D4", "Thinking...", "=D4", "==1", "=1x D4", "GNU Go 3.8"])
def test_what_is_no_response_is_told(line: str) -> None:
    with pytest.raises(WireFault, match="expected a response"):
        ResponseReader().feed(line)


def test_a_response_without_end_is_cut_off() -> None:
    reader = ResponseReader()
    with pytest.raises(WireFault, match="beyond"):
        for _ in range(2000):
            reader.feed("= " + "x" * 1000 if reader._lines is None else "x" * 1000)


@pytest.mark.parametrize("word", ["D4\nquit", "", "a\tb", "D4#", "\x00"])
def test_no_word_can_smuggle_in_a_second_command(word: str) -> None:
    with pytest.raises(WireFault, match="cannot be sent"):
        format_command("play", "b", word)


words = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="#"), min_size=1)


@given(st.lists(words, min_size=1), st.none() | st.integers(0, 10**9))
def test_commands_come_back_as_they_went(parts: list[str], number: int | None) -> None:
    if number is None and parts[0].isdigit():  # a number in front is an id by definition
        return
    assert parse_command(format_command(*parts, id=number)) == Command(parts[0], tuple(parts[1:]), number)


@given(st.booleans(), st.lists(words.map(str.strip).filter(bool)), st.none() | st.integers(0, 10**9))
def test_responses_come_back_as_they_went(ok: bool, lines: list[str], number: int | None) -> None:
    response = Response(ok, "\n".join(lines), number)
    assert read(format_response(response)) == [response]


@given(st.text())
def test_no_text_breaks_the_readers(text: str) -> None:
    """Anything a program prints is a message, nothing, or a fault with a name."""
    parse_command(text)
    try:
        read(text)
        parse_message(text)
    except (WireFault, HubFault) as fault:
        assert str(fault)


def test_hub_lines_as_scan_writes_them() -> None:
    line = 'id name=Scan version=3.0 author="Fabien Letouzey" country=France'
    assert parse_message(line) == Message(
        "id", {"name": "Scan", "version": "3.0", "author": "Fabien Letouzey", "country": "France"}
    )
    assert parse_message("  wait ") == Message("wait")
    assert parse_message("go think") == Message("go", {"think": ""})
    assert parse_message('param name=x value=""') == Message("param", {"name": "x", "value": ""})
    assert parse_message("") is None
    for bad in ('done move="32-28', "a=b", '"x"'):
        with pytest.raises(HubFault, match="expected"):
            parse_message(bad)


def test_hub_lines_as_we_write_them() -> None:
    assert format_message("level", move_time="0.5") == "level move-time=0.5\n"
    assert format_message("go", think=True) == "go think\n"
    assert format_message("pos", pos="Bwe", moves="11-15 23-19") == 'pos pos=Bwe moves="11-15 23-19"\n'
    assert format_position(0, "b.W") == "BbeW"
    with pytest.raises(HubFault, match="cannot be sent"):
        format_message("pos", pos='"\nquit')


def test_hub_moves_name_what_they_capture() -> None:
    assert parse_move("32-28") == HubMove(32, 28)
    assert parse_move("28x19x23") == HubMove(28, 19, frozenset({23}))
    assert parse_move("9x27x23x14") == parse_move("9x27x14x23")
    assert str(HubMove(9, 27, frozenset({23, 14}))) == "9x27x14x23"
    for bad in ("28x19", "28", "", "28-19x23", "a-b", "28x"):
        with pytest.raises(HubFault, match="is not a move"):
            parse_move(bad)
