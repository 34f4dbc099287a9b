"""What a run of evolution may be told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.config import ConfigModel
from tengen.selfplay.actors_config import ActorsConfig
from tengen.selfplay.config import RunConfig

Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
Positive = Annotated[float, Field(gt=0)]
King = Annotated[float, Field(gt=0, le=100)]


class KingConfig(ConfigModel):
    """The king's value in men, that evolves with a checkers network's weights."""

    start: King = 2.0
    low: King = 1.0
    high: King = 3.0
    step: Annotated[float, Field(ge=0)] = 0.1
    """A child's is its parent's plus -step, 0 or step, each as likely."""

    @model_validator(mode="after")
    def _in_range(self) -> "KingConfig":
        if not self.low <= self.start <= self.high:
            raise ValueError(f"start {self.start:g} is outside low {self.low:g} to high {self.high:g}")
        return self


class EvolvedNetworkConfig(ConfigModel):
    """What evolves: a network of the papers, a convolutional one for any game, or a few numbers."""

    name: Literal["blondie1999", "blondie2001", "conv", "hand", "search"] = "blondie2001"
    """hand: the weights of the hand-written evaluation; search: the constants of tree search."""
    agent: str = "mcts?sims=100"
    """search only: an mcts agent string, whose constants are the middle."""
    channels: Annotated[int, Field(ge=1, le=1024)] = 16
    """conv only."""
    layers: Annotated[int, Field(ge=1, le=100)] = 4
    """conv only: convolutions of 3x3."""


class StrategyConfig(ConfigModel):
    """How the next generation comes from this one's scores."""

    name: Literal["self-adaptive", "openai-es", "pgpe", "snes", "sep-cma-es"] = "self-adaptive"
    sigma: Positive = 0.05
    """First step size of every weight; a constant under openai-es."""
    spread: Positive = 0.2
    """First weights are uniform in [-spread, spread]; strategies with a centre begin at one such draw."""
    selection: Literal["plus", "comma"] = "plus"
    """self-adaptive: parents compete with their offspring, or make room for them."""
    elites: Annotated[int, Field(ge=0)] = 0
    """self-adaptive, comma: so many best parents stay."""
    crossover: Annotated[float, Field(ge=0, le=1)] = 0.0
    """self-adaptive: share of children that take each weight from either of two parents before mutation."""
    learning_rate: Positive = 0.05
    """openai-es and pgpe: of Adam, on the centre."""
    decay: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """openai-es and pgpe: share of the centre's weights that goes with each generation."""


class FitnessConfig(ConfigModel):
    """The games that decide who lives."""

    games: Count = 5
    """That each individual plays as first player against random others; each pair twice with `paired`."""
    hall_games: Annotated[int, Field(ge=0)] = 0
    """More of them, against random members of the hall of fame."""
    win: float = 1.0
    draw: float = 0.0
    loss: float = -2.0
    by: Literal["total", "mean"] = "total"
    """Points of all games together, or a game; individuals play different numbers of games."""
    max_turns: Count = 200
    """A longer game is drawn."""
    paired: bool = False
    """Play each pairing twice from the same opening, colours swapped."""
    openings: Literal["none", "ballots", "random"] = "none"
    opening_plies: Count = 2
    """Random openings only."""
    depth: Annotated[int, Field(ge=1, le=60)] = 4
    """Turns that the search looks ahead (networks of checkers)."""
    player: Literal["policy", "value", "gumbel"] = "policy"
    """How conv plays: by its policy, by the value of the positions one ply on, or by search with both."""
    simulations: Annotated[int, Field(ge=1, le=10_000)] = 16
    """A move of tree search (player gumbel)."""
    temperature: Annotated[float, Field(ge=0)] = 0.0
    """Of the policy (conv); 0 plays its likeliest move."""
    chunk: Count = 5
    """Games that a worker is given at once; with conv, as many are played side by side."""


class HallConfig(ConfigModel):
    """The hall of fame: former champions that stay as opponents."""

    every: Annotated[int, Field(ge=0)] = 0
    """Generations between two entries; 0 is no hall."""
    size: Count = 20
    """The oldest leaves when there is one more."""


class EvolutionRolloutsConfig(ActorsConfig):
    """Who plays the fitness games; the result is the same whoever does."""

    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """Threads of this process; 0 is one a core."""


class EvolutionEvaluationConfig(ConfigModel):
    """Matches of the best individual against baselines, between generations."""

    every: Annotated[int, Field(ge=0)] = 0
    """Generations between two; 0 is none."""
    games: Annotated[int, Field(ge=2, le=1_000_000)] = 40
    """Per opponent."""
    depth: Annotated[int, Field(ge=0, le=60)] = 0
    """Of its search; 0 is that of the fitness games."""
    simulations: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Of tree search by a conv champion (fitness.player: value, gumbel); 0 plays as in the fitness games."""
    opponents: list[str] = Field(default_factory=lambda: ["random"])
    """Agent strings."""
    final_games: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Games per opponent of the table at the end of the run; 0 is no table."""


class EvolutionStopConfig(ConfigModel):
    """The run ends at the first of these that is reached; 0 is no limit."""

    minutes: Annotated[float, Field(ge=0)] = 0.0
    """Of wall time, over all resumptions."""
    games: Annotated[int, Field(ge=0)] = 0
    updates: Annotated[int, Field(ge=0)] = 0
    """Generations."""


class EvolutionConfig(RunConfig):
    """A whole run of evolution by self-play."""

    kind: Literal["evolution"] = "evolution"
    game: str = "checkers"
    population: Count = 30
    """Individuals that play in a generation; under self-adaptive half are parents, half their children."""
    network: EvolvedNetworkConfig = EvolvedNetworkConfig()
    king: KingConfig = KingConfig()
    strategy: StrategyConfig = StrategyConfig()
    fitness: FitnessConfig = FitnessConfig()
    hall: HallConfig = HallConfig()
    rollouts: EvolutionRolloutsConfig = EvolutionRolloutsConfig()
    evaluation: EvolutionEvaluationConfig = EvolutionEvaluationConfig()
    stop: EvolutionStopConfig = EvolutionStopConfig()
    snapshot_every: Annotated[int, Field(ge=0)] = 0
    """Generations between two checkpoints that stay for good, as members of the run's league; 0 is none."""

    @model_validator(mode="after")
    def _sensible(self) -> "EvolutionConfig":
        if self.population < 2:
            raise ValueError(f"population: {self.population} has nobody to play; at least 2")
        if self.population % 2 and self.strategy.name != "sep-cma-es" and self.strategy.name != "snes":
            raise ValueError(
                f"population: {self.population} is odd; {self.strategy.name} needs pairs "
                "(of parent and child, or of mirrored steps)"
            )
        if self.network.name.startswith("blondie") and self.game != "checkers":
            raise ValueError(
                f"network.name: {self.network.name} plays checkers only, not {self.game}; conv plays any game"
            )
        if self.fitness.openings == "ballots" and self.game != "checkers":
            raise ValueError(f"fitness.openings: ballots are for checkers, not {self.game}; take random")
        if self.fitness.hall_games and not self.hall.every:
            raise ValueError(f"fitness.hall_games: {self.fitness.hall_games} need a hall; set hall.every")
        if self.evaluation.simulations and (self.network.name != "conv" or self.fitness.player == "policy"):
            raise ValueError(
                "evaluation.simulations: are for network.name conv with fitness.player value or gumbel"
            )
        if self.strategy.elites and self.strategy.selection == "plus":
            raise ValueError("strategy.elites: under plus selection all parents compete; take comma")
        if self.strategy.elites >= max(2, self.population // 2):
            raise ValueError(
                f"strategy.elites: {self.strategy.elites} is not less than the {self.population // 2} parents"
            )
        return self


#: What cannot change in a run that goes on: with it, the individuals would be others.
LASTING = ("game", "seed", "population", "network", "king", "strategy")
