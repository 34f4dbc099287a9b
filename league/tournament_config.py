"""What a tournament may be told."""

import hashlib
import json
from typing import Annotated, Literal

from pydantic import Field, model_validator

from tengen.config import ConfigModel

Seconds = Annotated[float, Field(ge=0, le=1e6)]
Whole = Annotated[int, Field(ge=0, le=1_000_000_000)]


class PlayerConfig(ConfigModel):
    """Somebody who plays."""

    agent: str
    """Agent string, as `tengen agents` explains."""
    name: str = ""
    """What the table calls it; the agent string where empty."""
    rating: float | None = None
    """Known Elo that holds the scale in place (an anchor)."""


class OpeningsConfig(ConfigModel):
    """Where games begin; both games of a pair begin at one opening, colours swapped."""

    kind: Literal["auto", "none", "random", "starts", "ballots", "book", "file"] = "auto"
    """auto: starts (Connect Four), ballots (checkers; chess: well-known openings), or random plies."""
    plies: Whole = 0
    """Of starts, random openings, the book, a PGN's or Polyglot's lines; 0 is the game's own number."""
    count: Annotated[int, Field(ge=1, le=100_000)] = 200
    """Openings that the book is to hold, or that are drawn from a Polyglot file."""
    agent: str = ""
    """Searcher that makes and balances the book, such as mcts:models/go9?sims=100."""
    balance: Annotated[float, Field(gt=0, le=1)] = 0.3
    """Openings of the book that the searcher values at more than this, for either side, are left out."""
    file: str = ""
    """Of openings, one a line, turns apart by spaces; for chess also .pgn, .bin (Polyglot) and .epd."""


class TimeConfig(ConfigModel):
    """How long a player may think. A player's nodes or simulations stand in its agent string."""

    kind: Literal["none", "move", "clock"] = "none"
    """move: so many seconds for each; clock: base seconds a game and an increment for each move."""
    move_s: Seconds = 1.0
    base_s: Seconds = 60.0
    increment_s: Seconds = 0.0
    margin_s: Seconds = 0.5
    """Overstepping by no more is forgiven, since the machine may be busy."""


class AdjudicationConfig(ConfigModel):
    """Games that end before the rules end them."""

    max_plies: Whole = 0
    """Longer games end: by points where the game has them, else drawn; 0 leaves it to the rules."""
    resign: Annotated[float, Field(ge=0, le=1)] = 1.0
    """Both players' values say beyond this (0.95, say) who wins; 1 is off. Needs players that give values."""
    resign_plies: Annotated[int, Field(ge=1)] = 6
    """For so many plies in a row."""
    draw: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Both players' values say for draw_plies in a row that neither is ahead by more than this; 0 is off."""
    draw_plies: Annotated[int, Field(ge=1)] = 10
    draw_from: Whole = 80
    """No sooner than at this ply."""
    syzygy: str = ""
    """Folder with Syzygy's tables, by which a game of chess ends as soon as so few pieces are left."""
    tablebase: str = ""
    """File of `tengen tablebase checkers`, by which a game of checkers ends once it knows the outcome."""
    referee: str = ""
    """GTP engine that says which stones are dead once both have passed in Go, such as gtp:gnugo."""


LATER = {
    "draw",
    "draw_plies",
    "draw_from",
    "syzygy",
    "tablebase",
}  # adjudications that events had none of at first


class SprtConfig(ConfigModel):
    """A pairing stops when it is decided whether its first player is elo0 or elo1 stronger."""

    elo0: float = 0.0
    elo1: float = 10.0
    alpha: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    beta: Annotated[float, Field(gt=0, lt=0.5)] = 0.05
    model: Literal["logistic", "normalized"] = "logistic"
    pentanomial: bool = True
    """Count pairs of games; else single games."""


class TournamentConfig(ConfigModel):
    """A whole tournament."""

    kind: Literal["tournament"] = "tournament"
    game: str
    """As `tengen games` lists them."""
    format: Literal["roundrobin", "gauntlet", "swiss", "knockout", "ladder"] = "roundrobin"
    players: list[PlayerConfig | str]
    """Agent strings, or sections of agent, name and rating; the order is the seeding."""
    games: Annotated[int, Field(ge=1, le=10_000_000)] = 100
    """Per pair of players (and round)."""
    rounds: Whole = 0
    """Of Swiss and ladder; 0 is enough to tell a winner."""
    challengers: Annotated[int, Field(ge=1)] = 1
    """The first so many players run the gauntlet of the others."""
    openings: OpeningsConfig = OpeningsConfig()
    time: TimeConfig = TimeConfig()
    adjudication: AdjudicationConfig = AdjudicationConfig()
    sprt: SprtConfig | None = None
    faults: Literal["loss", "void"] = "loss"
    """What a game is whose engine crashed, hung or broke the rules."""
    concurrency: Annotated[int, Field(ge=0, le=1024)] = 0
    """Matches played at once; 0 is one a core, of this machine or of Ray's cluster."""
    where: Literal["threads", "processes", "ray"] = "threads"
    """Where matches are played: here, in processes of their own, or in Ray actors."""
    address: str | None = None
    """A Ray cluster to join (host:port, auto); none starts Ray on this machine."""
    cpus: Annotated[float, Field(gt=0, le=1024)] = 1.0
    """That a Ray actor takes."""
    parallel: Annotated[int, Field(ge=1, le=100_000)] = 64
    """Games side by side in one match of players that live in this process; engines play one at a time."""
    seed: Annotated[int, Field(ge=0, lt=2**62)] = 0
    store: str = ""
    """File of games; empty: runs/NAME/league.sqlite."""

    @model_validator(mode="after")
    def _sensible(self) -> "TournamentConfig":
        if len(self.players) < 2:
            raise ValueError(f"players: a tournament needs two players or more, got {len(self.players)}")
        if self.format == "gauntlet" and self.challengers >= len(self.players):
            raise ValueError(
                f"challengers: {self.challengers} of {len(self.players)} players leave nobody to play against"
            )
        if self.address and self.where != "ray":
            raise ValueError(f"address: {self.address} is Ray's, and where is {self.where}; set where=ray")
        if self.openings.kind == "file" and not self.openings.file:
            raise ValueError("openings.file: missing; kind file needs a file of openings")
        if self.openings.kind == "book" and not self.openings.agent:
            raise ValueError("openings.agent: missing; a book needs a searcher, such as mcts?sims=400")
        return self

    def entrants(self) -> list[PlayerConfig]:
        """The players as sections, each with a name of its own."""
        found: list[PlayerConfig] = []
        for player in self.players:
            one = PlayerConfig(agent=player) if isinstance(player, str) else player
            name, number = one.name or one.agent, 1
            while any(other.name == name for other in found):
                number += 1
                name = f"{one.name or one.agent} ({number})"
            found.append(one.model_copy(update={"name": name}))
        return found

    def event(self, *contents: str) -> str:
        """A digest of the settings under which games can be compared; other settings are another event.

        contents: hashes of files that the settings name.
        """
        keys = {"game", "seed", "openings", "time", "adjudication", "faults"}
        settings = self.model_dump(mode="json", include=keys)
        for name, default in AdjudicationConfig().model_dump(mode="json", include=LATER).items():
            if settings["adjudication"][name] == default:  # so that older events keep their names
                del settings["adjudication"][name]
        text = json.dumps(settings, sort_keys=True) + "".join(contents)
        return hashlib.sha256(text.encode()).hexdigest()[:12]
