"""RecurrentPPO on CueRecall-v0."""
