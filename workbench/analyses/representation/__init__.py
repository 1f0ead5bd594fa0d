"""What layers hold: features and units."""
