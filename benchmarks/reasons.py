"""Why a goal is missed, and the limit that was found, or why it is in doubt; shown in the README beside the row."""

REASONS: dict[str, str] = {
    "cluster/two_workers_speedup": "One worker keeps 1.14 cores busy already, 0.95 with acting and 0.19 with writing "
    "(processor time of four recordings of 3,000 steps), and two of those cannot be more than 1.75 times one on two "
    "cores. The rest is the last episodes of each part, when one worker waits for the other, and the scheduler's "
    "process. Two bare rollouts begun together did 1.95 times the steps of one (1.75 to 2.52 in five pairs).",
    "recording/cnn_ratio": "Single pairs reach from 0.83 to 0.94; an earlier run on the same machine had 0.93 (0.87 to "
    "0.99). What is left is keeping 1.4 MB of activations a step of eight out of the network's memory, which then must "
    "work in other memory, beside a thread that copies and compresses them on the other core.",
    "recording/frames_ratio": "In doubt: an earlier run on the same machine missed it (0.889; 0.868 to 0.896), and the "
    "single pairs of this one reach below it.",
    "recording/over_minari": "In doubt: the single pairs reach below 1.",
    "recording/mlp_ratio": "Single pairs reach from 0.59 to 0.88; an earlier run on the same machine had 0.69 (0.67 to "
    "0.77). Eight bare steps take some 0.75 ms on this processor, and recorded 0.2 to 0.3 ms more: 0.15 ms are the "
    "recorder's own work (taking the tensors 0.06, the dozen small columns 0.05, ends of episodes and the rest 0.04); "
    "in 0.1 ms the policy's forward pass takes longer, as each drives the other out of the processor's caches; and for "
    "some 0.06 ms it waits for the writer thread. It is not the layers: without any, the ratio is about the same. "
    "Working out episodes for 32 steps in one go instead of step by step brought nothing.",
    "saliency/ig_vs_captum": "Half of what is asked for. A path ends only when another round changes the map by at "
    "most 5 %, too, since a completeness gap alone can be closed by errors that cancel; with the gap as the only "
    "condition some decisions ended after 5 points with attributions that were wrong. What is saved is that a decision "
    "takes 16 to 192 points as it needs them, where Captum takes as many for all.",
    "saliency/blur_vs_loop": "The network itself does 863 single frames a second here and 2,772 in batches of 128, 3.2 "
    "times as many; more than that no batching can give on this processor with one thread. Batches of 8 to 256 masks "
    "were tried: 4.4 to 6.4 frames a second.",
}
