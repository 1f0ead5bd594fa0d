"""DQN on MiniGrid's DoorKey."""
