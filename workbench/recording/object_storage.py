"""Places that `fsspec` reaches (`s3://bucket/x.zarr`): they answer in time, and what goes wrong is said in words."""

import asyncio
import atexit
import contextlib
import inspect
import os
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import fsspec
from zarr.core.sync import sync
from zarr.storage import FsspecStore

from workbench.errors import MissingExtraError, WorkbenchError

T = TypeVar("T")

SECONDS_FOR_ONE = 60.0
"""How long one object is waited for, all attempts together; s3fs alone would try for many minutes."""
SECONDS_FOR_MANY = 600.0
"""The same of a listing or a removal, which takes one request for a thousand objects."""
SECONDS_TO_CLOSE = 1.0
"""How long the end of the process waits for its connections to be closed."""
_OF_ONE = frozenset({"_cat_file", "_pipe_file", "_info", "_exists"})
_LEFT_ALONE = (FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError)
"""What says that something is not there, or is: no failure."""
_REFUSALS = frozenset(
    {"AccessDenied", "InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "403"}
)
_NO_CREDENTIALS = frozenset({"NoCredentialsError", "PartialCredentialsError", "ProfileNotFound"})
_SILENCE = ("Timeout", "Connect", "Connection", "IncompleteRead", "Payload", "Disconnected", "Closed", "DNS")
"""Parts of the names of errors that mean that nobody answers, in every library that may be below."""


class StorageError(WorkbenchError):
    """A storage does not answer, or refuses."""


class Hints(NamedTuple):
    """Where to look when a kind of storage does not do what it should."""

    address: str
    credentials: str


_GENERAL = Hints("the address of the storage", "the credentials")
_HINTS: Mapping[str, Hints] = {
    "s3": Hints(
        "the address of the storage (AWS_ENDPOINT_URL)", "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
    )
}
_PACKAGES: Mapping[str, tuple[str, str]] = {"s3": ("s3fs", "s3"), "s3a": ("s3fs", "s3")}
"""By protocol, the package that knows it and the extra that installs it."""


class GuardedFilesystem:
    """An asynchronous filesystem of `fsspec` whose every call ends in time, and fails with a `StorageError`.

    Args:
        filesystem: What is guarded.
        url: For messages.
    """

    def __init__(self, filesystem: Any, url: str) -> None:
        self._filesystem = filesystem
        self._url = url

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._filesystem, name)
        if not inspect.iscoroutinefunction(found):
            return found
        seconds = SECONDS_FOR_ONE if name in _OF_ONE else SECONDS_FOR_MANY

        async def guarded(*arguments: Any, **named: Any) -> Any:
            try:
                return await asyncio.wait_for(found(*arguments, **named), seconds)
            except Exception as error:
                if _is_an_answer(error):
                    raise
                raise StorageError(explain(error, self._url)) from error

        return guarded


def filesystem(url: str) -> tuple[GuardedFilesystem, str]:
    """The filesystem that a URL is on, and the place in it. No listing that was made before is believed.

    Raises:
        WorkbenchError: Nobody knows such URLs, or a package is missing.
    """
    protocol = _protocol(url)
    try:
        found, root = fsspec.core.url_to_fs(url, asynchronous=True, skip_instance_cache=True)
    except ImportError as error:
        if protocol in _PACKAGES:
            package, extra = _PACKAGES[protocol]
            raise MissingExtraError(package, extra, f"A recording at {url}") from error
        raise WorkbenchError(f"{url} cannot be reached: {' '.join(str(error).split())[:200]}.") from error
    except Exception as error:
        raise WorkbenchError(
            f"{url} cannot be reached: {' '.join(str(error).split())[:200]}. Expected a URL that fsspec knows, such as "
            f"s3://bucket/name.zarr."
        ) from error
    guarded = GuardedFilesystem(_shared(found), url)
    guarded.invalidate_cache()
    return guarded, root.rstrip("/")


def object_store(url: str, *, read_only: bool) -> FsspecStore:
    """A Zarr store at a URL."""
    found, root = filesystem(url)
    return FsspecStore(found, read_only=read_only, path=root)


def anything_at(url: str) -> bool:
    """Whether there is an object at a URL or below it."""
    found, root = filesystem(url)
    return bool(sync(found._exists(root)))


def bytes_below(url: str) -> int:
    """Bytes of all objects below a URL."""
    found, root = filesystem(url)
    objects: Mapping[str, Mapping[str, Any]] = sync(found._find(root, detail=True))
    return sum(int(facts.get("size") or 0) for facts in objects.values())


def remove_below(url: str, *, but: str) -> None:
    """Remove all objects below a URL, but for one.

    Args:
        url: The folder.
        but: What is kept, by its name in the folder.
    """
    found, root = filesystem(url)
    paths = [path for path in sync(found._find(root)) if path != f"{root}/{but}"]
    if paths:
        sync(found._rm(paths))


def remove_folders(url: str, *, but: Sequence[str]) -> None:
    """Remove the folders right below a URL, but for some by their names."""
    for name, is_folder in list_folder(url):
        if is_folder and name not in but:
            found, root = filesystem(f"{url.rstrip('/')}/{name}")
            sync(found._rm(root, recursive=True))


def put_new(url: str, name: str, content: bytes) -> None:
    """Store an object below a URL where there is none of that name: of several who do so at once, one succeeds.

    A storage that knows no such condition (`If-None-Match: *`) stores it without.

    Raises:
        FileExistsError: There is one.
    """
    found, root = filesystem(url)
    path = f"{root}/{name}"

    async def put() -> None:
        try:
            await found._pipe_file(path, content, mode="create")
        except FileExistsError:
            raise
        except (TypeError, StorageError) as error:
            code = _code(error)
            if code in ("PreconditionFailed", "ConditionalRequestConflict"):
                raise FileExistsError(path) from error
            unknown = isinstance(error, TypeError) or isinstance(error.__cause__, TypeError) or code == "NotImplemented"
            if not unknown:
                raise
            await found._pipe_file(path, content)

    sync(put())


def list_folder(url: str) -> list[tuple[str, bool]]:
    """What is right below a URL: names, and whether there is more below them; nothing where there is nothing."""
    found, root = filesystem(url)
    try:
        listed = sync(found._ls(root, detail=True))
    except (FileNotFoundError, NotADirectoryError):
        return []
    entries = [(str(entry["name"]).rstrip("/"), entry.get("type") == "directory") for entry in listed]
    return sorted((path.rpartition("/")[2], is_folder) for path, is_folder in entries if path not in (root, ""))


def stamps(urls: Sequence[str], name: str) -> list[str]:
    """For each folder something that changes whenever one object in it does; empty where that is not there."""

    async def one(url: str) -> str:
        found, root = filesystem(url)
        try:
            return str(sorted((key, str(value)) for key, value in (await found._info(f"{root}/{name}")).items()))
        except FileNotFoundError:
            return ""

    return sync(in_turn([lambda url=url: one(url) for url in urls]))  # type: ignore[misc]


async def in_turn(calls: Sequence[Callable[[], Awaitable[T]]], at_once: int = 16) -> list[T]:
    """The results of many calls, of which only so many are under way at a time."""
    room = asyncio.Semaphore(at_once)

    async def one(call: Callable[[], Awaitable[T]]) -> T:
        async with room:
            return await call()

    return list(await asyncio.gather(*map(one, calls)))


class Upload:
    """One object at a time on its way to a store, while its sender goes on."""

    def __init__(self) -> None:
        self._task: asyncio.Task[None] | None = None

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Send the next one when the one before has arrived."""
        try:
            self.settle()
        except BaseException:
            work.close()
            raise
        self._task = sync(_started(work))

    def settle(self) -> None:
        """Wait until it has arrived.

        Raises:
            StorageError: It has not.
        """
        task, self._task = self._task, None
        if task is not None:
            sync(_ended(task))


async def _started(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
    task = asyncio.create_task(work)
    # Where the recording fails by another object's upload, nobody will ask this one how it went.
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
    return task


async def _ended(task: "asyncio.Task[None]") -> None:
    await task


def explain(error: BaseException, url: str) -> str:
    """What went wrong at a URL, and what to do, in a sentence or two."""
    protocol = _protocol(url)
    hints = _HINTS.get("s3" if protocol == "s3a" else protocol, _GENERAL)
    names = {type(one).__name__ for one in _chain(error)}
    text = " ".join(str(error).split())[:200].rstrip(".") or type(error).__name__
    code = _code(error)
    if code == "NoSuchBucket":
        return f"{url} cannot be reached: there is no such bucket. Make it, or check its name and {hints.address}."
    if names & _NO_CREDENTIALS:
        return f"{url} cannot be reached, for lack of credentials ({text}). Set {hints.credentials}."
    if isinstance(error, PermissionError) or code in _REFUSALS:
        why = f"{code}: {text}" if code and code not in text else text
        return f"{url}: the storage refuses access ({why}). Check {hints.credentials}, and what they allow."
    if isinstance(error, TimeoutError) or any(part in name for name in names for part in _SILENCE):
        return f"{url}: the storage does not answer ({text}). Check the network and {hints.address}, then try again."
    return f"{url} cannot be used ({type(error).__name__}: {text})."


def _is_an_answer(error: BaseException) -> bool:
    if isinstance(error, StorageError):
        return True
    if isinstance(error, _LEFT_ALONE):
        return _code(error) != "NoSuchBucket"
    # Part of an object was asked for that is empty: the store makes nothing of it.
    return isinstance(error, OSError) and "not satisfiable" in str(error)


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error is not None and len(found) < 8:
        found.append(error)
        error = error.__cause__
    return found


def _code(error: BaseException) -> str:
    """The code by which an S3 server says what is wrong; empty where there is none."""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, Mapping):
            return str((response.get("Error") or {}).get("Code") or "")
    return ""


def _protocol(url: str) -> str:
    return url.partition("://")[0].rpartition("::")[2]


_known: dict[Any, Any] = {}


def _shared(found: Any) -> Any:
    """One filesystem for all threads of this process that ask for the same: all its connections are on one loop.

    One that `fsspec` keeps would be another in each thread, each with its own connections, and would not notice that
    the environment has other credentials now.
    """
    settings = sorted((key, value) for key, value in os.environ.items() if key.startswith("AWS_"))
    key = (os.getpid(), type(found), repr(sorted(found.storage_options.items())), repr(settings))
    if key not in _known:
        if not found.async_impl:
            from fsspec.implementations.asyn_wrapper import AsyncFileSystemWrapper

            found = AsyncFileSystemWrapper(found, asynchronous=True)
        if not _known:
            atexit.register(_close_connections)
        _known[key] = found
    return _known[key]


def _close_connections() -> None:
    """At the end of the process: a connection that is left open would be complained of on standard error."""
    for (process, *_), filesystem in _known.items():
        client = getattr(filesystem, "_s3", None)
        if client is not None and process == os.getpid():
            # The loop may be gone, and so may the server: there is nobody left to tell.
            with contextlib.suppress(Exception):
                sync(asyncio.wait_for(client.__aexit__(None, None, None), SECONDS_TO_CLOSE), timeout=SECONDS_TO_CLOSE)
