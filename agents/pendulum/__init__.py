"""SAC on Pendulum-v1."""
