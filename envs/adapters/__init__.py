"""Doors to other libraries' interfaces: `gymnasium.make("tengen/Go9-v0")` and PettingZoo's AEC."""

from gymnasium.envs.registration import register, registry

from tengen.envs.registry import game_names


def register_games() -> None:
    """Make every registered game known to gymnasium: go9 is tengen/Go9-v0."""
    for name in game_names():
        identifier = f"tengen/{name[0].upper()}{name[1:]}-v0"
        if identifier not in registry:
            register(identifier, entry_point="tengen.envs.adapters.gym:BoardGame", kwargs={"game": name})
