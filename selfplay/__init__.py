"""Experience and learning from it: rollouts, replay, learner, the training loops."""
