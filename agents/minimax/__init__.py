"""Alpha-beta for games with compiled moves and evaluations."""
