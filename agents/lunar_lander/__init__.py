"""DQN on LunarLander."""
