"""Files that nobody thought of: sound ones changed at random, and programs made up opcode by opcode."""
