"""What a self-play training run may be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.agents.mcts.config import SearchConfig
from tengen.config import ConfigModel
from tengen.networks.spec import NetworkConfig
from tengen.networks.stack_config import BoardNetworkConfig, StackConfig
from tengen.selfplay.actors_config import ActorsConfig
from tengen.selfplay.init_config import Init

Fraction = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]


class PlayoutCap(ConfigModel):
    """Playout-cap randomisation: most moves by a small search that is not recorded (Wu 2019, section 3.1)."""

    full_fraction: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Share of moves searched in full and recorded; 1 is off."""
    simulations: Annotated[int, Field(ge=0)] = 4
    """Simulations of the other moves; at most those of the search."""


class Resignation(ConfigModel):
    """When a self-play game is given up. Only moves searched in full count."""

    threshold: Fraction = 1.0
    """Resign when the root's value stays below minus this; 1 is off."""
    moves: Count = 3
    """For so many own moves in a row."""
    play_on: Fraction = 0.1
    """Share of games never resigned, to count false resignations."""


class RolloutsConfig(ActorsConfig):
    """Who plays the games, and how."""

    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Tree threads of this process or of each actor; 0: one a core, in actors one for each CPU it takes."""
    games: Annotated[int, Field(ge=1, le=100_000)] = 192
    """Games side by side in each thread. On a GPU one half is evaluated while the other half thinks."""
    beside_learning: bool = False
    """Threads play on while the learner learns, as actors always do: no core rests, and the weights that play
    are one update older."""
    positions_per_update: Count = 4096
    """Recorded positions between two updates of the acting weights."""
    max_staleness: Annotated[int, Field(ge=0)] = 0
    """Games of actors that began more updates ago than this are dropped, and counted; 0 keeps all."""
    max_plies: Annotated[int, Field(ge=0)] = 0
    """Games longer than this count as draws; 0 leaves the end to the rules."""
    tablebase: str = ""
    """File of `tengen tablebase checkers`: a game of checkers ends, scored, once it knows the outcome."""
    opening_plies: Annotated[int, Field(ge=0)] = 9
    """Each game begins with 0 to so many moves sampled from the bare policy, not recorded, for variety."""
    opening_temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    """Of that policy; above 1, moves that it thinks less of are played more often."""
    temperature: Annotated[float, Field(ge=0)] = 1.0
    """Of the visit distribution, in the first `temperature_plies` plies."""
    temperature_plies: Annotated[int, Field(ge=0)] = 0
    reuse_tree: bool = False
    playout_cap: PlayoutCap = PlayoutCap()
    resignation: Resignation = Resignation()


class ReplayConfig(ConfigModel):
    """The window of positions that the learner samples from: base + growth * (all positions), at most max."""

    base: Count = 30_000
    growth: Fraction = 0.4
    max_positions: Count = 2_000_000
    min_positions: Count = 4096
    """Learning starts when there are so many."""
    held_out: Annotated[float, Field(ge=0, le=0.5)] = 0.01
    """Share of the games that are not learnt from; the log tells how well the network foretells them."""


class DevicesConfig(ConfigModel):
    """On how many devices a learner of boards learns."""

    devices: Annotated[int, Field(ge=1, le=1024)] | Literal["auto"] = 1
    """GPUs that learn together, each on its part of every batch; auto: all that the rollouts leave. Without
    GPUs they are processes."""
    gpus: Fraction = 1.0
    """Share of its GPU that Ray holds for the learner in this process; actors may have the rest."""
    sync_norm: bool = True
    """With several devices, batch norm of whole batches, as one device has it; else of each part, which is
    quicker, and can be compiled."""

    @model_validator(mode="after")
    def _divisible(self) -> "DevicesConfig":
        size, devices = getattr(self, "batch_size", 1), self.devices
        if devices != "auto" and size % devices:
            fitting = -(-size // devices) * devices
            raise ValueError(
                f"learner.batch_size: {size} cannot be dealt out evenly to learner.devices={devices}; "
                f"{fitting} can"
            )
        return self


class LearnerConfig(DevicesConfig):
    """How the network learns from the window."""

    batch_size: Annotated[int, Field(ge=1, le=1_000_000)] = 512
    samples_per_position: Annotated[float, Field(gt=0)] = 2.0
    """How often each new position is trained on; the loop keeps this ratio of training to self-play."""
    optimizer: Literal["adamw", "sgd"] = "adamw"
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    final_learning_rate: Annotated[float, Field(gt=0)] = 1e-4
    """Reached at the end of the run by a cosine of the run's progress; equal to learning_rate: constant."""
    warmup_steps: Annotated[int, Field(ge=0)] = 50
    momentum: Fraction = 0.9
    """SGD only."""
    weight_decay: Annotated[float, Field(ge=0)] = 1e-4
    gradient_clip: Annotated[float, Field(gt=0)] = 5.0
    average_decay: Annotated[float, Field(ge=0, lt=1)] = 0.98
    """Per step, of the moving average of the weights that acts and is saved; 0 is off."""
    value_from_search: Fraction = 0.0
    """Share of the root's search value in the value target; the rest is the game's result."""
    policy_weight: Annotated[float, Field(ge=0)] = 1.0
    value_weight: Annotated[float, Field(ge=0)] = 1.0
    ownership_weight: Annotated[float, Field(ge=0)] = 0.3
    score_weight: Annotated[float, Field(ge=0)] = 0.1
    symmetries: bool = True
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Cores of the learner, of each device's process where there are several; 0 is all that there are, or
    two in five of them beside `rollouts.beside_learning`."""
    compile: bool | Literal["auto"] = "auto"
    """Use torch.compile for its steps; auto: on a CPU with a C++ compiler, in runs of 20 minutes and more."""


class EvaluationConfig(ConfigModel):
    """Matches of the newest network against baselines and its younger selves, beside training."""

    every_minutes: Annotated[float, Field(gt=0)] = 5.0
    games: Annotated[int, Field(ge=2, le=1_000_000)] = 40
    """Per opponent and evaluation."""
    simulations: Annotated[int, Field(ge=0, le=1_000_000)] = 32
    """Of the network's search."""
    opponents: list[str] = Field(default_factory=lambda: ["random"])
    """Agent strings."""
    beside: bool = False
    """Play while training goes on, on the cores of `threads`; else training waits."""
    where: Literal["thread", "ray"] = "thread"
    """ray: in an actor beside training, of the cluster that the rollouts are on or of one started here."""
    cpus: Annotated[float, Field(ge=0, le=1024)] = 1.0
    """Cores that the actor takes of the cluster; less than 1 leaves the rest to others."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Matches played at once, a core each; 0: one a core, with `beside` a quarter of them, on Ray `cpus`."""
    pool: Annotated[int, Field(ge=0, le=100)] = 1
    """Older members of the run's league that the newest meets besides, where games tell most."""
    join_every: Count = 1
    """Of so many rated networks one joins the league in any case."""
    join_score: Fraction = 0.55
    """The others join where they score so much against the members that they meet."""
    final_games: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Games per opponent of the table at the end of the run; 0 is no table."""

    @property
    def is_beside(self) -> bool:
        """Whether training goes on while the matches are played."""
        return self.beside or self.where == "ray"


class LeagueConfig(ConfigModel):
    """Opponents of self-play from a league: prioritised fictitious self-play (Vinyals et al. 2019)."""

    share: Fraction = 0.0
    """Of the games side by side, those in which one side is played by a member of the league; 0 is off."""
    every: Count = 20
    """Updates between two draws of that member. Games against the one before are then begun anew."""
    weighting: Literal["hard", "variance", "uniform"] = "hard"
    """hard: (1 - p)^power, p the learner's win rate against each; variance: p (1 - p); uniform: all alike."""
    power: Annotated[float, Field(ge=0, le=100)] = 2.0
    role: Literal["main", "exploiter"] = "main"
    """main: meets its own younger selves and exploiters; exploiter: meets the mains of the run `of` alone."""
    of: str | None = None
    """The run (its folder) whose league an exploiter plays against, and joins."""


class StopConfig(ConfigModel):
    """The run ends at the first of these that is reached; 0 is no limit."""

    minutes: Annotated[float, Field(ge=0)] = 0.0
    """Of wall time, over all resumptions; the table at the end comes on top."""
    games: Annotated[int, Field(ge=0)] = 0
    updates: Annotated[int, Field(ge=0)] = 0


class CheckpointConfig(ConfigModel):
    """How often the run is saved."""

    every_minutes: Annotated[float, Field(gt=0)] = 5.0
    keep: Count = 5
    """Newest checkpoints kept whole; the weights that evaluations refer to are kept besides."""


class RunConfig(ConfigModel):
    """What every training run has."""

    kind: str
    """Which kind of training, one of `tengen.selfplay.kinds`."""
    game: str
    """As `tengen games` lists them."""
    seed: Annotated[int, Field(ge=0, lt=2**62)] = 0
    checkpoint: CheckpointConfig = CheckpointConfig()


class TrainConfig(RunConfig):
    """A whole training run by self-play."""

    kind: Literal["alphazero"] = "alphazero"
    network: BoardNetworkConfig = NetworkConfig()
    init: Init = None
    """Another network to start from."""
    search: SearchConfig = SearchConfig()
    rollouts: RolloutsConfig = RolloutsConfig()
    replay: ReplayConfig = ReplayConfig()
    learner: LearnerConfig = LearnerConfig()
    evaluation: EvaluationConfig = EvaluationConfig()
    league: LeagueConfig = LeagueConfig()
    stop: StopConfig = StopConfig()

    @model_validator(mode="after")
    def _sensible(self) -> "TrainConfig":
        if isinstance(self.network, StackConfig) and not (
            self.network.value and self.network.architecture != "alphago-value"
        ):
            raise ValueError(
                f"network: self-play needs a policy and a value, and {self.network.architecture} lacks one; "
                "take a policy network with value: true"
            )
        if self.search.simulations < 1:
            raise ValueError("search.simulations: self-play needs at least 1 simulation a move, got 0")
        cap = self.rollouts.playout_cap
        if cap.full_fraction < 1 and cap.simulations > self.search.simulations:
            raise ValueError(
                f"rollouts.playout_cap.simulations: {cap.simulations} is more than "
                f"search.simulations, {self.search.simulations}"
            )
        for limit in ("base", "max_positions"):
            if self.replay.min_positions > getattr(self.replay, limit):
                raise ValueError(
                    f"replay.min_positions: {self.replay.min_positions} is more than "
                    f"replay.{limit}, {getattr(self.replay, limit)}"
                )
        if self.league.role == "exploiter" and not (self.league.of and self.league.of.strip()):
            raise ValueError(
                "league.of: missing; an exploiter needs the run whose mains it trains against, "
                "as in league.of=runs/go9"
            )
        if self.league.role == "main" and self.league.of is not None:
            raise ValueError(
                f"league.of: '{self.league.of}' is for exploiters; add league.role=exploiter, or leave it out"
            )
        if self.league.role == "exploiter" and not self.league.share:
            raise ValueError(
                "league.share: 0 would let an exploiter meet nobody but itself; 1.0 is usual for one"
            )
        return self
