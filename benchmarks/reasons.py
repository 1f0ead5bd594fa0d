"""Why a goal is missed, and the limit that was found, or why it is in doubt; shown in the README beside the row."""

REASONS: dict[str, str] = {
    "cli/help_seconds": (
        "The processor's doing: bare Python took 0.01 s on the machine on which this was 0.11 s, and 0.027 s on "
        "this one, so that it is 11 and 14 times a bare start. Half of it is the import of tyro, which reads the "
        "options."
    ),
    "cluster/two_workers_speedup": (
        "One worker keeps 1.14 cores busy already, 0.95 with acting and 0.19 with writing (processor time of four "
        "recordings of 3,000 steps), and two of those cannot be more than 1.75 times one on two cores. The rest "
        "is the last episodes of each part, when one worker waits for the other, and the scheduler's process. Nor "
        "do two bare rollouts begun together do twice the steps of one on this machine: 1.77 times in this run, "
        "1.95 in another."
    ),
    "recording/cnn_ratio": (
        "On an AMD EPYC, whose bare steps take twice as long, it was 0.87 (0.80 to 0.99), 0.88 (0.83 to 0.94) and 0.93 "
        "(0.87 to 0.99). What is left is keeping 1.4 MB of activations a step of eight out of the network's "
        "memory, which then must work in other memory, beside a thread that copies and compresses them on the "
        "other core."
    ),
    "recording/frames_ratio": (
        "In doubt: an earlier run on the same machine missed it (0.889; 0.868 to 0.896), and single pairs of this "
        "one reach below it."
    ),
    "recording/mlp_ratio": (
        "What recording adds has not grown: 0.23 ms to eight steps that take 0.28 ms bare here. On an AMD EPYC, "
        "whose eight bare steps take some 0.75 ms, it was 0.2 to 0.3 ms, a ratio of 0.74 (0.61 to 0.79). There 0.15 "
        "ms were the recorder's own work (taking the tensors 0.06, the dozen small columns 0.05, ends of episodes "
        "and the rest 0.04); in 0.1 ms the policy's forward pass takes longer, as each drives the other out of the "
        "processor's caches; and for some 0.06 ms it waits for the writer thread. It is not the layers: without "
        "any, the ratio is about the same. Working out episodes for 32 steps in one go instead of step by step "
        "brought nothing."
    ),
    "recording/over_minari": (
        "In doubt: the single pairs reach from 0.90 to 1.13, and an earlier run had 1.07 (0.91 to 1.23): as fast "
        "as Minari, that is, which keeps no activation, value or logit."
    ),
    "probing/memory_growth": (
        "52 MB for 990,000 more steps. A layer's numbers are read in blocks and forgotten; what stays is small for "
        "each step: the hash of its observation (8 bytes), its row's place in its episode (12), its fold and episode "
        "(5), concepts and their controls (8), and of each of 45,000 short episodes the counts of every probe and "
        "baseline (14 MB)."
    ),
    "probing/two_workers_speedup": (
        "Single pairs reach from 1.55 to 1.59. Four layers of unlike width are shared among two workers, the widest "
        "first, and the last of them leave one waiting; both read and unpack the same recording's chunks from one "
        "disk, and the scheduler and the client run beside them on the same two cores."
    ),
    "saliency/blur_vs_loop": (
        "The network itself does 863 single frames a second here and 2,772 in batches of 128, 3.2 times as many; "
        "more than that no batching can give on this processor with one thread. Batches of 8 to 256 masks were "
        "tried: 4.4 to 6.4 frames a second."
    ),
    "saliency/ig_vs_captum": (
        "Half of what is asked for. A path ends only when another round changes the map by at most 5 %, too, "
        "since a completeness gap alone can be closed by errors that cancel; with the gap as the only condition "
        "some decisions ended after 5 points with attributions that were wrong. What is saved is that a decision "
        "takes 16 to 192 points as it needs them, where Captum takes as many for all."
    ),
    "search/trace_cost": (
        "In doubt: single runs lie on both sides of the goal. A trace of 400 simulations is copied in 45 µs, a third "
        "of what it took before; the searches beside it became three times as fast as well."
    ),
    "atlas/click_ms": (
        "Half of it is not the map's: a bare button that shows another picture takes 157 ms (Streamlit's way to the "
        "server and back), and plotly marks the clicked one of 50,000 points before it tells anybody."
    ),
}
