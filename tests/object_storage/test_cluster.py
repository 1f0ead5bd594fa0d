"""Recording on the processes of a cluster, straight into one recording at a URL."""

import os
import time
from pathlib import Path

import fsspec
import numpy as np
import pytest

from tests.cluster.workers import same, workers
from tests.object_storage.conftest import BUCKET, Server, free_port
from tests.recording.toy import Counter, ToyPolicy
from workbench.errors import WorkbenchError
from workbench.recording import open_recording, record


@pytest.mark.torture
def test_two_workers_write_what_they_write_on_the_disk(server: Server, tmp_path: Path) -> None:
    url = f"s3://{BUCKET}/cluster/{time.time_ns()}/x.zarr"
    settings = {"episodes": 2, "environments": 1, "seed": 11, "deterministic": False, "layers": ["first"]}
    # The workers are children of this process, and have its environment.
    with workers(2) as client:
        here = record(ToyPolicy(), Counter, out=tmp_path / "x.zarr", client=client, **settings)
        there = record(ToyPolicy(), Counter, out=url, client=client, **settings)
        same(there, here)
        assert there.complete
        filesystem, root = fsspec.core.url_to_fs(url)
        filesystem.invalidate_cache()
        parts = {path.rpartition("/")[2] for path in filesystem.ls(f"{root}/parts", detail=False)} - {"zarr.json"}
        assert parts == {part["path"].partition("/")[2] for part in there.attributes["parts"]}
        with pytest.raises(WorkbenchError, match="exists already"):
            record(ToyPolicy(), Counter, out=url, client=client, **settings)

        server.requests()
        again = open_recording(url)
        assert again.number_of_episodes == 2
        # The root, and of each of two parts its metadata and nine columns of its table of episodes.
        assert len(server.requests()) == 1 + 2 * 10
        np.testing.assert_array_equal(again.steps["observation"][-3:], here.steps["observation"][-3:])

        away = f"http://127.0.0.1:{free_port()}"
        client.run(lambda: os.environ.update(AWS_ENDPOINT_URL=away))
        with pytest.raises(WorkbenchError, match=r"This worker does not see the recording .*does not answer.*its own"):
            record(ToyPolicy(), Counter, out=url, client=client, overwrite=True, **settings)
