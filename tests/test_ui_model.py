"""A game at the board as data: variations, taking back, clocks, keys, set-up, files, reviews."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tengen.envs import Position, make_game
from tengen.errors import IllegalMove, TengenError
from tengen.shipped import shipped_network
from tengen.ui.model.autosave import AutoSave, session_from_json, session_json, unfinished
from tengen.ui.model.clock import GameClock, parse_control
from tengen.ui.model.faces import face_of, winning_four
from tengen.ui.model.keys import ACTIONS, Keys
from tengen.ui.model.levels import LEVELS, level_spec
from tengen.ui.model.records import load_record, record_text, save_record
from tengen.ui.model.review import Finding, mistakes
from tengen.ui.model.session import Seat, Session
from tengen.ui.model.setup import Setup
from tengen.ui.model.tree import GameTree


def session(name: str, *turns: str, against: str = "human") -> Session:
    """A game after some turns of both sides, `against` being White."""
    game = Session(make_game(name), [Seat(), Seat(against)])
    for turn in turns:
        if game.awaits_agent:
            game.answer(game.game.parse_turn(game.tip.state, turn))
        else:
            game.play_words(turn)
    return game


def words(game: Session) -> list[str]:
    """The turns of the line that is looked at."""
    return [node.words for node in game.tree.line()[1:]]


# --- the tree of turns --------------------------------------------------------------------------------------


def test_a_turn_that_is_known_is_not_added_again_and_another_one_is_a_variation() -> None:
    tree = GameTree(make_game("go5"))
    for turn in ("C3", "B2"):
        tree.play_words(turn)
    tree.step(-1)
    tree.play_words("D4")
    tree.step(-1)
    tree.play_words("B2")
    assert [child.words for child in tree.root.children[0].children] == ["B2", "D4"]
    assert tree.sibling(1).words == "D4" and tree.sibling(1).words == "B2"
    assert [node.words for node in tree.nodes()] == ["", "C3", "B2", "D4"]


def test_variations_are_chosen_at_their_first_turn_or_just_before_it() -> None:
    tree = session("go5", "C3", "B2").tree
    tree.step(-1)
    tree.play_words("D4")
    assert tree.vary(1) and tree.current.words == "B2"
    tree.step(-1)
    assert tree.vary(1) and tree.current.words == "C3" and tree.line()[-1].words == "D4"
    assert tree.vary(1) and tree.line()[-1].words == "B2"
    tree.step(-1)
    assert not tree.vary(1)


def test_stepping_forward_leads_where_one_was_last() -> None:
    tree = GameTree(make_game("connect4"))
    for turn in ("4", "4", "3"):
        tree.play_words(turn)
    tree.step(-2)
    tree.play_words("1")
    tree.step(-100)
    assert tree.current is tree.root
    assert [node.words for node in tree.line()] == ["", "4", "1"]
    assert tree.step(100).words == "1"


def test_a_multi_jump_is_one_turn_and_half_of_one_is_refused() -> None:
    game = make_game("checkers")
    state = game.from_text("B:W18,26:B15,1")
    tree = GameTree(game, state)
    actions = game.parse_turn(state, "15x31")
    with pytest.raises(IllegalMove, match="must go on"):
        tree.play(actions[:1])
    assert tree.current is tree.root and not tree.root.children
    assert tree.play(actions).words == "15x31"
    assert tree.captures(0) == 2 and tree.current.is_terminal


@given(st.lists(st.integers(0, 400), max_size=60), st.sampled_from(["go5", "checkers", "connect4"]))
def test_a_tree_holds_what_a_position_would(choices: list[int], name: str) -> None:
    game = make_game(name)
    tree, position = GameTree(game), Position(game)
    for choice in choices:
        if position.is_terminal:
            break
        turns = position.legal_turns()
        turn = turns[choice % len(turns)]
        tree.play(turn)
        for action in turn:
            position.apply(action)
    assert tree.actions() == position.actions
    assert (tree.current.state == position.state).all()
    again = GameTree(game)
    again.play_actions(tree.actions())
    assert [node.words for node in again.path()] == [node.words for node in tree.path()]


# --- a session ----------------------------------------------------------------------------------------------


def test_undo_goes_back_to_the_persons_last_move_even_while_the_agent_is_to_move() -> None:
    game = session("go5", "C3", "B2", "D4", against="random")
    assert game.awaits_agent
    game.undo()
    assert words(game)[:2] == ["C3", "B2"] and game.tip.words == "B2"
    game.undo()
    assert game.tip is game.tree.root
    with pytest.raises(IllegalMove, match="no move of yours"):
        game.undo()
    game.redo()
    assert game.tip.words == "B2"  # the agent's answer comes with one's own move


def test_between_two_people_undo_takes_back_one_turn() -> None:
    game = session("connect4", "4", "4", "3")
    game.undo()
    assert game.tip.words == "4" and game.tip.number == 2 and game.awaited == 0


def test_what_is_played_while_looking_back_is_a_variation_until_it_is_played_on() -> None:
    game = session("go5", "C3", "B2", "D4", "A1")
    game.tree.step(-2)
    game.play_words("E5")
    assert game.tip.words == "A1" and not game.at_tip
    game.play_on()
    assert game.tip.words == "E5" and game.awaited == 1


def test_an_agents_answer_does_not_move_the_eye() -> None:
    game = session("go5", "C3", against="random")
    game.tree.step(-1)
    game.answer([0])
    assert game.tree.current is game.tree.root and game.tip.number == 2


def test_a_resignation_ends_the_game_and_is_the_first_thing_taken_back() -> None:
    game = session("go5", "C3", "B2", against="random")
    game.resign(0)
    assert (game.result, game.reason, game.awaited) == ("W+R", "resignation", None)
    with pytest.raises(IllegalMove, match="the game is over"):
        game.play_words("D4")
    game.undo()
    assert game.result == "" and game.tip.words == "B2"
    checkers = session("checkers", "11-15")
    checkers.resign(1)
    assert checkers.result == "Black wins"


def test_a_draw_needs_both_and_a_move_declines_it() -> None:
    game = session("checkers", "11-15")
    assert not game.offer_draw(1) and game.offer == 1
    game.play_words("22-18")
    assert game.offer == 1  # one's own move leaves the offer
    game.play_words("15x22")
    assert game.offer is None
    game.offer_draw(0)
    assert game.offer_draw(1) and (game.result, game.reason) == ("draw", "agreement")
    with pytest.raises(IllegalMove, match="not drawn by agreement"):
        session("go5").offer_draw(0)


def test_dead_stones_are_whole_chains_and_change_the_result() -> None:
    """Black's wall on the C line owns the left; the white pair at A1, A2 is dead."""
    game = session("go:size=5,komi=0.5", "C1", "A1", "C2", "A2", "C3", "E5", "C4", "E4", "C5")
    assert not game.marks_dead
    for _ in range(2):
        game.play_words("pass")
    assert game.result == "B+0.5"
    game.toggle_dead(4 * 5)
    assert game.dead == {15, 20} and game.result == "B+12.5"
    game.toggle_dead(3 * 5)
    assert game.result == "B+0.5"
    with pytest.raises(IllegalMove, match="no stone"):
        game.toggle_dead(1)
    game.undo()
    assert game.result == "" and game.dead == frozenset()


# --- clocks -------------------------------------------------------------------------------------------------


def test_an_increment_is_given_for_each_move() -> None:
    clock = GameClock(parse_control("1m+5s"))
    clock.start(0, 100.0)
    assert clock.at(0, 120.0) == (40.0, 0) and clock.at(1, 120.0) == (60.0, 0)
    clock.moved(0, 120.0)
    assert clock.at(0, 500.0) == (45.0, 0)
    clock.start(1, 500.0)
    assert clock.expired(559.0) is None and clock.expired(560.0) == 1


def test_byo_yomi_gives_a_period_back_for_a_move_within_it() -> None:
    clock = GameClock(parse_control("10s+3x30s"))
    clock.start(0, 0.0)
    assert clock.at(0, 25.0) == (15.0, 2) and clock.words(0, 25.0) == "0:15 x3"
    clock.moved(0, 25.0)
    assert clock.at(0, 25.0) == (30.0, 2)
    clock.start(0, 25.0)
    assert clock.at(0, 60.0) == (25.0, 1)  # one period is spent
    assert clock.expired(25.0 + 89.0) is None and clock.expired(25.0 + 90.0) == 0


@pytest.mark.parametrize("text", ["", "ten", "0", "10m+", "5x30", "10m+3x", "-1m", "0s+0s", "1m+5s+3s"])
def test_a_clock_that_is_not_understood_is_told_with_what_would_be(text: str) -> None:
    with pytest.raises(TengenError, match=r"clock.*10m"):
        parse_control(text)


@pytest.mark.parametrize("text", ["10m", "90s", "1h", "10m+5s", "10m+3x30s"])
def test_a_time_control_reads_as_it_is_written(text: str) -> None:
    assert str(parse_control(text)) in (text, {"90s": "90s"}.get(text))
    assert parse_control(str(parse_control(text))) == parse_control(text)


# --- keys and levels ----------------------------------------------------------------------------------------


def test_every_key_has_one_meaning() -> None:
    keys = Keys()
    assert sum(len(action.keys) for action in ACTIONS.values()) == len(keys.of_key)


def test_a_users_keys_replace_the_usual_ones(tmp_path: Path) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text("undo: [z, '<']\npass: []\nhelp: ':'\n")
    keys = Keys.load(file)
    assert keys.of_key["z"] == keys.of_key["less_than_sign"] == "undo"
    assert "u" not in keys.of_key and "p" not in keys.of_key
    assert keys.of_key["colon"] == "help" and keys.of_key["slash"] == "command"
    assert keys.shown("undo") == "z" and keys.shown("pass") == ""
    assert Keys.load(tmp_path / "none.yaml").of_key == Keys().of_key


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("undoo: u", "unknown action 'undoo'; did you mean undo?"),
        ("- u", "expected lines"),
        ("undo: {a: 1}", "must be a key or a list of keys"),
        ("undo: [", "not YAML"),
        ("undo: x\nredo: x", "key 'x' stands for undo and for redo"),
    ],
)
def test_a_damaged_file_of_keys_is_told(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "keys.yaml"
    file.write_text(content)
    with pytest.raises(TengenError) as told:
        Keys.load(file)
    assert message in str(told.value) and "keys.yaml" in str(told.value)


@pytest.mark.parametrize("name", ["go9", "go13", "checkers", "connect4"])
def test_every_level_is_an_agent(name: str) -> None:
    from tengen.agents.registry import parse_agent

    game = make_game(name)
    specs = [level_spec(game, level.name) for level in LEVELS]
    assert len({parse_agent(spec).text for spec in specs}) == len(LEVELS)
    with pytest.raises(TengenError, match="did you mean strongest"):
        level_spec(game, "strongst")


def test_a_shipped_network_serves_the_sizes_it_fits() -> None:
    assert shipped_network(make_game("go9")) == "models/go9"
    assert shipped_network(make_game("go:size=9,komi=6.5")) == "models/go9"
    assert shipped_network(make_game("go13")) == "models/go9"


# --- faces and set-up ---------------------------------------------------------------------------------------


def test_a_typed_move_is_taken_as_soon_as_it_can_be_no_other() -> None:
    go9, go19 = (face_of(make_game(name)) for name in ("go9", "go19"))
    start = make_game("go9").new_states(1)
    assert go9.typed("d", start) is None and go9.typed("d4", start) is True
    assert (
        go9.typed("i", start) is False and go9.typed("k", start) is False and go9.typed("d0", start) is False
    )
    assert go19.typed("d1", start) is None and go19.typed("d4", start) is True
    assert go19.typed("d19", start) is True and go19.typed("d20", start) is False
    checkers = face_of(make_game("checkers"))
    state = checkers.game.new_states(1)
    assert checkers.typed("11", state) is None and checkers.typed("11-15", state) is True
    assert checkers.typed("d", state) is False
    assert face_of(make_game("connect4")).typed("4", start) is True


def test_a_chosen_piece_leads_to_the_squares_that_it_may_reach() -> None:
    game = make_game("checkers")
    face = face_of(game)
    state = game.from_text("B:W18,26,25:B15")
    piece = face.pieces(state).index("b")
    turns = face.turns_at(state, [piece])
    assert sorted(game.format_turn(state, turn) for turn in turns) == ["15x29", "15x31"]
    assert face.turns_at(state, [piece + 1]) == []
    assert [len(face.path(state, turn)) for turn in turns] == [3, 3]


def test_a_won_line_of_four_is_found() -> None:
    game = session("connect4", *"1213141")
    assert game.result == "X wins"
    assert winning_four(game.tip.state) == [14, 21, 28, 35]


def test_a_position_is_set_up_and_what_cannot_stand_is_told() -> None:
    game = make_game("go5")
    setup = Setup(game, face_of(game), game.new_states(1))
    for cell in (1, 5):
        setup.put(cell, "X")
    setup.put(0, "O")
    with pytest.raises(TengenError, match="without liberties at A5"):
        setup.build()
    setup.cycle(0)
    setup.turn()
    state = setup.build()
    assert state["to_play"][0] == 1 and game.board(state).count("X") == 2
    checkers = make_game("checkers")
    men = Setup(checkers, face_of(checkers), checkers.new_states(1))
    with pytest.raises(TengenError, match="dark squares"):
        men.put(0, "b")
    men.clear()
    men.put(1, "W")
    with pytest.raises(TengenError, match="over"):
        men.build()
    men.put(62, "B")
    assert checkers.to_text(men.build()) == "B:WK1:BK32"


# --- files --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "turns"),
    [
        ("go5", ("C3", "B2", "pass", "D4")),
        ("checkers", ("11-15", "22-18", "15x22", "25x18")),
        ("connect4", ("4", "4", "1")),
    ],
)
def test_a_record_brings_the_game_back(name: str, turns: tuple[str, ...], tmp_path: Path) -> None:
    game = session(name, *turns)
    save_record(game, tmp_path / "game")
    again = Session(make_game(name))
    assert load_record(again, tmp_path / "game") == ""
    assert words(again) == list(turns) and again.at_tip
    assert (again.tip.state == game.tip.state).all()


def test_variations_and_comments_of_go_are_kept_in_sgf(tmp_path: Path) -> None:
    game = session("go5", "C3", "B2", "D4")
    game.tree.step(-2)
    game.play_words("E5")
    game.play_words("E4")
    game.tree.current.comment = "a joseki]"
    save_record(game, tmp_path / "game.sgf")
    assert record_text(game).count("(") == 3  # the game and its two branches
    again = Session(make_game("go5"))
    load_record(again, tmp_path / "game.sgf")
    assert words(again) == ["C3", "B2", "D4"]
    assert [node.words for node in again.tree.nodes()] == ["", "C3", "B2", "D4", "E5", "E4"]
    assert list(again.tree.nodes())[-1].comment == "a joseki]"


def test_variations_keep_their_order_and_a_result_and_names_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "x.sgf"
    file.write_bytes(b"(;SZ[5]PB[Shusaku]PW[Gennan]RE[W+Resign];B[cc];W[bb](;B[dd])(;B[ee])(;B[aa]))")
    game = Session(make_game("go5"))
    assert load_record(game, file) == ""
    assert [node.words for node in game.tip.parent.children] == ["D2", "E1", "A5"]  # type: ignore[union-attr]
    assert (game.result, game.reason) == ("W+R", "resignation")
    written = record_text(game)
    assert "PB[Shusaku]" in written and "PW[Gennan]" in written and "RE[W+R]" in written
    assert written.index("[dd]") < written.index("[ee]") < written.index("[aa]")
    again = session_from_json(session_json(game, 0.0), make_game("go5"))
    assert record_text(again) == written
    game.undo()
    assert game.awaited == 1 and game.tip.number == 3  # it was given up before its end: it can go on


@pytest.mark.parametrize(
    ("written", "result"),
    [
        ("B+12.5", "B+12.5"),
        ("w+t", "W+T"),
        ("0", "draw"),
        ("B+", "B+"),
        ("?", ""),
        ("Void", ""),
        ("B+9999999", ""),
    ],
)
def test_a_result_is_read_as_sgf_writes_it(written: str, result: str, tmp_path: Path) -> None:
    file = tmp_path / "x.sgf"
    file.write_text(f"(;SZ[5]RE[{written}];B[cc])")
    game = Session(make_game("go5"))
    load_record(game, file)
    assert game.result == result


def test_a_draw_by_agreement_is_in_the_record(tmp_path: Path) -> None:
    game = session("checkers", "11-15")
    game.offer_draw(0)
    assert game.offer_draw(1)
    save_record(game, tmp_path / "x.pdn")
    assert "1/2-1/2" in record_text(game)
    again = Session(make_game("checkers"))
    load_record(again, tmp_path / "x.pdn")
    assert again.result == "draw"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"(;SZ[25];B[aa])", "SZ[25] is not supported"),
        (b"(;SZ[19];B[aa])", "is on 19x19"),
        (b"", "is empty"),
        (b"\xff\xfe\0junk", "UTF-16 or binary"),
        (b"(;SZ[5]CA[nonsense];B[aa])", "not an encoding"),
        (b"(;SZ[5]AB[aa][ba]AW[zz])", "not a point"),
        (b"(;SZ[5];B[aa]", "cut off"),
    ],
)
def test_a_record_that_cannot_be_opened_leaves_the_game_alone(
    content: bytes, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "x.sgf"
    file.write_bytes(content)
    game = session("go5", "C3", "B2")
    with pytest.raises(TengenError) as told:
        load_record(game, file)
    assert message in str(told.value) and "x.sgf" in str(told.value)
    assert words(game) == ["C3", "B2"] and game.at_tip


def test_a_record_is_played_as_far_as_the_rules_allow(tmp_path: Path) -> None:
    file = tmp_path / "x"
    file.write_bytes(b"(;SZ[5]CA[latin-1]PB[J\xf6rg]AB[cc]HA[2];W[aa];B[aa](;W[bb])(;W[dd];B[ee]))")
    game = Session(make_game("go5"))
    assert "only 1 moves can be played: A5 is illegal" in load_record(game, file)
    assert words(game) == ["A5"] and game.awaited == 0
    file.write_bytes(b'[Event "x"]\n1. 11-15 22-18 2. 15-19 *')
    checkers = Session(make_game("checkers"))
    assert "only 2 turns can be played: 15-19 is illegal" in load_record(checkers, file)
    assert words(checkers) == ["11-15", "22-18"]
    file.write_bytes(b"(;SZ[5])")
    assert load_record(game, file) == "" and words(game) == []


SEEDS = {
    "go5": b"(;GM[1]FF[4]SZ[5]KM[6.5]HA[2]AB[bb][dd]PB[x]C[a\\]b];W[cc];B[]"
    b"(;W[aa];B[tt])(;W[ab]C[no];W[ba]))",
    "checkers": b'[Event "x"]\n[FEN "W:W21-32:B1-12"]\n1. 22-18 {c} 11-15 2. 18x11 (2. x) 8x15 *\n',
    "connect4": b"# connect4\n4 4 3 5 2 1 7\n",
}


@given(
    st.sampled_from(sorted(SEEDS)),
    st.lists(st.tuples(st.integers(0, 10**6), st.binary(max_size=3)), max_size=6),
)
@settings(max_examples=300)
def test_a_mutated_record_is_opened_or_refused_in_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, name: str, cuts: list[tuple[int, bytes]]
) -> None:
    data = SEEDS[name]
    for at, other in cuts:
        place = at % (len(data) + 1)
        data = data[:place] + other + data[place + at // 10**5 % 5 :]
    file = tmp_path_factory.getbasetemp() / f"mutated-{name}"
    file.write_bytes(data)
    game = session(name)
    before = game.tree
    try:
        load_record(game, file)
    except TengenError as error:
        assert "\n" not in str(error) and game.tree is before
    else:
        assert game.at_tip and game.tree is not before
        assert record_text(game)


def test_a_session_comes_back_from_its_json_with_variations_clocks_and_seats() -> None:
    game = session("go5", "C3", "B2", "D4", against="random")
    game.clock = GameClock(parse_control("10m+3x30s"))
    game.clock.start(1, 0.0)
    game.undo()
    game.play_words("E5")
    game.tip.think(0.25, 10)
    again = session_from_json(session_json(game, 61.0), make_game("go5"))
    assert [node.words for node in again.tree.nodes()] == [node.words for node in game.tree.nodes()]
    assert again.tip.words == "E5" and again.tip.value == 0.25 and again.seats == game.seats
    assert again.clock is not None and again.clock.left == [600.0, 539.0]
    assert session_json(again, 61.0) == session_json(game, 61.0)


@given(st.data())
def test_damaged_json_is_refused_in_a_sentence(data: st.DataObject) -> None:
    text = session_json(session("go5", "C3", "B2"), 0.0)
    at = data.draw(st.integers(0, len(text) - 1))
    broken = text[:at] + data.draw(st.sampled_from(["", "9", "-", "null", "]", '"'])) + text[at + 1 :]
    try:
        assert isinstance(session_from_json(broken, make_game("go5")), Session)
    except TengenError as error:
        assert "kept game" in str(error) or "position" in str(error) or "illegal" in str(error)


def test_an_unfinished_game_is_offered_until_it_is_over(tmp_path: Path) -> None:
    game = session("go5", "C3", "B2")
    saver = AutoSave(game.game, tmp_path, "go5-x-999999999")
    saver.write(session_json(game, 0.0), record_text(game), game.is_over)
    assert saver.record.read_text().startswith("(;") and not list(tmp_path.glob("*.tmp"))
    assert unfinished(make_game("go5"), tmp_path) == []  # it is being played
    saver.close()
    (kept,) = unfinished(make_game("go5"), tmp_path)
    assert kept.turns == 2 and unfinished(make_game("go9"), tmp_path) == []
    (tmp_path / "go5-z.json").write_text("{")
    assert [found.path for found in unfinished(make_game("go5"), tmp_path)] == [kept.path]
    again = AutoSave(game.game, tmp_path, saver.name)  # somebody goes on with it
    again.write(kept.text, record_text(game), False)
    assert unfinished(make_game("go5"), tmp_path) == []
    again.close()
    assert len(unfinished(make_game("go5"), tmp_path)) == 1
    game.resign(1)
    saver.write(session_json(game, 0.0), record_text(game), game.is_over)
    assert unfinished(make_game("go5"), tmp_path) == [] and "RE[B+R]" in saver.record.read_text()
    assert json.loads(kept.text)["is_over"] is False


# --- review -------------------------------------------------------------------------------------------------


def test_a_review_names_the_moves_that_cost_most_for_who_made_them() -> None:
    """Black stands at 60 %, blunders to 20 %; White gives back 30 points; Black's last move is the best."""
    game = session("go5", "C3", "B2", "D4")
    line = game.tree.path()
    findings = [Finding(0.2, "D3"), Finding(0.6, "A1"), Finding(0.0, "D4")]
    found = mistakes(line, findings, final=-1.0)
    assert [(m.node.words, round(m.cost, 2), m.best) for m in found] == [("C3", 0.4, "D3"), ("B2", 0.3, "A1")]
    assert (round(found[0].before, 2), round(found[0].after, 2)) == (0.6, 0.2)
    assert mistakes(line, findings[:1], None) == []
