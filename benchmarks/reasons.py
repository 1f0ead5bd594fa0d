"""Why a goal is missed, and the limit that was found; shown in the README beside the rows that miss theirs."""

REASONS: dict[str, str] = {
    "recording/cnn_ratio": "The single pairs reach from 0.87 to 0.99. What is left is copying 0.2 MB of activations a "
    "step out of the network's memory, beside a thread that compresses them on the other core.",
    "recording/frames_ratio": "As for `recording/cnn_ratio`, with 0.1 MB more a step to compress and write: no pair of "
    "the seven is below 0.86 or above 0.90.",
    "recording/mlp_ratio": "Eight bare steps take 0.84 ms on this processor, and recorded about 0.35 ms more: 0.15 ms "
    "are the recorder's own work (taking the tensors 0.06, the dozen small columns 0.05, ends of episodes and the rest "
    "0.04); in 0.13 ms the policy's forward pass takes longer (0.52 ms, recorded 0.65 ms), as each drives the "
    "other out of the processor's caches; and for some 0.06 ms it waits for the writer thread. It is not the "
    "layers: without any, the ratio is about the same.",
}
