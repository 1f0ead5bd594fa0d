"""Why a goal is missed, and the limit that was found; shown in the README beside the rows that miss theirs."""

REASONS: dict[str, str] = {
    "recording/cnn_ratio": "The single pairs reach from 0.87 to 0.99. What is left is copying 0.2 MB of activations a "
    "step out of the network's memory, beside a thread that compresses them on the other core.",
    "recording/mlp_ratio": "Eight bare steps take 0.8 ms on this processor, and recorded about 0.3 ms more. It is not "
    "the layers: without any, the ratio was the same. It is the Python that keeps a dozen small columns a step, which "
    "each forward pass has driven out of the processor's cache.",
}
