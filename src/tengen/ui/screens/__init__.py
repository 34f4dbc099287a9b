"""The board in the terminal: screens, dialogs, keys."""
