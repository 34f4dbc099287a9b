"""Games out of a store and into it: PGN for Ordo and BayesElo, CSV, SGF, PDN."""

import csv
import hashlib
import io
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from tengen.envs.game import Game
from tengen.envs.position import Position
from tengen.envs.registry import make_game
from tengen.errors import TengenError
from tengen.files import atomic_write_text
from tengen.league.notation import SUFFIXES, game_suffix, game_text, read_bytes
from tengen.league.result_files import KEY_COLUMN, KEY_TAG, ResultFile, clean_name, read_results
from tengen.league.store import Store, StoredGame

FORMATS = ("pgn", "csv", "sgf", "pdn")
WORDS = {1: "1-0", 0: "1/2-1/2", -1: "0-1", None: "*"}
CSV_COLUMNS = (
    *("first", "second", "result", "game", "reason", "plies", "opening_plies"),
    *("first_seconds", "second_seconds", "ended", KEY_COLUMN),
)
CHUNK = 10_000  # games that are written at once
MOST_RESULTS = 10_000_000  # a row each


def export(store: Store, form: str, folder: Path) -> tuple[int, list[Path]]:
    """Write the games of a store to a folder; how many there are, and the files.

    pgn and csv are one file of the games that count: void games and those that repeat another's moves are
    left out; White of the PGN moved first. sgf (Go) and pdn (checkers) are a file a game, with the moves.
    Raises TengenError where no game can be written so.
    """
    names = store.names()
    if form in ("pgn", "csv"):
        path = folder / f"games.{form}"
        lines = list((_pgn if form == "pgn" else _csv)(_counted(store), names))
        atomic_write_text(path, "".join(lines))
        return len(lines) - (form == "csv"), [path]
    files: list[Path] = []
    known: dict[str, Game | None] = {}
    for number, game in enumerate(store.games(), 1):
        if game.game not in known:
            known[game.game] = make_game(game.game) if game.game else None
        rules = known[game.game]
        if rules is None or game.actions is None or game_suffix(rules) != f".{form}":
            continue
        played = Position(rules)
        for action in game.actions:
            played.apply(action)
        players = names[game.first_id], names[game.second_id]
        path = folder / f"game-{number:06d}.{form}"
        atomic_write_text(path, game_text(rules, played, players, game.result))
        files.append(path)
    if not files:
        family = next(family for family, suffix in SUFFIXES.items() if suffix == f".{form}")
        raise TengenError(f"{store.path}: holds no game of {family} with its moves, to write as {form}")
    return len(files), files


def import_results(store: Store, path: Path | str) -> tuple[int, int]:
    """Add the results of a PGN, PDN or CSV file: how many games are new, and how many have no result.

    A file that was imported before adds nothing, nor do games that this store wrote itself. Players are
    those of the store who have the same names. Raises TengenError for a file of too many games for a store.
    """
    found = read_results(path)
    if found.games > MOST_RESULTS:
        raise TengenError(
            f"{path}: counts {found.games:,} games, and a store keeps a row of each; the most that can be "
            f"imported are {MOST_RESULTS:,} ('tengen ratings FILE' rates any number)"
        )
    digest = hashlib.sha256(read_bytes(path)).hexdigest()[:16]
    ids = {name: id_ for id_, name in store.names().items()}
    games, new = _as_stored(found, f"import:{digest}", ids), 0
    while rows := list(itertools.islice(games, CHUNK)):
        new += store.add(rows)
    return new, found.ignored


def _as_stored(found: ResultFile, event: str, ids: Mapping[str, str]) -> Iterator[StoredGame]:
    """The games of a file of results, each with the key that it has in a store, or one made of the file's."""
    named = Counter(found.keyed.values())

    def game(key: str, first: str, second: str, outcome: int, number: int = 0) -> StoredGame:
        one, other = (ids.get(name) or id_of_name(name) for name in (first, second))
        return StoredGame(
            key=key or f"{event}:{one}:{other}:{outcome}:{number}",
            event=event,
            game="",
            first=first,
            second=second,
            first_id=one,
            second_id=other,
            outcome=outcome,
            result=WORDS[outcome],
            reason="imported",
        )

    for key, (first, second, end) in found.keyed.items():
        yield game(key, first, second, 1 - end)
    for result in found.results:
        for outcome, games in ((1, result.wins), (0, result.draws), (-1, result.losses)):
            for number in range(games - named[result.first, result.second, 1 - outcome]):
                yield game("", result.first, result.second, outcome, number)


def _counted(store: Store) -> Iterator[StoredGame]:
    seen = set()
    for game in store.games():
        moves = (game.first_id, game.second_id, game.fingerprint)
        if game.outcome is not None and moves not in seen:
            seen.add(moves)
            yield game


def _pgn(games: Iterator[StoredGame], names: dict[str, str]) -> Iterator[str]:
    for game in games:
        word = WORDS[game.outcome]
        tags = {
            "Event": game.game or game.event,
            "White": names[game.first_id],
            "Black": names[game.second_id],
            "Result": word,
            "Termination": game.reason,
            "PlyCount": str(len(game.actions or ())),
            KEY_TAG.decode(): game.key,
        }
        lines = [f'[{key} "{_quoted(value)}"]\n' for key, value in tags.items()]
        yield "".join([*lines, f"\n{word}\n\n"])


def _csv(games: Iterator[StoredGame], names: dict[str, str]) -> Iterator[str]:
    yield ",".join(CSV_COLUMNS) + "\n"
    for game in games:
        seconds = [0.0, 0.0]
        if game.actions is not None and game.game:
            seconds = _seconds(make_game(game.game), game)
        row = io.StringIO()
        csv.writer(row, lineterminator="\n").writerow(
            [
                *(names[game.first_id], names[game.second_id], WORDS[game.outcome], game.game, game.reason),
                *(len(game.actions or ()), game.opening_plies),
                *(f"{value:.3f}" for value in seconds),
                f"{game.ended:.0f}",
                game.key,
            ]
        )
        yield row.getvalue()


def _seconds(rules: Game, game: StoredGame) -> list[float]:
    """What each player took in all. A side may move several times in a row, so the game is played through."""
    from tengen.league.wave import replay

    total = [0.0, 0.0]
    state = rules.new_states(1)
    for action, took in zip(game.actions or (), game.seconds, strict=False):
        total[int(state["to_play"][0])] += took
        replay(rules, state, [action])
    return total


def id_of_name(name: str) -> str:
    """The content hash of a player of whom only the name is known."""
    return hashlib.sha256(f"name:{name}".encode()).hexdigest()[:16]


def _quoted(name: str) -> str:
    return clean_name(name).replace("\\", "\\\\").replace('"', '\\"')
