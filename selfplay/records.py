"""Data sets of games that others played: moves, results and, where known, values, in a folder to learn from.

`manifest.json` tells the game, where the games came from, how many there are of each part, and a checksum
of every shard. A shard is one safetensors file of whole games, one after the other: 2 bytes a move, 2 a
value where any is known. Games of Go also keep komi, ranks and the stones of the start. Whether a game is to
learn from ("train") or to be tested on ("test") is decided by a hash of its moves, so that it is the same for
everybody and in every data set; it also tells a game that came twice.
"""

import hashlib
import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tengen.envs.game import Game
from tengen.envs.go.recorded import NO_KOMI, NO_RANK
from tengen.errors import TengenError
from tengen.files import atomic_write_bytes, atomic_write_text, fsync_folder, read_fault
from tengen.selfplay.recorded_positions import UNKNOWN, Part, part_of

FORMAT = 1
MANIFEST = "manifest.json"
SPLITS = ("train", "test")
SHARD_GAMES = 20_000
NO_RESULT = 2  # an outcome that nobody wrote down


@dataclass(frozen=True)
class Recorded:
    """A game, from the game's own start unless stones say otherwise."""

    actions: tuple[int, ...]
    outcome: int  # player 0's: 1, 0 or -1, or NO_RESULT
    values: tuple[float, ...] = ()  # of each ply as its mover saw it having moved; nan unknown; () none known
    setup: tuple[int, ...] = ()  # Go: stones of the start, 2 * point + (1 for White)
    first: int = 0  # Go: who moves first
    komi2: int = NO_KOMI  # Go: half points for White; NO_KOMI: as the game has it
    ranks: tuple[int, int] = (
        NO_RANK,
        NO_RANK,
    )  # of Black and White: 9 for 9 dan, 0 for 1 kyu, 21 for 1 dan pro


@dataclass
class Source:
    """A file of games, and what became of them."""

    name: str
    sha256: str = ""
    bytes: int = 0
    games: int = 0
    kept: int = 0
    doubles: int = 0
    left_out: int = 0
    reasons: dict[str, int] = field(default_factory=dict)  # why games were left out, without their numbers
    examples: list[str] = field(default_factory=list)  # the first faults, in full
    other_files: int = 0  # of an archive, that hold no games


def game_key(game: str, actions: Sequence[int], setup: Sequence[int] = ()) -> int:
    """A game's number, the same everywhere: of its rules, its moves and the stones it began with."""
    text = f"{game}\n".encode() + np.array(actions, "<i2").tobytes()
    if setup:
        text += b"setup" + np.array(sorted(setup), "<i2").tobytes()
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")


def split_of(key: int, test: float) -> str:
    """Whether a game is to learn from, or one of the share `test`."""
    return "test" if (key >> 11) / 2**53 < test else "train"


class DatasetWriter:
    """Takes games in and writes them as a data set; the folder appears when it is closed, whole."""

    def __init__(
        self, folder: Path, game: Game, *, test: float = 0.02, shard_games: int = SHARD_GAMES
    ) -> None:
        """Raises TengenError where the folder is there already, or the game has too many actions."""
        if folder.exists():
            raise TengenError(f"{folder} is there already; name a new folder, or remove it first")
        if game.num_actions > np.iinfo(np.int16).max:
            raise TengenError(f"{game.name} has {game.num_actions:,} actions, more than a data set can hold")
        self.folder, self.game, self.test, self.shard_games = folder, game, test, shard_games
        self.sources: list[Source] = []
        self.parts = {split: _empty_counts() for split in SPLITS}
        self.shards: list[dict[str, Any]] = []
        self._keys: set[int] = set()
        self._waiting: dict[str, list[Recorded]] = {split: [] for split in SPLITS}
        self._room = folder.with_name(f".{folder.name}.partial")
        shutil.rmtree(self._room, ignore_errors=True)
        self._room.mkdir(parents=True)

    def add(self, recorded: Recorded) -> bool:
        """Take a game in; False for one that came before."""
        key = game_key(self.game.name, recorded.actions, recorded.setup)
        if key in self._keys:
            return False
        self._keys.add(key)
        split = split_of(key, self.test)
        self._waiting[split].append(recorded)
        counts = self.parts[split]
        counts["games"] += 1
        counts["plies"] += len(recorded.actions)
        counts["valued"] += sum(value == value for value in recorded.values)
        counts[_OUTCOMES[recorded.outcome]] += 1
        if len(self._waiting[split]) >= self.shard_games:
            self._write(split)
        return True

    def close(self) -> dict[str, Any]:
        """Write what is left and let the folder appear; returns the manifest.

        Raises TengenError without games.
        """
        for split in SPLITS:
            if self._waiting[split]:
                self._write(split)
        if not self.shards:
            self.discard()
            raise TengenError(f"{self.folder}: no game is left to keep")
        manifest = {
            "format": FORMAT,
            "game": self.game.name,
            "num_actions": self.game.num_actions,
            "test": self.test,
            "parts": self.parts,
            "sources": [asdict(source) for source in self.sources],
            "shards": self.shards,
            "checksum": _checksum(self.shards),
        }
        atomic_write_text(self._room / MANIFEST, json.dumps(manifest, indent=1) + "\n")
        self._room.rename(self.folder)
        fsync_folder(self.folder.parent)
        return manifest

    def discard(self) -> None:
        """Leave nothing behind."""
        shutil.rmtree(self._room, ignore_errors=True)

    def _write(self, split: str) -> None:
        games = self._waiting[split]
        self._waiting[split] = []
        number = sum(shard["split"] == split for shard in self.shards)
        name = f"{split}-{number:05d}.safetensors"
        data = save(_arrays_of(games, is_go=self.game.family == "go"))
        atomic_write_bytes(self._room / name, data)
        digest = hashlib.sha256(data).hexdigest()
        self.shards.append({"file": name, "split": split, "games": len(games), "sha256": digest})


class Dataset:
    """A folder of games, read whole: some 5 bytes a ply in memory."""

    def __init__(self, folder: Path | str) -> None:
        """Raises TengenError where there is no data set that can be read."""
        self.folder = Path(folder)
        try:
            self.manifest: dict[str, Any] = json.loads((self.folder / MANIFEST).read_text())
        except OSError as error:
            raise read_fault(self.folder / MANIFEST, error) from None
        except ValueError:
            raise TengenError(f"{self.folder / MANIFEST}: not JSON; expected a data set's manifest") from None
        known = isinstance(self.manifest, dict) and self.manifest.get("format") == FORMAT
        if not known or not {"game", "parts", "shards", "checksum", "num_actions"} <= self.manifest.keys():
            raise TengenError(f"{self.folder / MANIFEST}: not the manifest of a data set of format {FORMAT}")

    @property
    def game(self) -> str:
        """The name of the game."""
        return str(self.manifest["game"])

    def shards(self, split: str) -> Iterator[dict[str, NDArray[Any]]]:
        """The arrays of each shard: lengths i4 and outcomes i1 [G], actions i2 and, if known, values f2 [T].

        Of Go also komi2 i2, first i1 and setup_lengths i2 [G], ranks i1 [G, 2], setup i2.

        Raises TengenError for a shard that is missing, damaged or not what the manifest says.
        """
        for shard in self.manifest["shards"]:
            if shard["split"] != split:
                continue
            path = self.folder / shard["file"]
            try:
                data = path.read_bytes()
                if hashlib.sha256(data).hexdigest() != shard["sha256"]:
                    raise TengenError(f"{path}: is not what the manifest says; make the data set again")
                arrays = load(data)
            except OSError as error:
                raise read_fault(path, error) from None
            except SafetensorError as error:
                raise TengenError(f"{path}: {error}") from None
            yield arrays

    def verify(self) -> None:
        """Read everything. Raises TengenError for whatever is not as the manifest says."""
        if _checksum(self.manifest["shards"]) != self.manifest["checksum"]:
            raise TengenError(f"{self.folder / MANIFEST}: its checksum is not that of its shards")
        for split in SPLITS:
            games = plies = 0
            for arrays in self.shards(split):
                games += len(arrays["lengths"])
                plies += int(arrays["lengths"].sum())
                top = int(arrays["actions"].max(initial=0))
                if len(arrays["actions"]) != arrays["lengths"].sum() or top >= self.manifest["num_actions"]:
                    raise TengenError(f"{self.folder}: a shard of part {split} holds what are no games")
            told = self.manifest["parts"][split]
            if (games, plies) != (told["games"], told["plies"]):
                raise TengenError(f"{self.folder}: part {split} has {games} games, not {told['games']}")

    def part(self, split: str) -> Part:
        """All games of "train" or "test"."""
        parts = list(self.shards(split))
        if not parts:
            raise TengenError(
                f"{self.folder}: there is no game to {'learn from' if split == 'train' else split}"
            )
        return part_of(parts)


_OUTCOMES = {1: "first_wins", 0: "draws", -1: "second_wins", NO_RESULT: "unknown"}


def _arrays_of(games: Sequence[Recorded], *, is_go: bool) -> dict[str, NDArray[Any]]:
    """The arrays of a shard."""
    lengths = np.array([len(game.actions) for game in games], np.int32)
    arrays: dict[str, NDArray[Any]] = {
        "lengths": lengths,
        "outcomes": np.array([game.outcome for game in games], np.int8),
        "actions": np.concatenate([np.array(game.actions, np.int16) for game in games]),
    }
    if any(game.values for game in games):
        values = np.full(int(lengths.sum()), UNKNOWN, np.float16)
        begin = 0
        for game in games:
            values[begin : begin + len(game.values)] = game.values
            begin += len(game.actions)
        arrays["values"] = values
    if is_go:
        arrays |= {
            "komi2": np.array([game.komi2 for game in games], np.int16),
            "first": np.array([game.first for game in games], np.int8),
            "ranks": np.array([game.ranks for game in games], np.int8),
            "setup_lengths": np.array([len(game.setup) for game in games], np.int16),
            "setup": np.array([stone for game in games for stone in game.setup], np.int16),
        }
    return arrays


def _empty_counts() -> dict[str, int]:
    return dict.fromkeys(("games", "plies", "valued", *_OUTCOMES.values()), 0)


def _checksum(shards: Sequence[dict[str, Any]]) -> str:
    text = "".join(f"{shard['file']} {shard['sha256']}\n" for shard in shards)
    return hashlib.sha256(text.encode()).hexdigest()
