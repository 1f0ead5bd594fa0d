"""Pickles made up opcode by opcode: most can be followed for a while, and say what no program would have written."""

import pickle
import pickletools
import struct
from random import Random

from tests.fuzz.mutation import NUMBERS
from tests.hostile.pickles import name, text

NAMES = (
    ("gymnasium.spaces.box", "Box"), ("gymnasium.spaces.discrete", "Discrete"), ("gym.spaces.dict", "Dict"),
    ("gymnasium.spaces.multi_discrete", "MultiDiscrete"), ("gymnasium.spaces.multi_binary", "MultiBinary"),
    ("gymnasium.spaces.tuple", "Tuple"), ("numpy", "dtype"), ("numpy", "float32"), ("numpy", "ndarray"),
    ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.numeric", "_frombuffer"),
    ("numpy._core.multiarray", "scalar"), ("numpy.dtypes", "Float32DType"), ("collections", "OrderedDict"),
    ("copyreg", "__newobj__"), ("copyreg", "_reconstructor"), ("builtins", "object"), ("builtins", "getattr"),
    ("stable_baselines3.common.vec_env.vec_normalize", "VecNormalize"), ("torch.nn.modules.activation", "ReLU"),
    ("stable_baselines3.common.running_mean_std", "RunningMeanStd"), ("os", "system"), ("torch", "FloatStorage"),
    ("torch._utils", "_rebuild_tensor_v2"), ("torch._utils", "_rebuild_parameter"), ("", ""), ("a" * 300, "b"),
)  # fmt: skip
TEXTS = ("low", "high", "dtype", "n", "start", "nvec", "spaces", "shape", "obs_rms", "mean", "var", "count", "epsilon",
         "clip_obs", "norm_obs", "norm_obs_keys", "f4", "u1", "O8", "<", "storage", "cpu", "0", "C", "F", "é", "",
         "net_arch", "pi", "vf", "activation_fn", "weight")  # fmt: skip
_CODES = [code for code in pickletools.opcodes if code.name not in ("STOP", "PROTO")]
_PLAIN = [b"N", b"\x88", b"\x89", b")", b"]", b"}", b"\x8f", b"("]
_ACTING = [b"R", b"\x81", b"b", b"s", b"u", b"a", b"e", b"t", b"\x85", b"\x86", b"\x87", b"d", b"l", b"o", b"\x90",
           b"\x91", b"\x92", b"0", b"1", b"2", b"\x94", b"\x93", b"Q"]  # fmt: skip


def stream(random: Random) -> bytes:
    """A pickle of some to some hundred opcodes."""
    body = b"".join(_operation(random) for _ in range(1 + int(random.expovariate(0.03))))
    start = random.choice((b"", b"\x80\x02", b"\x80\x04", b"\x80\x05"))
    return start + body + random.choice((b".", b".", b".", b""))


def space_like(random: Random) -> bytes:
    """A pickle of the form that spaces, arrays and statistics have, with what they hold made up."""
    return b"\x80\x04" + _object(random, 0) + b"."


def _object(random: Random, depth: int) -> bytes:
    if depth > 3 or random.random() < 0.35:
        return _value(random)
    match random.randrange(5):
        case 0:
            return _array(random)
        case 1:
            return b"(" + b"".join(_object(random, depth + 1) for _ in range(random.randrange(5))) + b"t"
        case 2:
            return b"](" + b"".join(_object(random, depth + 1) for _ in range(random.randrange(5))) + b"e"
    built = name(*random.choice(NAMES)) + random.choice((b")\x81", b")R", b"(" + _value(random) + b"tR"))
    entries = b"".join(text(random.choice(TEXTS)) + _object(random, depth + 1) for _ in range(random.randrange(7)))
    state = b"}(" + entries + b"u"
    return built + state + b"b" if random.random() < 0.8 else built + b"(" + entries + b"u"


def _array(random: Random) -> bytes:
    """An array as numpy pickles one, often with bytes that fill its shape."""
    code = random.choice(("f4", "f8", "i8", "i4", "u1", "b1", "f2", "O8", "U4", "V8", "c8", "x"))
    shape = tuple(random.choice((0, 1, 2, 3, 5, *NUMBERS[:4])) for _ in range(random.randrange(4)))
    size = 1
    for axis in shape:
        size *= axis
    size = size * int(code[1:]) if code[1:].isdigit() else 4
    content = random.randbytes(min(size, 5000) if random.random() < 0.8 else random.randrange(40))
    dtype = name("numpy", "dtype") + b"(" + text(code) + b"\x89\x88tR(K\x03" + text(random.choice("<>|=")) + b"NNNtb"
    if random.random() < 0.3:
        dtype = random.choice((name("numpy", "float32"), text(code), _value(random)))
    plain = pickle.dumps(shape, 3)[2:-1]
    if random.random() < 0.3:
        arguments = pickle.dumps(content, 3)[2:-1] + dtype + plain + text(random.choice("CFA"))
        return name("numpy._core.numeric", "_frombuffer") + b"(" + arguments + b"tR"
    if random.random() < 0.2:
        return name("numpy._core.multiarray", "scalar") + dtype + pickle.dumps(content, 3)[2:-1] + b"\x86R"
    head = name("numpy._core.multiarray", "_reconstruct") + b"(" + name("numpy", "ndarray") + b"K\0\x85C\x01btR"
    return head + b"(K\x01" + plain + dtype + b"\x89" + pickle.dumps(content, 3)[2:-1] + b"tb"


def _value(random: Random) -> bytes:
    match random.randrange(6):
        case 0:
            return pickle.dumps(random.choice((-1, 1)) * random.choice((*NUMBERS, 10**30)), 3)[2:-1]
        case 1:
            return pickle.dumps(random.choice((0.0, -1.5, 1e308, float("nan"), float("inf"))), 3)[2:-1]
        case 2:
            return text(random.choice(TEXTS))
        case 3:
            return pickle.dumps(random.randbytes(random.randrange(20)), 3)[2:-1]
        case 4:
            return name(*random.choice(NAMES))
    return random.choice(_PLAIN[:7])


def _operation(random: Random) -> bytes:
    chance = random.random()
    if chance < 0.3:
        return _value(random)
    if chance < 0.4:
        return random.choice(_PLAIN)
    if chance < 0.7:
        return random.choice(_ACTING)
    if chance < 0.8:
        return random.choice((b"q", b"h")) + bytes([random.randrange(6)])
    if chance < 0.83:
        return _object(random, 2)
    code = random.choice(_CODES)
    return code.code.encode("latin-1") + _argument(code, random)


def _argument(code: pickletools.OpcodeInfo, random: Random) -> bytes:
    """What follows an opcode in the stream, of the right form and often of a wrong size."""
    if code.arg is None:
        return b""
    count = code.arg.n
    if count > 0:
        return random.randbytes(count)
    if count == pickletools.UP_TO_NEWLINE:
        return random.choice((b"1", b"0", b"-5", b"x", b"1e400", b"'a'", b"99999999999999999999", b"01")) + b"\n" * (
            1 + code.name.startswith(("GLOBAL", "INST"))
        )
    form = {pickletools.TAKEN_FROM_ARGUMENT1: "<B", pickletools.TAKEN_FROM_ARGUMENT4: "<i",
            pickletools.TAKEN_FROM_ARGUMENT4U: "<I"}.get(count, "<Q")  # fmt: skip
    content = random.randbytes(random.randrange(12))
    length = len(content) if random.random() < 0.8 else random.choice(NUMBERS)
    bits = 8 * struct.calcsize(form) - (form == "<i")
    return struct.pack(form, length % (1 << bits)) + content
