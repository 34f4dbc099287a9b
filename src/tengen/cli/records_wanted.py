"""The options of `tengen records import` that say which games are wanted."""

import argparse
from typing import TYPE_CHECKING, Any

from tengen.errors import TengenError

if TYPE_CHECKING:
    from tengen.league.record_filters import Filters


def add_arguments(take: Any) -> None:
    """Register the options."""
    take.add_argument(
        "--longest", metavar="N", type=int, default=100_000, help="leave longer games out (default: none)"
    )
    take.add_argument(
        "--min-rank", metavar="RANK", help="of both players, such as 6d, 3k or 9p; Go (default: any, or none)"
    )
    take.add_argument("--since", metavar="DATE", help="first date, such as 2016, 2016-05 or 2016-05-31")
    take.add_argument("--until", metavar="DATE", help="last date")
    take.add_argument(
        "--max-handicap", metavar="N", type=int, default=1000, help="stones, Go (default: any); 0: even games"
    )
    take.add_argument(
        "--any-result", action="store_true", help="also games without a result, to learn moves from"
    )


def filters_of(args: argparse.Namespace) -> "Filters":
    """What the options say. Raises TengenError."""
    from tengen.league.record_filters import Filters, parse_date, parse_rank
    from tengen.selfplay.records import NO_RANK

    for name, low in (("shortest", 1), ("longest", 1), ("max_handicap", 0)):
        if getattr(args, name) < low:
            option = name.replace("_", "-")
            raise TengenError(f"--{option} {getattr(args, name)} is out of range; it must be {low} or more")
    if args.longest < args.shortest:
        raise TengenError(f"--longest {args.longest} is less than --shortest, {args.shortest}")
    since, until = (parse_date(text) if text else "" for text in (args.since, args.until))
    if since and until and until < since[: len(until)]:
        raise TengenError(f"--until {until} is before --since {since}")
    return Filters(
        shortest=args.shortest,
        longest=args.longest,
        least_rank=parse_rank(args.min_rank) if args.min_rank else NO_RANK,
        since=since,
        until=until,
        most_handicap=args.max_handicap,
        any_result=args.any_result,
    )
