"""A game at the board as data: moves and variations, clocks, records. Nothing here draws."""
