"""Have the processor fetch memory that is going to be needed, while it works on something else."""

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic


@intrinsic  # type: ignore[untyped-decorator]
def prefetch(_context: Any, array: Any, index: Any) -> Any:
    """Fetch the place of an entry of an array `[N]` into the cache; any index will do, it is a hint alone."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = signature.args[0]
        there = context.make_array(kind)(context, builder, arguments[0])
        place = context.cast(builder, arguments[1], signature.args[1], types.intp)
        pointer = cgutils.get_item_pointer(context, builder, kind, there, [place], wraparound=False)
        address = builder.bitcast(pointer, cgutils.voidptr_t)
        number = cgutils.int32_t
        kind_of_fetch = ir.FunctionType(ir.VoidType(), [cgutils.voidptr_t, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [cgutils.voidptr_t], kind_of_fetch)
        read, keep, data = number(0), number(3), number(1)
        builder.call(fetch, [address, read, keep, data])
        return context.get_dummy_value()

    return types.void(array, index), generate
