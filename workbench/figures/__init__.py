"""From a result to a matplotlib figure, and the player that shows an episode in a browser. Nothing is computed here."""
