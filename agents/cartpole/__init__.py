"""PPO on CartPole-v1."""
