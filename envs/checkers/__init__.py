"""English draughts (WCDF rules): bitboards, rules, notation, PDN."""

from tengen.envs.checkers.game import Checkers
from tengen.envs.checkers.pdn import PdnGame, iter_pdn, replay, write_pdn

__all__ = ["Checkers", "PdnGame", "iter_pdn", "replay", "write_pdn"]
