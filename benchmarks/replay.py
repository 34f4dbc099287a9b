"""The replay of single steps: draws with new priorities, stacks of frames, memory, a checkpoint's pause.

`per_second` is of whole draws (prioritised, 3 steps, importance weights) and the updates of their priorities
with frames of four bytes: the tree and the rings are timed, not the copying of pictures.
`with_frames_per_second` is the same with stacks of four frames of 84x84, `copy_ratio` the time that plain
copies of as many bytes take over its time. `bytes` is the memory that a million such steps take, by what the
process grew by as the replay filled. `save_seconds` is what the first checkpoint waits for the replay,
`save_again_seconds` one after another tenth of the steps.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tengen.benchmarks.measuring import alternate, span, whole

if TYPE_CHECKING:
    from tengen.agents.dqn.replay import FrameReplay
    from tengen.agents.dqn.replay_shards import ReplayShards
    from tengen.agents.dqn.transitions import Transitions
    from tengen.envs.worlds import WorldSpec

WORLDS = 8
MILLION = 1_000_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options of the benchmark."""
    parser.add_argument(
        "--entries", type=whole(1000, 100_000_000), default=MILLION, help="default: %(default)s"
    )
    parser.add_argument(
        "--frames", type=whole(1000, 10_000_000), default=100_000, help="steps with frames (%(default)s)"
    )
    parser.add_argument("--batch", type=whole(1, 65_536), default=256, help="default: %(default)s")
    parser.add_argument(
        "--seconds", type=span(600), default=1.0, help="for each of five slices (%(default)s)"
    )


def run(args: argparse.Namespace) -> dict[str, float]:
    """Figures: per_second, with_frames_per_second, copy_ratio, bytes, save_seconds and more."""
    import psutil

    from tengen.agents.dqn.replay_shards import ReplayShards
    from tengen.envs.worlds import WorldSpec

    bare = replay_of(WorldSpec("bench/bare", 6, (1,), np.float32, 1), args.entries)
    fill(bare, args.entries)
    process = psutil.Process()
    before = process.memory_info().rss
    pixels = replay_of(WorldSpec("bench/pixels", 6, (84, 84), np.uint8, 4), args.frames)
    seconds = fill(pixels, args.frames)
    grown = process.memory_info().rss - before
    sides = [draws(bare, args.batch), draws(pixels, args.batch), copies(pixels, args.batch)]
    for side in sides:
        side()
    rates = alternate(sides, slices=5, seconds=args.seconds)
    with tempfile.TemporaryDirectory(prefix="tengen-replay-") as folder:
        kept = ReplayShards(Path(folder), pixels)
        first = timed_save(kept)
        size = sum(path.stat().st_size for path in Path(folder).iterdir())
        fill(pixels, args.frames // 10)
        again = timed_save(kept)
    return {
        "per_second": rates[0],
        "with_frames_per_second": rates[1],
        "copy_ratio": rates[1] / rates[2],
        "add_per_second": args.frames / seconds,
        "bytes": grown / args.frames * MILLION,
        "save_seconds": first,
        "save_again_seconds": again,
        "shard_bytes_per_step": size / args.frames,
    }


def replay_of(spec: "WorldSpec", capacity: int) -> "FrameReplay":
    """A prioritised replay with transitions of three steps."""
    from tengen.agents.dqn.replay import FrameReplay
    from tengen.agents.dqn.replay_config import ReplayConfig

    config = ReplayConfig(capacity=capacity, min_steps=1, prioritised=True)
    return FrameReplay(spec, config, worlds=WORLDS, n_step=3, gamma=0.99)


def fill(replay: "FrameReplay", steps: int) -> float:
    """Add so many steps; the seconds that this took, without the making of them."""
    rng = np.random.default_rng(0)
    transitions = made_up(replay.spec, rng)
    seconds = 0.0
    for _ in range(-(-steps // transitions.steps)):
        if replay.spec.frame_dtype == np.uint8:
            transitions.frames = np.roll(transitions.frames, 3, axis=-1)  # pictures that are not all the same
        started = time.perf_counter()
        replay.add(transitions)
        seconds += time.perf_counter() - started
    return seconds


def made_up(spec: "WorldSpec", rng: np.random.Generator, rows: int = 64) -> "Transitions":
    """Steps of which one in a hundred ends an episode, errors as various as those of learning."""
    from tengen.agents.dqn.transitions import Transitions

    shape = (rows, WORLDS)
    frames = np.zeros((*shape, *spec.frame_shape), spec.frame_dtype)
    if frames.dtype == np.uint8:
        frames[..., ::4, :] = rng.integers(
            256, size=(*shape, 21, 84), dtype=np.uint8
        )  # the rest is background
    terminals = rng.random(shape) < 0.01
    return Transitions(
        frames=frames,
        firsts=np.roll(terminals, 1, axis=0),
        actions=rng.integers(spec.num_actions, size=shape, dtype=np.int32),
        rewards=rng.normal(size=shape).astype(np.float32),
        terminals=terminals,
        truncations=np.zeros(shape, bool),
        final_frames=np.zeros((0, *spec.frame_shape), spec.frame_dtype),
        final_at=np.zeros((0, 2), np.int32),
        priorities=rng.exponential(size=shape).astype(np.float32),
    )


def draws(replay: "FrameReplay", batch: int) -> Callable[[], int]:
    """One batch and the update of its priorities."""
    rng = np.random.default_rng(1)
    errors = rng.exponential(size=(64, batch)).astype(np.float32)
    turn = 0

    def once() -> int:
        nonlocal turn
        turn += 1
        replay.update_priorities(replay.sample(batch, rng, 0.5).indices, errors[turn % 64])
        return 1

    return once


def copies(replay: "FrameReplay", batch: int) -> Callable[[], int]:
    """As many bytes as the observations of one batch, copied."""
    source = replay.sample(batch, np.random.default_rng(2)).observations
    targets = [np.empty_like(source), np.empty_like(source)]

    def once() -> int:
        for target in targets:
            np.copyto(target, source)
        return 1

    return once


def timed_save(kept: "ReplayShards") -> float:
    """Seconds that a checkpoint waits for the replay."""
    started = time.perf_counter()
    kept.save()
    kept.prune()
    return time.perf_counter() - started
