"""Fuzzing all that reads an agent's file: pickles, weights, the zip around them, the facts, and statistics."""

import base64
import functools
import inspect
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.corpus import Corpus
from tests.fuzz.mutation import NUMBERS, json_bytes, mutated, mutated_json
from tests.fuzz.streams import space_like, stream
from tests.hostile.containers import Entry, packed, written
from tests.hostile.weights import legacy_file, state, storage, tensor, torch_zip

Make = Callable[[Random, Corpus], Any]


# --- pickles ---------------------------------------------------------------------------------------------------------


def make_stream(random: Random, corpus: Corpus) -> bytes:
    """A pickle made up."""
    return random.choice((stream, stream, space_like))(random)


def make_pickle(random: Random, corpus: Corpus) -> bytes:
    """A real pickle, changed."""
    return mutated(random.choice(corpus.pickles), random, corpus.pickles)


def read_pickle(content: bytes, folder: Path) -> None:
    """Read it inertly and make of it all that can be made, the arguments of a policy included."""
    from stable_baselines3.common.policies import ActorCriticPolicy

    from workbench.errors import WorkbenchError
    from workbench.policies.archive import Archive
    from workbench.policies.inert_numpy import read_array, read_dtype, read_number
    from workbench.policies.inert_pickle import InertPickleError, read_inert, shown
    from workbench.policies.inert_spaces import read_space
    from workbench.policies.kinds import kind_of_archive, policy_class_name
    from workbench.policies.policy_arguments import read_policy_arguments

    serialised = {":serialized:": base64.b64encode(content).decode()}
    archive = Archive(Path("agent.zip"), dict.fromkeys(("policy_kwargs", "policy_class"), serialised), {}, "")
    accepted = inspect.signature(ActorCriticPolicy.__init__).parameters
    for make in (
        lambda: read_policy_arguments(archive, accepted), lambda: policy_class_name(archive),
        lambda: kind_of_archive(archive),
    ):  # fmt: skip
        _refused(make, WorkbenchError)
    record = read_inert(content)
    assert len(shown(record)) < 1000
    for build in (read_space, read_array, read_number, read_dtype):
        _refused(functools.partial(build, record), InertPickleError)


def _refused(act: Callable[[], Any], *errors: type[Exception]) -> None:
    said = ""
    try:
        act()
    except errors as error:
        said = str(error)
    assert len(said) < 2000, "a message without end"


# --- weights ---------------------------------------------------------------------------------------------------------


def make_weights(random: Random, corpus: Corpus) -> bytes:
    """A file of weights: the pickle in it changed or made up, or the members, or the bytes of the whole."""
    match random.randrange(4):
        case 0:
            return mutated(random.choice(corpus.weights), random, corpus.weights)
        case 1:
            content, members = random.choice(corpus.weight_pickles)
            changed = {key: mutated(part, random) if random.random() < 0.1 else part for key, part in members.items()}
            compression = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
            return torch_zip(mutated(content, random), changed, compression)
    count = random.randrange(20)
    sizes = [tuple(random.choice((0, 1, 2, 3, *NUMBERS)) for _ in range(random.randrange(4))) for _ in range(2)]
    if random.random() < 0.6:
        sizes[1] = sizes[1][: len(sizes[0])] + (1,) * (len(sizes[0]) - len(sizes[1]))
    stated = count if random.random() < 0.7 else random.choice((*NUMBERS, -1, 1.5, "a", None))
    kind = f"{random.choice(('Float', 'Half', 'Bool', 'Long', 'ComplexFloat', 'Untyped'))}Storage"
    held = storage(random.choice(("0", "0", "1", "../0", "é")), stated, kind)
    offset = random.choice((0, 0, 0, 1, -1, *NUMBERS))
    body = state(*[(random.choice("abc"), tensor(held, offset, *sizes)) for _ in range(random.randrange(4))])
    content = random.randbytes(random.choice((4, 2, 1, 8)) * count)
    if random.random() < 0.3:
        return legacy_file(body) + content
    return torch_zip(
        body, {"data/0": content, "data/1": b"", "byteorder": random.choice((b"little", b"little", b"big"))}
    )


def read_weights(content: bytes, folder: Path) -> None:
    """Read the tensors, and look at every number."""
    from workbench.policies.archive import read_weights

    for value in read_weights(content, "x", maximum_bytes=1 << 26).values():
        assert value.numel() * value.element_size() <= len(content) * 1100
        value.double().sum()


# --- the zip file ----------------------------------------------------------------------------------------------------


def make_container(random: Random, corpus: Corpus) -> bytes:
    """A saved agent's file with other bytes, or with members that are not as its directory has them."""
    members = random.choice(list(corpus.agents.values()))
    if random.random() < 0.4:
        whole = packed(members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
        # Structures lie at the ends; the weights in between are long.
        if random.random() < 0.5:
            end = random.choice((60, 400))
            return whole[:-end] + mutated(whole[-end:], random)
        return mutated(whole, random)
    entries = [Entry(name=key.encode(), content=content) for key, content in members.items()]
    for _ in range(1 + random.randrange(3)):
        place = random.randrange(len(entries))
        entry = entries[place].__dict__ | {
            random.choice(("size", "packed_size", "begins")): random.choice((None, *NUMBERS[:18])),
            random.choice(("method", "flags")): random.choice((0, 1, 8, 8, 12, 14, 99, 0x20, 0x800)),
        }
        if random.random() < 0.3:
            entry["content"] = mutated(entry["content"][:5000], random)
        if random.random() < 0.2:
            entry["name"] = random.choice((b"data", b"policy.pth", b"../x", b"", b"\xff", b"data\0x", b"a" * 3000))
        limited = {key: entry[key] and entry[key] % (1 << 32) for key in ("size", "packed_size", "begins")}
        entries[place] = Entry(**(entry | limited))
    if random.random() < 0.2:
        entries.append(random.choice(entries))
    random.shuffle(entries)
    return written(entries)


def read_container(content: bytes, folder: Path) -> None:
    """Read the archive from a file."""
    from workbench.policies.archive import read_archive

    path = folder / "agent.zip"
    path.write_bytes(content)
    archive = read_archive(path)
    for key in list(archive.data)[:20]:
        try:
            archive.value(key)
        except ValueError as error:
            str(error)


# --- whole agents ----------------------------------------------------------------------------------------------------


def make_agent(random: Random, corpus: Corpus) -> tuple[str, bytes]:
    """A saved agent with other facts: JSON changed, and pickles in it changed or exchanged."""
    kind = random.choice(list(corpus.agents))
    members = corpus.agents[kind]
    data = json.loads(members["data"])
    if random.random() < 0.5:
        data = mutated_json(data, random)
    else:
        serialised = [key for key, value in data.items() if isinstance(value, dict) and ":serialized:" in value]
        key = random.choice(serialised)
        content = base64.b64decode(data[key][":serialized:"])
        content = random.choice((mutated(content, random), mutated(content, random), random.choice(corpus.pickles)))
        data[key] = {":serialized:": base64.b64encode(content).decode()}
    if random.random() < 0.3 and isinstance(data, dict):
        wider = {"net_arch": random.choice(([8], [16, 8], {"pi": [16, 8]}, [NUMBERS[random.randrange(20)]]))}
        data["policy_kwargs"] = mutated_json(wider, random)
    return kind.partition("-")[0], packed({**members, "data": json_bytes(data, random)})


def read_agent(case: tuple[str, bytes], folder: Path) -> None:
    """Load it, with an environment at hand, and let it act."""
    from tests.hostile.deeds import load_agent

    kind, content = case
    (folder / "agent.zip").write_bytes(content)
    load_agent(f"{kind}:{folder / 'agent.zip'}", environment=len(content) % 2 == 0)


# --- statistics ------------------------------------------------------------------------------------------------------


def make_statistics(random: Random, corpus: Corpus) -> tuple[str, bytes]:
    """A pickle of VecNormalize, or an `.npz`, changed or made up."""
    match random.randrange(4):
        case 0:
            return "n.npz", mutated(corpus.arrays, random)
        case 1:
            with zipfile.ZipFile(io.BytesIO(corpus.arrays)) as archive:
                members = {name: archive.read(name) for name in archive.namelist()}
            key = random.choice(list(members))
            members[random.choice((key, key, "x.npy", "a/mean.npy"))] = mutated(members[key], random)
            return "n.npz", packed(members, random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))
        case 2:
            return "n.pkl", make_stream(random, corpus)
    return "n.pkl", mutated(random.choice(corpus.statistics), random, corpus.pickles)


def read_statistics(case: tuple[str, bytes], folder: Path) -> None:
    """Read them, and normalise something."""
    import numpy as np

    from workbench.policies.normalisation import read_normalisation

    name, content = case
    (folder / name).write_bytes(content)
    with np.errstate(all="ignore"):
        for statistics in read_normalisation(folder / name).values():
            if statistics.mean.size < 1000:
                statistics.apply(np.zeros((2, *statistics.mean.shape)))


# --- JSON ------------------------------------------------------------------------------------------------------------


def make_json(random: Random, corpus: Corpus) -> bytes:
    """JSON changed, or made up of what JSON is made of."""
    if random.random() < 0.5:
        signs = [b"[", b"]", b"{", b"}", b",", b":", b'"', b"\\u", b"d8", b"1", b"e", b"-", b".", b"NaN", b"null",
                 b"\0", b"Infinity", b"\xff", b"\xef\xbb\xbf", b"/", b" ", b"\n", b'"a"', b"9" * 5000]  # fmt: skip
        content = b"".join(random.choice(signs) for _ in range(1 + int(random.expovariate(0.05))))
        return content * random.choice((1, 1, 1, 1000))
    root = json.loads(random.choice(list(corpus.recordings.values()))["zarr.json"])
    return mutated(json.dumps(mutated_json(root["attributes"], random)).encode("utf-8", "surrogatepass"), random)


def read_json(content: bytes, folder: Path) -> None:
    """Read it as every file of JSON is read."""
    from workbench.bounded_json import read_json

    read_json(content, maximum_bytes=1 << 24)
