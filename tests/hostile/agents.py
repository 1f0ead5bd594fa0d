"""Hostile agents: a sound one with something else in one of its places."""

import base64
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.hostile.containers import packed
from tests.hostile.pickles import GREEDY, attacks

NEEDED = ("policy_class", "policy_kwargs")
"""Facts without which an agent cannot be built: an attack there is refused."""
UNNEEDED = (
    "observation_space",
    "action_space",
    "learning_rate",
    "lr_schedule",
    "clip_range",
    "_last_obs",
    "ep_info_buffer",
    "use_sde",
    "num_timesteps",
)
"""Facts that come from the environment, or that only training wants: an attack there is never looked at."""
MEMBERS = (
    "pytorch_variables.pth",
    "policy.optimizer.pth",
    "system_info.txt",
    "stranger.pkl",
    "__init__.py",
    "archive/data.pkl",
)
"""Members that nothing reads."""


def members_of(path: Path) -> dict[str, bytes]:
    """What is in a saved agent's file."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def with_data(members: Mapping[str, bytes], **changes: Any) -> bytes:
    """The agent with other facts."""
    data = json.loads(members["data"]) | changes
    return packed({**members, "data": json.dumps(data).encode()})


def serialised(content: bytes) -> dict[str, str]:
    """A pickle as stable-baselines3 keeps it among the facts."""
    return {":type:": "<class 'stranger'>", ":serialized:": base64.b64encode(content).decode()}


def attack_in(members: Mapping[str, bytes], place: str, content: bytes) -> bytes:
    """The agent with a pickle in one of its places."""
    if place in MEMBERS:
        return packed({**members, place: content})
    return with_data(members, **{place: serialised(content)})


def attack_everywhere(members: Mapping[str, bytes], target: Path) -> bytes:
    """The agent with an attack in every place that is not needed, each by another way."""
    ways = list(attacks(target).values())
    data = json.loads(members["data"])
    for number, key in enumerate(key for key in data if key not in NEEDED):
        data[key] = serialised(ways[number % len(ways)])
    extra = {name: ways[number % len(ways)] for number, name in enumerate(MEMBERS)}
    return packed({**members, **extra, "data": json.dumps(data).encode()})


def _raw(text: str) -> Callable[[Mapping[str, bytes]], bytes]:
    return lambda members: packed({**members, "data": text.encode("utf-8", "surrogatepass")})


def _arguments(value: Any) -> Callable[[Mapping[str, bytes]], bytes]:
    return lambda members: with_data(members, policy_kwargs=value)


def _pickled(key: str, what: str) -> Callable[[Mapping[str, bytes]], bytes]:
    return lambda members: with_data(members, **{key: serialised(GREEDY[what]())})


def _unfolding() -> Any:
    value: Any = 1
    for _ in range(5):
        value = [value] * 10
    return value


FACTS: Mapping[str, Callable[[Mapping[str, bytes]], bytes]] = {
    "data nested a million deep": _raw("[" * 1_000_000),
    "data nested in objects": _raw('{"a":' * 200_000),
    "data nested deep in one fact": _raw('{"policy_kwargs": ' + '{"a":' * 900 + "1" + "}" * 901),
    "data of ten million lists": _raw("[" + "[]," * 10_000_000 + "[]]"),
    "data of ten million numbers": _raw("[" + "1," * 10_000_000 + "1]"),
    "a number of a million digits": _raw('{"num_timesteps": ' + "9" * 1_000_000 + "}"),
    "a fraction of a million digits": _raw('{"gamma": 0.' + "9" * 1_000_000 + "}"),
    "data that is a list": _raw("[]"),
    "data that is null": _raw("null"),
    "data that is empty": _raw(""),
    "data that is not UTF-8": lambda members: packed({**members, "data": b"\xff\xfe\x00{"}),
    "data with lone surrogates": _raw('{"policy_class": "\\ud800", "policy_kwargs": {"\\udfff": "\\ud800"}}'),
    "a class that is text": lambda members: with_data(members, policy_class="os.system"),
    "a class of the library that is no policy": lambda members: with_data(
        members, policy_class=serialised(b"cstable_baselines3.common.save_util\nload_from_pkl\n.")
    ),
    "a class of a name that only looks like it": lambda members: with_data(
        members, policy_class=serialised(b"cstable_baselines3_stranger.common.policies\nActorCriticPolicy\n.")
    ),
    "a pickle that is no base64": lambda members: with_data(members, policy_kwargs={":serialized:": "§§§"}),
    "a pickle that is a number": lambda members: with_data(members, policy_kwargs={":serialized:": 5}),
    "a pickle that is a list": lambda members: with_data(members, policy_class={":serialized:": ["a"]}),
    "facts that are not numbers": lambda members: with_data(members, gamma=float("nan"), num_timesteps=float("inf")),
    "facts of huge numbers": lambda members: with_data(members, exploration_rate=10**4000, num_timesteps=-(10**4000)),
    "facts of other types": lambda members: with_data(members, gamma=[1], use_sde="yes", num_timesteps={"a": 1}),
    "layers of a billion units": _arguments({"net_arch": [10**9]}),
    "layers of a million units": _arguments({"net_arch": [10**6, 10**6]}),
    "layers that overflow": _arguments({"net_arch": [2**62, 2**62]}),
    "layers of more than 64 bits": _arguments({"net_arch": [10**30]}),
    "layers of a negative size": _arguments({"net_arch": [-1]}),
    "layers of no units": _arguments({"net_arch": [0]}),
    "a hundred layers": _arguments({"net_arch": [16] * 100}),
    "ten thousand layers": _arguments({"net_arch": [16] * 10_000}),
    "layers that unfold": _arguments({"net_arch": _unfolding()}),
    "layers by names that are none": _arguments({"net_arch": {"pi": {"a": 1}, "vf": "abc"}}),
    "layers that are text": _arguments({"net_arch": "a" * 1_000_000}),
    "arguments that are a list": _arguments([1, 2]),
    "arguments that are text": _arguments("a"),
    "arguments that nobody takes": _arguments({"stranger" * 1000: 1}),
    "an argument called self": _arguments({"self": 1}),
    "an argument called observation_space": _arguments({"observation_space": 1, "action_space": 2}),
    "an extractor of a name": _arguments({"features_extractor_class": "os.system"}),
    "an extractor of a module of one's own": lambda members: with_data(
        members, policy_kwargs=serialised(b"}X\x18\0\0\0features_extractor_classcstranger_module\nSpace\ns.")
    ),
    "an extractor with large arguments": _arguments({"features_extractor_kwargs": {"features_dim": 10**9}}),
    "an activation that is a loader": lambda members: with_data(
        members, policy_kwargs=serialised(b"}X\x0d\0\0\0activation_fnctorch\nload\ns.")
    ),
    "shared layers of a million units": _arguments({"net_arch": [10**6, {"pi": [10**6], "vf": []}]}),
    "an infinite spread": _arguments({"log_std_init": 1e308}),
    "many critics": _arguments({"n_critics": 10**9}),
    **{f"arguments, {what}": _pickled("policy_kwargs", what) for what in GREEDY},
    **{f"class, {what}": _pickled("policy_class", what) for what in GREEDY},
    **{f"observations, {what}": _pickled("observation_space", what) for what in GREEDY},
}  # fmt: skip
"""Agents whose facts are absurd."""


def _space(kind: str, **state: Any) -> dict[str, str]:
    """A pickled space of gymnasium with a state of one's own."""
    from tests.hostile.pickles import PROTOCOL_4, name
    from tests.hostile.weights import push

    module = {"MultiDiscrete": "multi_discrete", "MultiBinary": "multi_binary"}.get(kind, kind.lower())
    built = name(f"gymnasium.spaces.{module}", kind) + b")\x81"
    return serialised(PROTOCOL_4 + built + push(state) + b"b.")


IMAGE = (1, 2000, 2000)

SPACES: Mapping[str, dict[str, str]] = {
    "a billion values": _space("Discrete", n=10**9, start=0),
    "values beyond 64 bits": _space("Discrete", n=10**40, start=0),
    "a negative number of values": _space("Discrete", n=-3, start=0),
    "values that are text": _space("Discrete", n="3", start="0"),
    "no contents": _space("Discrete"),
    "a billion bits": _space("MultiBinary", n=10**9),
    "bits along many axes": _space("MultiBinary", n=[2] * 60),
    "a negative number of bits": _space("MultiBinary", n=[-1, -1]),
    "components of nobody": _space("MultiDiscrete", nvec=[2, 3]),
    "components that are huge": _space("MultiDiscrete", nvec=np.array([2**40, 2**40])),
    "components that are negative": _space("MultiDiscrete", nvec=np.array([-2, 2])),
    "components that are fractions": _space("MultiDiscrete", nvec=np.array([np.nan, np.inf])),
    "a million components": _space("MultiDiscrete", nvec=np.full(1_000_000, 2)),
    "bounds of two shapes": _space("Box", low=np.zeros(2), high=np.zeros(3), dtype=np.dtype("f4")),
    "bounds that are not numbers": _space("Box", low=np.full(5, np.nan), high=np.full(5, np.nan), dtype=np.dtype("f4")),
    "bounds the other way round": _space("Box", low=np.ones(5), high=-np.ones(5), dtype=np.dtype("f4")),
    "bounds of another type": _space("Box", low=np.zeros(5), high=np.ones(5), dtype=np.dtype("O")),
    "a box of many axes": _space("Box", low=np.zeros((1,) * 8), high=np.ones((1,) * 8), dtype=np.dtype("f4")),
    "a box of four million numbers": _space(
        "Box", low=np.zeros((2000, 2000), np.float16), high=np.ones((2000, 2000), np.float16), dtype=np.dtype("f2")
    ),
    "an image of four million bytes": _space(
        "Box", low=np.zeros(IMAGE, np.uint8), high=np.full(IMAGE, 255, np.uint8), dtype=np.dtype("u1")
    ),
    "parts that are none": _space("Dict", spaces=[1, 2]),
    "parts of nobody": _space("Dict", spaces={"a": 1}),
    "no parts": _space("Dict", spaces={}),
}  # fmt: skip
"""Spaces that make no sense."""


def large_agent(members: Mapping[str, bytes], width: int) -> bytes:
    """A sound agent whose two networks have two layers of so many units each."""
    from tests.hostile.weights import saved

    shapes = {}
    for part in ("policy_net", "value_net"):
        shapes |= {f"mlp_extractor.{part}.0.weight": (width, 5), f"mlp_extractor.{part}.0.bias": (width,)}
        shapes |= {f"mlp_extractor.{part}.2.weight": (width, width), f"mlp_extractor.{part}.2.bias": (width,)}
    shapes |= {"action_net.weight": (3, width), "action_net.bias": (3,)}
    shapes |= {"value_net.weight": (1, width), "value_net.bias": (1,)}
    weights = saved({name: torch.zeros(shape) for name, shape in shapes.items()})
    data = json.loads(members["data"]) | {"policy_kwargs": {"net_arch": [width, width]}}
    return packed({**members, "data": json.dumps(data).encode(), "policy.pth": weights})


def _npz(**arrays: Any) -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, **arrays)
    return file.getvalue()


def _member(name: str, content: bytes) -> bytes:
    sound = _npz(mean=np.zeros(5), variance=np.ones(5), count=1.0, epsilon=1e-8, clip=10.0)
    with zipfile.ZipFile(io.BytesIO(sound)) as archive:
        members = {key: archive.read(key) for key in archive.namelist()}
    return packed({**members, name: content}, zipfile.ZIP_DEFLATED)


def _header(text: str) -> bytes:
    return b"\x93NUMPY\x01\0" + len(text).to_bytes(2, "little") + text.encode()


def _normaliser(**state: Any) -> bytes:
    """A pickled VecNormalize with a state of one's own."""
    from tests.hostile.pickles import PROTOCOL_4, name
    from tests.hostile.weights import push

    built = name("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize") + b")\x81"
    return PROTOCOL_4 + built + push({"epsilon": 1e-8, "clip_obs": 10.0, **state}) + b"b."


STATISTICS: Mapping[str, Callable[[], tuple[str, bytes]]] = {
    "a bomb among the arrays": lambda: ("n.npz", _member("bomb.npy", bytes(300 << 20))),
    "an array of objects": lambda: ("n.npz", _npz(mean=np.array([{}], object), variance=np.ones(1))),
    "a shape of eighty terabytes": lambda: (
        "n.npz", _member("mean.npy", _header("{'descr': '<f8', 'fortran_order': False, 'shape': (10000000000000,)}")),
    ),
    "a negative shape": lambda: (
        "n.npz", _member("mean.npy", _header("{'descr': '<f8', 'fortran_order': False, 'shape': (-5,)}")),
    ),
    "a header that is a program": lambda: (
        "n.npz", _member("mean.npy", _header("__import__('os').system('touch executed')")),
    ),
    "a header nested deep": lambda: ("n.npz", _member("mean.npy", _header("[" * 9000))),
    "text as numbers": lambda: (
        "n.npz", _npz(mean=np.array(["a"]), variance=np.array(["a"]), count=1, epsilon=1, clip=1),
    ),
    "arrays of two shapes": lambda: ("n.npz", _npz(mean=np.zeros(5), variance=np.ones(4), count=1, epsilon=1, clip=1)),
    "arrays missing": lambda: ("n.npz", _npz(mean=np.zeros(5))),
    "counts that are arrays": lambda: (
        "n.npz", _npz(mean=np.zeros(5), variance=np.ones(5), count=np.zeros(3), epsilon=1, clip=1),
    ),
    "not a zip": lambda: ("n.npz", b"mean"),
    "no statistics": lambda: ("n.pkl", _normaliser()),
    "statistics that are a number": lambda: ("n.pkl", _normaliser(obs_rms=5)),
    "statistics by no names": lambda: ("n.pkl", _normaliser(obs_rms={}, norm_obs_keys=["a"])),
    "an epsilon that is text": lambda: ("n.pkl", _normaliser(epsilon="a", obs_rms={})),
    "an epsilon of more than 64 bits": lambda: ("n.pkl", _normaliser(epsilon=10**400, obs_rms={})),
    **{what: (lambda make=make: ("n.pkl", make())) for what, make in GREEDY.items()},  # type: ignore[misc]
}  # fmt: skip
"""Files in the place of VecNormalize's, by name and content."""
