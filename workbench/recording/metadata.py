"""What a recording says it holds: its root's attributes, and the metadata of its arrays, read without Zarr."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from workbench.bounded_json import read_json
from workbench.recording.stored_array import StoredArray, parse_array
from workbench.recording.stored_files import AT_ONCE, METADATA_FILE, StoredFileError, StoredFiles, check_name

MAXIMUM_METADATA_BYTES = 16 << 20
"""Longest metadata that are read; those of a recording with a hundred layers have some hundred kilobytes."""
MAXIMUM_ARRAY_METADATA_BYTES = 256 << 10
"""The same of one array, in its own file."""
MAXIMUM_WALKED_BYTES = 8 << 20
"""The same of all arrays of a group, each in its own file."""
MAXIMUM_DEPTH = 16
"""Deepest nesting of groups; the recorder nests as deep as a Dict observation."""
MAXIMUM_ARRAYS = 10_000


class NoMetadataError(StoredFileError):
    """Nothing of Zarr's is where a recording was looked for."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """What the root says: its attributes, and by path the metadata of all below it where it repeats them."""

    files: StoredFiles
    attributes: dict[str, Any]
    repeated: Mapping[str, Any] | None

    def arrays(self, group: str) -> dict[str, StoredArray]:
        """The arrays at and below a group, by their names in it (`truth/even`), sorted level by level.

        Raises:
            StoredFileError: One of them is not stored as the format says; the message names it.
        """
        documents = self._repeated(group) if self.repeated is not None else self._walked(group)
        found: dict[str, StoredArray] = {}
        for path, document in sorted(documents.items(), key=lambda item: item[0].split("/")):
            check_name(path)
            try:
                found[path.removeprefix(f"{group}/")] = parse_array(path, document)
            except StoredFileError as error:
                raise StoredFileError(f"the array {path[:200]} cannot be read: it has {error}") from error
        return found

    def _repeated(self, group: str) -> dict[str, Any]:
        assert self.repeated is not None
        below = {path: part for path, part in self.repeated.items() if path == group or path.startswith(f"{group}/")}
        if below.pop(group, {"node_type": "group"}).get("node_type") != "group":
            raise StoredFileError(f"{group} should be a group of arrays")
        arrays = {path: part for path, part in below.items() if part.get("node_type") == "array"}
        if len(arrays) > MAXIMUM_ARRAYS:
            raise StoredFileError(f"{group} holds more than {MAXIMUM_ARRAYS:,} arrays")
        if any(path.count("/") > MAXIMUM_DEPTH for path in arrays):
            raise StoredFileError(f"{group} nests groups deeper than {MAXIMUM_DEPTH}")
        return arrays

    def _walked(self, group: str) -> dict[str, Any]:
        arrays: dict[str, Any] = {}
        level, depth, room = [group], 0, MAXIMUM_WALKED_BYTES
        while level:
            if depth > MAXIMUM_DEPTH:
                raise StoredFileError(f"{group} nests groups deeper than {MAXIMUM_DEPTH}")
            below: list[str] = []
            for path, content in self._contents(level):
                room -= len(content or b"")
                if room < 0:
                    raise StoredFileError(f"{group} has more than {MAXIMUM_WALKED_BYTES:,} bytes of metadata")
                document = None if content is None else _document(content, path)
                if document is not None and document.get("node_type") == "array":
                    arrays[path] = document
                elif document is not None:
                    below += [f"{path}/{name}" for name in self.files.folders(path)]
                if len(arrays) + len(below) > MAXIMUM_ARRAYS:
                    raise StoredFileError(f"{group} holds more than {MAXIMUM_ARRAYS:,} arrays")
            level, depth = below, depth + 1
        if group in arrays:
            raise StoredFileError(f"{group} should be a group of arrays")
        return arrays

    def _contents(self, paths: list[str]) -> Iterator[tuple[str, bytes | None]]:
        for start in range(0, len(paths), AT_ONCE):
            some = paths[start : start + AT_ONCE]
            names = [f"{path}/{METADATA_FILE}" for path in some]
            yield from zip(some, self.files.read_all(names, MAXIMUM_ARRAY_METADATA_BYTES), strict=True)


def read_metadata(files: StoredFiles) -> Metadata:
    """Read the root's metadata.

    Raises:
        NoMetadataError: There are none.
        StoredFileError: They are not those of a Zarr v3 group.
    """
    content = files.read(METADATA_FILE, MAXIMUM_METADATA_BYTES)
    if content is None:
        raise NoMetadataError(f"it holds no {METADATA_FILE}")
    root = _document(content, "the root")
    if root.get("node_type") != "group":
        raise StoredFileError(f"it is a Zarr {str(root.get('node_type'))[:40]}, not a group")
    attributes = root.get("attributes")
    if not isinstance(attributes, dict):
        raise StoredFileError("its group has no attributes")
    consolidated = root.get("consolidated_metadata")
    repeated = consolidated.get("metadata") if isinstance(consolidated, dict) else None
    if repeated is not None and (
        not isinstance(repeated, dict) or not all(isinstance(document, dict) for document in repeated.values())
    ):
        raise StoredFileError("its consolidated metadata are not by path")
    return Metadata(files=files, attributes=attributes, repeated=repeated)


def _document(content: bytes, what: str) -> dict[str, Any]:
    try:
        document = read_json(content, maximum_bytes=MAXIMUM_METADATA_BYTES)
    except ValueError as error:
        raise StoredFileError(f"the metadata of {what} are not JSON ({str(error)[:120]})") from error
    if not isinstance(document, dict) or document.get("zarr_format") != 3:
        raise StoredFileError(f"the metadata of {what} are not those of Zarr v3")
    return document
