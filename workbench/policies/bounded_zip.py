"""Read members of a zip file from a stranger: those that are asked for, each once, and none larger than allowed."""

import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

MAXIMUM_DIRECTORY = 2**20
"""Most bytes of a zip's directory: it takes fifteen times as much memory once it is read."""
MAXIMUM_UNPACKED = 64 * 2**20
"""Largest member that may be compressed. Agents are stored without compressing; a member stored so cannot grow."""
_BLOCK = 2**20


class BoundedZipError(ValueError):
    """A zip file is damaged, or asks for more than its size bears out."""


class BoundedZip:
    """An open zip file. Nothing is ever written to the names that its members have."""

    def __init__(self, members: zipfile.ZipFile) -> None:
        self._members = members
        self.names = members.namelist()
        """As they stand in the directory, those that stand there twice included."""
        self._times = Counter(self.names)

    def size(self, name: str, limit: int) -> int:
        """How large a member is once unpacked.

        Args:
            name: The member.
            limit: The largest size that is wanted.

        Raises:
            BoundedZipError: It is larger, or of a kind that is not read.
        """
        return self._checked(name, limit).file_size

    def read(self, name: str, limit: int) -> bytes:
        """A whole member of at most `limit` bytes.

        Raises:
            BoundedZipError: It is larger, or damaged, or of a kind that is not read.
        """
        content = bytearray(self.size(name, limit))
        self.read_into(name, memoryview(content))
        return bytes(content)

    def read_into(self, name: str, place: memoryview) -> None:
        """A whole member into memory of its size.

        Raises:
            BoundedZipError: It has another size, or is damaged, or of a kind that is not read.
        """
        member = self._checked(name, len(place))
        if member.file_size != len(place):
            raise BoundedZipError(f"'{_short(name)}' has {member.file_size:,} bytes instead of {len(place):,}")
        try:
            with self._members.open(member) as opened:
                filled = 0
                # Block by block: asked for everything at once, the library unpacks as much as there is before it looks.
                while filled < len(place) and (block := opened.read(min(_BLOCK, len(place) - filled))):
                    place[filled : filled + len(block)] = block
                    filled += len(block)
        except Exception as error:  # BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, …
            raise BoundedZipError(f"'{_short(name)}' is damaged ({_short(str(error), 200)})") from error
        if filled != len(place):
            raise BoundedZipError(f"'{_short(name)}' is cut short")

    def _checked(self, name: str, limit: int) -> zipfile.ZipInfo:
        if self._times[name] > 1:
            raise BoundedZipError(f"it holds two members called '{_short(name)}'")
        try:
            member = self._members.getinfo(name)
        except KeyError:
            raise BoundedZipError(f"it lacks '{_short(name)}'") from None
        if member.flag_bits & 0x1:
            raise BoundedZipError(f"'{_short(name)}' is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise BoundedZipError(f"'{_short(name)}' is compressed by method {member.compress_type}, which is not read")
        if member.compress_type == zipfile.ZIP_DEFLATED and member.file_size > min(limit, MAXIMUM_UNPACKED):
            raise BoundedZipError(
                f"'{_short(name)}' unpacks to {member.file_size:,} bytes, more than {min(limit, MAXIMUM_UNPACKED):,}: "
                f"a zip bomb?"
            )
        if member.compress_type == zipfile.ZIP_STORED and member.file_size != member.compress_size:
            raise BoundedZipError(f"'{_short(name)}' has two sizes")
        if member.file_size > limit:
            raise BoundedZipError(f"'{_short(name)}' has {member.file_size:,} bytes; at most {limit:,} are read")
        if member.file_size > MAXIMUM_UNPACKED and not self._holds(member):
            raise BoundedZipError(f"'{_short(name)}' is cut short")
        return member

    def _holds(self, member: zipfile.ZipInfo) -> bool:
        """Whether the file is long enough for a member, before memory is taken for it."""
        file = self._members.fp
        assert file is not None
        return file.seek(0, 2) >= member.header_offset + member.compress_size


@contextmanager
def open_zip(file: BinaryIO) -> Iterator[BoundedZip]:
    """Open a zip file whose directory is of a sane size.

    Raises:
        BoundedZipError: It is not a zip file, or damaged, or its directory is too large.
    """
    try:
        # What the library itself goes by when it reads the directory, all of it at once.
        end = zipfile._EndRecData(file)  # type: ignore[attr-defined]
        directory = 0 if end is None else int(end[5])
        if directory > MAXIMUM_DIRECTORY:
            raise BoundedZipError(f"its directory has {directory:,} bytes; at most {MAXIMUM_DIRECTORY:,} are read")
        members = zipfile.ZipFile(file)
    except BoundedZipError:
        raise
    except Exception as error:  # BadZipFile, UnicodeDecodeError, struct.error, OSError, …
        raise BoundedZipError(_short(str(error), 200)) from error
    with members:
        yield BoundedZip(members)


def _short(text: str, most: int = 80) -> str:
    return text if len(text) <= most else f"{text[:most]}…"
