"""A Dask client that the caller hands over, and what it must be."""

from typing import Any

from workbench.errors import WorkbenchError


def check_client(client: Any) -> None:
    """See that a client can be given work.

    Raises:
        WorkbenchError: It is none, it is asynchronous or closed, or there is no worker.
    """
    status = getattr(client, "status", None)
    if status is None or not hasattr(client, "submit"):
        raise WorkbenchError(f"client should be a dask.distributed.Client; it is a {type(client).__name__}.")
    if getattr(client, "asynchronous", False):
        raise WorkbenchError("The client is asynchronous; hand over one that is not (Client(address)).")
    if status != "running":
        raise WorkbenchError(f"The cluster's client is {status}; hand over one that is connected: Client(address).")
    if not client.nthreads():
        raise WorkbenchError(
            "The cluster has no workers; start some, each in an environment where rl-workbench is installed: "
            "dask worker SCHEDULER --nthreads 1"
        )
