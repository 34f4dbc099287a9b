"""Worlds by name: `atari/Pong`, `gym/CartPole-v1`."""

import difflib

from tengen.envs.atari import TWO_PLAYERS, AtariWorlds, atari_roms, atari_spec
from tengen.envs.gym_worlds import GymWorlds, gym_names, gym_spec, is_known
from tengen.envs.worlds import Worlds, WorldSpec
from tengen.envs.worlds_config import WorldsConfig
from tengen.errors import TengenError


def world_names() -> list[str]:
    """Every world there is: ale-py's games for one player, then what gymnasium knows."""
    return [*atari_roms(), *gym_names()]


def make_worlds(name: str, count: int, *, seed: int, config: WorldsConfig | None = None) -> Worlds:
    """So many worlds of that name side by side, the same for the same seed.

    Raises TengenError for an unknown name, with the nearest ones, and for worlds that do not fit.
    """
    if count < 1:
        raise TengenError(f"{name}: {count} worlds are none; it must be at least 1")
    config = config or WorldsConfig()
    if (rom := _rom(name)) is not None:
        return AtariWorlds(name, rom, count, seed=seed, config=config)
    return GymWorlds(name, count, seed=seed, config=config)


def world_spec(name: str, config: WorldsConfig | None = None) -> WorldSpec:
    """What a network must know of a world; Atari's starts no vector of emulators. Errors as `make_worlds`."""
    config = config or WorldsConfig()
    if (rom := _rom(name)) is not None:
        return atari_spec(name, rom, config)
    return gym_spec(name, config)


def _rom(name: str) -> str | None:
    """The ROM of an Atari game, None for a world of gymnasium; raises TengenError for anything else."""
    if name.startswith("atari/"):
        if name in atari_roms():
            return atari_roms()[name]
        if name.removeprefix("atari/").lower() in (rom.replace("_", "") for rom in TWO_PLAYERS):
            raise TengenError(f"{name} is for two players only; worlds have one, such as atari/Pong")
    elif name.startswith("gym/") and is_known(name):
        return None
    raise TengenError(f"unknown world '{name}'; {_nearest_worlds(name)}")


def _nearest_worlds(name: str) -> str:
    """What the name may have meant: as it stands, or with its family or case left out."""
    known: dict[str, str] = {}
    for world in world_names():
        known.setdefault(world.lower(), world)
        known.setdefault(world.partition("/")[2].lower(), world)
    if (exact := name.lower()) in known:
        return f"did you mean {known[exact]}?"
    words = [name.lower().replace("_", ""), name.lower().rpartition("/")[2].replace("_", "")]
    near = [known[key] for word in words for key in difflib.get_close_matches(word, known, n=2, cutoff=0.7)]
    if near:
        return f"did you mean {' or '.join(dict.fromkeys(near[:3]))}?"
    return (
        f"there are {len(atari_roms())} games of Atari, such as atari/Pong, and whatever gymnasium knows, "
        "such as gym/CartPole-v1"
    )
