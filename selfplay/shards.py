"""Replay chunks on disk: one safetensors file each, written once, never changed."""

from collections.abc import Iterator
from pathlib import Path

from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from tengen.files import atomic_write_bytes
from tengen.selfplay.games import Games
from tengen.selfplay.replay import Chunk, Replay


def shard_path(folder: Path, number: int) -> Path:
    """Where the chunk of that number is kept."""
    return folder / f"shard-{number:08d}.safetensors"


def shards(folder: Path) -> Iterator[tuple[int, Path]]:
    """Number and path of every shard, in the order of their games."""
    for path in sorted(folder.glob("shard-*.safetensors")):
        digits = path.stem.removeprefix("shard-")
        if digits.isdecimal():
            yield int(digits), path


def save_replay(folder: Path, replay: Replay) -> None:
    """Write the chunks that have no shard yet. Raises MachineError when the disk cannot take them."""
    for chunk in replay.chunks:
        path = shard_path(folder, chunk.number)
        if not path.exists():
            atomic_write_bytes(path, save(chunk.games.arrays()))


def prune_replay(folder: Path, replay: Replay) -> None:
    """Remove shards that left the window; call it once the checkpoint that says so is on disk."""
    oldest = replay.chunks[0].number if replay.chunks else 0
    for number, path in shards(folder):
        if number < oldest:
            path.unlink(missing_ok=True)


def load_replay(folder: Path, replay: Replay, state: dict[str, int]) -> list[str]:
    """Fill the replay from its shards; returns a sentence for each that could not be read.

    Shards written after the checkpoint that `state` comes from are removed: their games are played again.
    """
    faults: list[str] = []
    chunks: list[Chunk] = []
    game = replay.game
    points = game.obs_shape[1] * game.obs_shape[2] if game.has_ownership else 0
    for number, path in shards(folder):
        if number >= state["next_chunk"]:
            path.unlink()
            continue
        try:
            games = Games(**load_file(path))
            fault = games.fault(game.num_actions, points)
        except (SafetensorError, OSError, TypeError, ValueError, AttributeError) as error:
            fault = (str(error).splitlines() or [type(error).__name__])[0]
        if fault is None:
            chunks.append(Chunk(number, games))
        else:
            faults.append(f"{path}: cannot be read and is left out ({fault})")
    replay.restore(state, chunks)
    prune_replay(folder, replay)  # a kill may have come between the checkpoint and this
    return faults


def clear_replay(folder: Path) -> None:
    """Remove every shard, as a run that begins anew must: a shard is never written over."""
    for _, path in shards(folder):
        path.unlink()
