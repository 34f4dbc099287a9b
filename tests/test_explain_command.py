"""`tengen explain` as a user types it: boards, worlds, files, and what is refused."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tengen.cli import main
from tengen.envs import Position, make_game
from tengen.explain.drawing import overlay
from tengen.explain.maps import Board, Explanation, Map
from tengen.explain.terminal import text_of
from tengen.league.notation import game_text
from tengen.networks.checkpoint import save_checkpoint
from tests.nets import lived_in

PLAYED = ["E5", "C3", "G7", "G3", "C7", "D2", "F6", "pass", "F4"]


@pytest.fixture
def record(tmp_path: Path) -> Path:
    game = make_game("go9")
    position = Position(game)
    for word in PLAYED:
        position.play(word)
    file = tmp_path / "game.sgf"
    file.write_text(game_text(game, position, ("one", "other")))
    return file


class Tags(HTMLParser):
    """Every tag and address of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for key, value in attrs if key in ("src", "href")]


def test_a_move_of_a_game_is_explained_in_a_pipe_and_in_files(capsys, record: Path, tmp_path: Path) -> None:
    files = {form: tmp_path / f"out.{form}" for form in ("png", "svg", "html")}
    arguments = [
        "explain",
        "--agent",
        "models/go9",
        "--game",
        str(record),
        "--move",
        "7",
        "--layer",
        "tower.stem",
    ]
    assert (
        main([*arguments, *(word for form, file in files.items() for word in (f"--{form}", str(file)))]) == 0
    )
    out = capsys.readouterr().out
    assert "go9, Black to move: F6" in out and "\x1b" not in out
    assert {line.split("  ")[0] for line in out.splitlines()} >= {"before", "after F6"}
    methods = ("integrated", "gradient", "smoothgrad", "occlusion", "removal")
    assert [
        line.split(":")[0] for line in out.splitlines() if re.match(r"\w+: (value|logit|prob)", line)
    ] == [method for method in methods for _ in range(2)]
    board = out[out.index("removal: value") :].splitlines()[1:10]
    assert sum(line.count("X") for line in board) == 3 and sum(line.count("*") for line in board) == 1
    assert [line[:2] for line in board] == [f"{row:>2}" for row in range(9, 0, -1)]

    picture = Image.open(BytesIO(files["png"].read_bytes()))
    assert picture.width > 700 and len(picture.convert("RGB").getcolors(1 << 24)) > 30
    assert ElementTree.parse(files["svg"]).getroot().tag.endswith("svg")
    page = Tags()
    page.feed(files["html"].read_text())
    assert page.tags.count("svg") >= 12 and "script" not in page.tags and "link" not in page.tags
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    assert "http" not in files["html"].read_text().replace("http://www.w3.org/2000/svg", "").replace(
        "http-equiv", ""
    )


def test_positions_come_as_one_line_as_a_file_and_as_a_drawing(capsys, tmp_path: Path) -> None:
    line = "9/9/2X3O2/9/4X4/9/2O3X2/9/9 w - 7 0 4"
    file, drawing = tmp_path / "line.txt", tmp_path / "drawing.txt"
    file.write_text(line + "\n")
    game = make_game("go9")
    drawing.write_text(game.board(game.from_text(line)) + "\nWhite to move\n")
    shown = []
    for text in (line, str(file), str(drawing)):
        assert (
            main(["explain", "--agent", "policy:models/go9", "--position", text, "--method", "removal"]) == 0
        )
        shown.append(capsys.readouterr().out.split("\n", 1)[1])
    assert "White to move" in shown[0] and shown[0] == shown[1]
    assert (
        main(
            ["explain", "--agent", "models/go9", "--position", line, "--action", "C5", "--method", "gradient"]
        )
        == 0
    )
    assert "go9, White to move: C5" in capsys.readouterr().out
    assert (
        main(["explain", "--agent", "models/go9", "--position", "4X2/7/7/2O4/7/7/7 b", "--method", "removal"])
        == 0
    )
    assert "go7, Black to move" in capsys.readouterr().out.replace("go:size=7", "go7")


def test_a_search_is_asked_for_its_move(capsys) -> None:
    line = "9/9/2X3O2/9/4X4/9/2O3X2/9/9 b - 7 0 5"
    assert (
        main(["explain", "--agent", "mcts:models/go9?sims=8", "--position", line, "--method", "removal"]) == 0
    )
    out = capsys.readouterr().out
    word = re.search(r"Black to move: (\w+)", out)
    assert word is not None and f"the network alone gives {word[1]} " in out


def test_a_step_of_pong_is_explained_and_filmed(capsys, tmp_path: Path) -> None:
    page, film = tmp_path / "pong.html", tmp_path / "pong.gif"
    arguments = ["explain", "--agent", "dqn:models/pong", "--steps", "25", "--seed", "3"]
    assert main([*arguments, "--method", "occlusion", "--html", str(page)]) == 0
    out = capsys.readouterr().out
    assert "atari/Pong, step 25 of seed 3" in out and out.count("after ") == 3
    numbers = [line.split() for line in out.splitlines() if re.fullmatch(r"( +-?\d+){12}", line)]
    assert len(numbers) == 24 and max(abs(int(word)) for row in numbers for word in row) == 100
    assert page.read_text().count("data:image/png") >= 2
    assert main([*arguments, "--method", "gradient", "--video", str(film), "--seconds", "0.2"]) == 0
    with Image.open(film) as pictures:
        assert pictures.n_frames == 3 and pictures.height >= 210


@pytest.mark.parametrize("name", ["checkers", "connect4", "chess"])
def test_every_game_with_a_network_is_explained(capsys, tmp_path: Path, name: str) -> None:
    game = make_game(name)
    network = lived_in(game)  # type: ignore[arg-type]
    save_checkpoint(tmp_path / "net", network, game=game)
    position = Position(game)
    for _ in range(5):  # so that the second player is to move
        position.apply(position.legal_actions()[0])
    text, files = game.to_text(position.state), [str(tmp_path / "out.png"), str(tmp_path / "out.html")]
    arguments = ["explain", "--agent", str(tmp_path / "net"), "--position", text, "--method", "all"]
    assert main([*arguments, "--png", files[0], "--html", files[1], "--layer", "tower"]) == 0
    out = capsys.readouterr().out
    assert f"{game.name}, {game.second_player} to move: " in out
    assert ("removal: value" in out) == (name != "connect4")
    if name == "connect4":
        assert main([*arguments[:-1], "removal"]) == 2
        assert "does not apply" in capsys.readouterr().err


GAME = "--game GAME"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (f"--agent random {GAME}", "has no network"),
        (f"--agent mcts?sims=8 {GAME}", "has no network"),
        (f"--agent minimax {GAME}", "has no network"),
        (f"--agent no/such/folder {GAME}", "no such checkpoint"),
        (f"--agent policy: {GAME}", "needs a checkpoint"),
        (f"--agent plicy:models/go9 {GAME}", "did you mean policy"),
        (f"--agent models/go9 {GAME} --move 11", "--move 11: the game has 9 moves; give 1 to 10"),
        (f"--agent models/go9 {GAME} --move 0", "give 1 to 10"),
        (f"--agent models/go9 {GAME} --layer tower.stem.con", "did you mean tower.stem.conv.*heads.value"),
        (f"--agent models/go9 {GAME} --method magic", "unknown method 'magic'"),
        (f"--agent models/go9 {GAME} --action E5", "--action: E5 is illegal"),
        (f"--agent models/go9 {GAME} --position x", "--position TEXT, or --game"),
        ("--agent models/go9", "--position TEXT, or --game"),
        ("--agent models/go9 --position 9/9", "no file, and as text"),
        ("--agent models/go9 --position 9/9/9/9/9/9/9/9/9 --move 3", "--move counts"),
        ("--agent models/go9 --game nowhere.sgf", "No such file"),
        ("--agent models/go9 --game WRONG", "SGF"),
        ("--agent models/go9 --position x --video a.gif", "--video does not go"),
        ("--agent dqn:models/pong --position x", "--position does not go"),
        ("--agent dqn:models/pong --method removal", "does not apply"),
        ("--agent dqn:models/pong --action jump", "unknown action 'jump'"),
        ("--agent dqn:models/pong --video a.avi", "must end in .mp4 or .gif"),
        ("--agent dqn:models/pong --steps -1", "out of range"),
        ("--agent dqn:models/go9", "board game"),
        ("--agent policy:models/pong --position x", "action values"),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_sentence(
    capsys, record: Path, tmp_path: Path, arguments: str, reason: str
) -> None:
    (tmp_path / "wrong.sgf").write_bytes(b"\x89PNG\r\n\x1a\n")
    words = arguments.replace("GAME", str(record)).replace("WRONG", str(tmp_path / "wrong.sgf")).split()
    code = main(["explain", *words])
    error = capsys.readouterr().err
    assert code == 2 and re.search(reason, error), error
    assert error.startswith("tengen: error: ") and error.count("\n") == 1


def test_boards_fit_narrow_terminals_and_say_the_same_without_colours() -> None:
    rng = np.random.default_rng(0)
    pieces = "".join(rng.choice(list(".XO"), 361))
    values = rng.normal(size=(19, 19)).astype(np.float32)
    maps = [Map("removal", target, values, "note") for target in ("value", "probability of A1")]
    board = Board("go", pieces, 19, 19, (), (342,))
    names = [f"p{i}" for i in range(361)]
    shown = Explanation(
        "title",
        board,
        ["fact"],
        ["", "value", "wins", "moves"],
        [["before", "+0.1", "55%", "A1"]],
        maps,
        names,
    )
    for columns in (24, 42, 80, 200):
        for colours in ("true", "256"):
            lines = [re.sub(r"\x1b\[[\d;]*m", "", line) for line in text_of(shown, columns, colours)]
            assert max(map(len, lines)) <= columns
            drawn = [line for line in lines if re.match(r"[ 1]\d ", line)]
            assert len(drawn) == (19 if columns == 200 else 38)
            for i, line in enumerate(drawn[:19]):
                letters = [letter for letter in line[3:] if letter in "XO·"]
                assert "".join(letters[:19]).replace("·", ".") == pieces[19 * i : 19 * i + 19]
    plain = text_of(shown, 120, "none")
    most = int(np.abs(values).argmax())
    assert f"p{most} {'-' if values.flat[most] < 0 else ''}100" in " ".join(plain)
    narrow = text_of(shown, 40, "none")  # too narrow for numbers: the places in words
    assert max(map(len, narrow)) <= 40 and f"p{most}" in " ".join(narrow)


def test_what_is_laid_over_a_screen_is_red_for_and_blue_against() -> None:
    image = np.full((20, 10, 3), 100, np.uint8)
    values = np.zeros((4, 2), np.float32)
    values[0, 0], values[3, 1] = 1, -1
    laid = overlay(image, values).astype(int)
    assert laid[0, 0, 0] > laid[0, 0, 2] + 100 and laid[-1, -1, 2] > laid[-1, -1, 0] + 100
    assert (laid[0, -1] == laid[0, -1, 0]).all()
