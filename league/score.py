"""The score of a match and how far it can be trusted."""

import math

Z95 = 1.959963984540054  # two-sided 95 % of the normal distribution


def score_interval(wins: int, draws: int, losses: int, z: float = Z95) -> tuple[float, float]:
    """Confidence interval of the expected score (win 1, draw 1/2) by Wilson's method, extended to draws.

    With expected score m and draw share d, one game's score has variance m (1 - m) - d / 4. The interval
    holds every m with (s - m)^2 <= z^2 / n * (m (1 - m) - d' / 4), where s is the score of the n games seen
    and d' = draws / (n + z^2) their share of draws, pulled towards 0 so that a match of draws alone keeps an
    error bar. Without draws this is Wilson's interval (1927, doi:10.2307/2276774). Games are taken as
    independent.
    """
    games = wins + draws + losses
    if games == 0:
        return 0.0, 1.0
    score, draw_share, k = (wins + draws / 2) / games, draws / games, z * z / games
    middle = (2 * score + k) / (2 * (1 + k))
    half = math.sqrt(k * (4 * score * (1 - score) - draw_share + k)) / (2 * (1 + k))
    return max(0.0, round(middle - half, 12)), min(1.0, round(middle + half, 12))
