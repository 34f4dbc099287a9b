"""What a recipe says of the worlds that it learns in."""

from typing import Annotated, Literal

from pydantic import Field

from tengen.config import ConfigModel

#: What each protocol settles for Atari: deepmind as Mnih et al. 2015 (Nature 518, Methods and Extended Data
#: Table 1), machado as Machado et al. 2018 (JAIR 61, section 5: sticky actions, whole games). Both clip.
PROTOCOLS: dict[str, dict[str, bool | int | float]] = {
    "deepmind": {"noop_max": 30, "sticky": 0.0, "life_loss_terminal": True, "clip_rewards": True},
    "machado": {"noop_max": 0, "sticky": 0.25, "life_loss_terminal": False, "clip_rewards": True},
}


class WorldsConfig(ConfigModel):
    """How worlds are set up and cut into frames. What is left null goes by the protocol, or by the world.

    Games of gymnasium know `clip_rewards`, `stack` and `max_frames` only; whatever else is set for them is
    refused by `make_worlds`, but for the protocol, which says nothing about them.
    """

    protocol: Literal["deepmind", "machado"] = "deepmind"
    """Atari: deepmind is no-op starts and a lost life that ends the game for learning; machado is sticky
    actions and whole games."""
    clip_rewards: bool | None = None
    """Learn from the sign of the reward; scores stay as they are. Null: yes for Atari, else no."""
    life_loss_terminal: bool | None = None
    """A lost life is the end as far as learning goes; the game goes on. Null: by protocol."""
    noop_max: Annotated[int, Field(ge=0, le=1000)] | None = None
    """A game starts with 0 to so many frames of nothing. Null: by protocol, 30 or 0."""
    sticky: Annotated[float, Field(ge=0, lt=1)] | None = None
    """Chance, frame by frame, that the action before is played again. Null: by protocol, 0 or 0.25."""
    frame_skip: Annotated[int, Field(ge=1, le=60)] = 4
    """Frames that one decision lasts."""
    stack: Annotated[int, Field(ge=1, le=32)] | None = None
    """Frames in an observation. Null: 4 for Atari, else 1."""
    max_frames: Annotated[int, Field(ge=1, le=1_000_000_000)] | None = None
    """Frames after which an episode is cut short. Null: 108,000 for Atari (half an hour), else its own."""
    full_actions: bool = False
    """All 18 actions of the joystick, as Machado et al. recommend, instead of those that the game knows."""
    fire_reset: bool = False
    """Press FIRE at the start of a game, once; a player has to learn it anyway for the lives that follow."""
    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Threads that step the emulators, as far as there are cores. Null: one for every 8 worlds."""

    @property
    def atari_clip_rewards(self) -> bool:
        """Whether Atari's rewards are clipped."""
        return bool(self._settled("clip_rewards"))

    @property
    def atari_life_loss_terminal(self) -> bool:
        """Whether a lost life ends an Atari game for learning."""
        return bool(self._settled("life_loss_terminal"))

    @property
    def atari_noop_max(self) -> int:
        """Most no-ops at the start of an Atari game."""
        return int(self._settled("noop_max"))

    @property
    def atari_sticky(self) -> float:
        """Chance that an Atari game repeats the last action."""
        return float(self._settled("sticky"))

    @property
    def atari_stack(self) -> int:
        """Frames in an observation of an Atari game."""
        return self.stack or 4

    @property
    def atari_max_frames(self) -> int:
        """Frames after which an Atari game is cut short."""
        return self.max_frames or 108_000

    def _settled(self, key: str) -> bool | int | float:
        given: bool | int | float | None = getattr(self, key)
        return PROTOCOLS[self.protocol][key] if given is None else given

    def of_atari_only(self) -> list[str]:
        """The keys that were set to something and mean nothing outside Atari."""
        outside = {"protocol", "clip_rewards", "stack", "max_frames"}
        fields = type(self).model_fields
        return [key for key in fields if key not in outside and getattr(self, key) != fields[key].default]
