"""Perfect play where a game can be solved as one plays."""
