"""What learners on several devices did on one Ray with made-up GPUs, as facts for the tests.

Run as a program it prints them as JSON. Ray runs in a process of its own, started once for all tests.
"""

import functools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

GPUS = 4
PATIENCE_S = 30.0  # on a busy machine too
SHORT_S = 3.0  # for a rank that is to hang


def facts() -> dict[str, Any]:
    """What the program below found."""
    done = _program()
    assert done is not None, "the program did not end in time"
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("{")]
    found: dict[str, Any] = json.loads(line)
    return found


@functools.cache
def _program() -> "subprocess.CompletedProcess[str] | None":
    """How it ended; None where it did not. It is not tried again."""
    try:
        return subprocess.run(
            [sys.executable, "-m", "tests.several_devices"],
            capture_output=True,
            text=True,
            timeout=500,
            env={**os.environ, "RAY_AUTH_MODE": "token", "OMP_NUM_THREADS": "1"},
        )
    except subprocess.TimeoutExpired:
        return None


def main() -> None:
    """Run everything."""
    import ray

    from tengen.selfplay.ray_cluster import ensure_token

    ensure_token()
    ray.init(
        address="local",
        num_cpus=4,
        num_gpus=GPUS,
        include_dashboard=False,
        object_store_memory=2**27,
        log_to_driver=False,
        logging_level="ERROR",
    )
    try:
        found = {"learning": learning(), "places": places(), "training": training()}
        print(json.dumps(found))
    finally:
        ray.shutdown()


# --- learning -----------------------------------------------------------------------------------------------


def learning() -> dict[str, Any]:
    """Steps of two ranks beside those of one learner, and ranks that fail."""
    import numpy as np
    import ray
    import torch

    from tengen.envs import make_game
    from tengen.errors import TengenError
    from tengen.selfplay import parallel_learner
    from tengen.selfplay.learner import Learner
    from tengen.selfplay.parallel_learner import ParallelLearner
    from tengen.selfplay.replay import Replay
    from tests.selfplay_tools import network, played, small

    settings = {"optimizer": "sgd", "learning_rate": 0.1, "ownership_weight": 1.0, "gradient_clip": 0.5}
    config = small("go5", replay={"base": 10_000}, learner=settings)
    replay = Replay(make_game("go5"), config.replay)
    replay.add(played(config, positions=400))
    rng = np.random.default_rng(0)
    batches = [replay.sample(32, rng) for _ in range(3)]
    for batch in batches:
        batch.is_scored[:10] = 1
        batch.is_scored[10:] = 0  # all that is scored is rank 0's

    def learner(seed: int = 0, devices: int = 1, **more: Any) -> Learner:
        torch.manual_seed(seed)
        own = config.learner.model_copy(update=more)
        if devices == 1:
            found = Learner(network(config), own)
        else:
            found = ParallelLearner(network(config), own, devices=devices, gpus=1.0, patience_s=PATIENCE_S)
        found._low_precision = False  # so that sums in another order differ by little
        return found

    def on_rank(two: ParallelLearner, do: Callable[[Any], Any]) -> Any:
        return ray.get(two._actors[0].__ray_call__.remote(do))

    def exactly(actor: Any) -> None:
        actor._replica._low_precision = False

    def apart(one: Learner, other: Learner) -> float:
        """The largest difference of two learners' tensors, relative to the largest number of each."""
        left, right = one.tensors(), other.tensors()
        return max(
            float((a - right[name]).abs().max() / a.abs().max().clamp(min=1e-3))
            for name, a in left.items()
            if a.is_floating_point() and name in right  # moments come with the first step
        )

    found: dict[str, Any] = {}
    one = learner()
    fresh = {name: value.clone() for name, value in one.tensors().items()}
    two = learner(devices=2)
    assert isinstance(two, ParallelLearner)
    on_rank(two, exactly)
    start = two._start

    def start_exactly() -> None:
        start()
        on_rank(two, exactly)
        two._patience_s = PATIENCE_S

    two._start = start_exactly  # type: ignore[method-assign]
    losses = [(one.step(batch, 0.1), two.step(batch, 0.1)) for batch in batches]
    found["losses"] = losses
    found["apart"] = apart(one, two)
    moved = learner()
    moved.restore(fresh, 0)
    found["moved"] = apart(one, moved)
    theirs = on_rank(two, lambda actor: actor._replica.network.state_dict())
    found["ranks_agree"] = all(torch.equal(theirs[k], v) for k, v in two.network.state_dict().items())

    # A run saved by one count of devices goes on with the other.
    alone, together = learner(seed=1), two
    alone.restore(two.tensors(), two.steps)
    saved = {name: value.clone() for name, value in one.tensors().items()}
    one_steps = one.steps
    found["resumed_alone"] = [one.step(batches[0]), alone.step(batches[0])]
    together.restore(saved, one_steps)
    found["resumed_together"] = together.step(batches[0])

    # Ranks that end, hang or fail in the middle of a step.
    found["failures"] = {}
    for name, fault in FAULTS.items():
        restarts = two.restarts
        if name == "hangs":
            two._patience_s, two._is_together = SHORT_S, False
        on_rank(two, fault)
        both = one.step(batches[1]), two.step(batches[1])
        found["failures"][name] = {
            "losses": both,
            "apart": apart(one, two),
            "restarts": two.restarts - restarts,
            "steps": two.steps == one.steps,
        }

    def poisoned() -> None:
        start()
        on_rank(two, _fails)

    two._start = poisoned  # type: ignore[method-assign]
    parallel_learner.TRIES = 2
    on_rank(two, _fails)
    found["hopeless"] = _sentence(lambda: two.step(batches[1]))
    two.close()

    # Without synced norms each part has statistics of its own, and their mean is kept.
    quick = learner(devices=2, sync_norm=False)
    assert isinstance(quick, ParallelLearner)
    for batch in batches:
        quick.step(batch)
    theirs = on_rank(quick, lambda actor: actor._replica.network.state_dict())
    found["quick_ranks_agree"] = all(torch.equal(theirs[k], v) for k, v in quick.network.state_dict().items())
    batches[0].observations[0] = np.nan  # rank 0 sees it, and the other one hears of it
    found["diverged"] = _sentence(lambda: quick.step(batches[0]), TengenError)
    quick.close()
    return found


def _ends(actor: Any) -> None:
    actor._replica._totals = lambda parts: os._exit(1)


def _hangs(actor: Any) -> None:
    actor._replica._totals = lambda parts: time.sleep(600)


def _fails(actor: Any) -> None:
    def odd(parts: Any) -> Any:
        raise ValueError("odd losses")

    actor._replica._totals = odd


FAULTS: dict[str, Callable[[Any], None]] = {"ends": _ends, "hangs": _hangs}


def _sentence(call: Callable[[], Any], kind: type[Exception] = Exception) -> str:
    try:
        call()
    except kind as error:
        return f"{type(error).__name__}: {error}"
    return "nothing happened"


# --- a run --------------------------------------------------------------------------------------------------


RECIPE = """
game: connect4
network: {blocks: 1, channels: 8, head_channels: 4, value_hidden: 8}
search: {simulations: 4, considered: 4}
rollouts: {games: 8, threads: 1, positions_per_update: 160, opening_plies: 2}
replay: {base: 300, min_positions: 32}
learner: {batch_size: 16, threads: 1, compile: false}
evaluation: {every_minutes: 1000, opponents: []}
stop: {updates: 2}
"""


def training() -> dict[str, Any]:
    """A run of two devices, gone on with by one."""
    import contextlib
    import io
    import tempfile
    from pathlib import Path

    from tengen import cli
    from tengen.metrics import read_metrics

    codes = []
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        recipe, run = Path(folder) / "tiny.yaml", str(Path(folder) / "run")
        recipe.write_text(RECIPE)
        codes.append(cli.main(["train", str(recipe), "--run", run, "learner.devices=2"]))
        codes.append(cli.main(["train", "--resume", run, "stop.updates=3", "learner.devices=1"]))
        rows = read_metrics(Path(run))
    return {
        "codes": codes,
        "updates": [row["step"] for row in rows],
        "steps": [row["learner_steps"] for row in rows],
        "loss": [row["loss"] for row in rows if "loss" in row],
        "free": _free(GPUS),
    }


# --- places -------------------------------------------------------------------------------------------------


class Player:
    """An actor that says what it has."""

    def has(self) -> dict[str, Any]:
        """GPUs by Ray's numbers, and what torch will see."""
        import ray

        from tengen.selfplay.ray_cluster import own_gpus_only

        own_gpus_only()
        return {"gpus": list(map(str, ray.get_gpu_ids())), "visible": os.environ.get("CUDA_VISIBLE_DEVICES")}


def places() -> dict[str, Any]:
    """Who was given which GPU, and what was left."""
    import ray
    import torch

    from tengen.selfplay.actors_config import ActorsConfig
    from tengen.selfplay.learner_places import Seat
    from tengen.selfplay.make_learner import make_learner
    from tengen.selfplay.parallel_learner import ParallelLearner
    from tengen.selfplay.ray_pool import ActorPool
    from tests.selfplay_tools import network, small

    found: dict[str, Any] = {}
    config = small(learner={"devices": "auto", "gpus": 0.5})
    rollouts = ActorsConfig(workers=2, cpus_per_worker=0.25, gpus_per_worker=0.5)
    torch.manual_seed(0)
    learner = make_learner(network(config), config.learner, rollouts=rollouts)
    assert isinstance(learner, ParallelLearner)
    found["devices"] = learner.devices
    found["booked"] = learner.booked
    ranks = ray.get(learner._actors[0].__ray_call__.remote(lambda _: list(map(str, ray.get_gpu_ids()))))
    wants = rollouts.model_copy(update={"workers": "auto"})
    pool = ActorPool(Player, wants, lambda *_: (), lambda *_: None, booked=learner.booked)
    found["room"] = pool.count
    options = ray.remote(Player).options
    players = [options(num_cpus=0.25, num_gpus=0.5).remote() for _ in range(pool.count)]
    found["players"] = ray.get([player.has.remote() for player in players])
    found["ranks"] = ranks
    found["free"] = _free()
    bare = options(num_cpus=0.25).remote()
    found["without"] = ray.get(bare.has.remote())
    found["driver_visible"] = os.environ.get("CUDA_VISIBLE_DEVICES")
    for player in [*players, bare]:
        ray.kill(player)
    learner.close()
    found["free_after"] = _free(GPUS)

    seat = Seat(1.0, local=True)
    found["seat"] = seat.gpu
    os.environ["CUDA_VISIBLE_DEVICES"] = f"7,{seat.gpu}"
    found["seat_index"] = seat.index()
    os.environ["CUDA_VISIBLE_DEVICES"] = "7"
    found["seat_hidden"] = _sentence(seat.index)
    del os.environ["CUDA_VISIBLE_DEVICES"]
    seat.close()

    def refused(learner: dict[str, Any], **more: Any) -> str:
        own = small(learner=learner)
        return _sentence(lambda: make_learner(network(own), own.learner, **more))

    found["too_many"] = refused({"devices": 8})
    found["no_room"] = refused({"devices": 2}, rollouts=rollouts.model_copy(update={"workers": 6}))
    found["client"] = refused({"devices": 2}, address="ray://head:10001")
    found["free_in_the_end"] = _free(GPUS)
    return found


def _free(wanted: float | None = None) -> float:
    """GPUs that Ray would give to others; its books follow after a moment."""
    import ray

    for _ in range(50):
        free = float(ray.available_resources().get("GPU", 0.0))
        if wanted is None or free == wanted:
            break
        time.sleep(0.1)
    return free


if __name__ == "__main__":
    main()
