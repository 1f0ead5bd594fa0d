"""Why a goal is missed, and the limit that was found; shown in the README beside the rows that miss theirs."""

REASONS: dict[str, str] = {
    "recording/cnn_ratio": "Without layers the ratio is 0.94 to 1.0; what "
    "is left is copying 0.2 MB of activations a step out of the network's memory, beside a thread that compresses.",
    "recording/mlp_ratio": "Eight bare steps take 220 µs together. Recording them adds 10 µs in the network, 90 µs "
    "for writing eight rows of each of 25 arrays, and 40 µs in the loop.",
}
