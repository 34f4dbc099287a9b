"""Ray clusters: starting and joining them, and training as a job of one."""
