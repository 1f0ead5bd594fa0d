"""Why a goal is missed, and the limit that was found; shown in the README beside the rows that miss theirs."""

REASONS: dict[str, str] = {}
