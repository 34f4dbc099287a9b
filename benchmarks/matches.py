"""Matches that a benchmark plays: tournaments in a store, shown as they go."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tengen.league.store import Store
    from tengen.league.tournament import Tournament


def play(settings: Mapping[str, object], store: "Store", stop: Callable[[], bool]) -> "Tournament":
    """A whole tournament of these settings; games that the store has already are not played again.

    Raises KeyboardInterrupt once `stop` says True, TengenError for settings that are wrong.
    """
    from pydantic import ValidationError

    from tengen.errors import TengenError
    from tengen.league.live import Live
    from tengen.league.tournament import Tournament
    from tengen.league.tournament_config import TournamentConfig

    try:
        config = TournamentConfig.model_validate(settings)
    except ValidationError as error:
        raise TengenError(f"the matches cannot be played: {error.errors()[0]['msg']}") from error
    tournament = Tournament(config, store)
    with Live() as live:
        if not tournament.play(stop, live.show):
            raise KeyboardInterrupt
    return tournament
