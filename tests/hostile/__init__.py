"""Files from strangers: hostile agents and recordings, and what the workbench does with them."""
