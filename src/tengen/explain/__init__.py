"""Why a network values and moves as it does: maps of what mattered on a board or a screen."""
