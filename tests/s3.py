"""A real S3 server in a process of its own: moto's, which can be made to die."""

import os
import subprocess
import sys
from contextlib import contextmanager

import pytest

pytest.importorskip("storages.backends.s3")
pytest.importorskip("moto.server")

import boto3
from botocore.config import Config

BUCKET = "backups"
OPTIONS = {
    "access_key": "testing",
    "secret_key": "testing",
    "region_name": "us-east-1",
    "bucket_name": BUCKET,
    "max_memory_size": 1_000_000,
}
BACKEND = "storages.backends.s3.S3Storage"
SERVER = """
import os, sys
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

application = DomainDispatcherApplication(create_backend_app)
order = sys.argv[1]

def read_order():
    return open(order).read() if os.path.exists(order) else ""

def mortal(environ, start_response):
    is_data = ".sqlite3" in environ["PATH_INFO"] and ".json" not in environ["PATH_INFO"]
    if is_data and read_order() == environ["REQUEST_METHOD"] == "PUT":
        environ["wsgi.input"].read(1000)
        os._exit(1)
    parts = application(environ, start_response)
    if is_data and read_order() == environ["REQUEST_METHOD"] == "GET":
        return dying(b"".join(parts))
    return parts

def dying(data):
    yield data[: len(data) // 2]
    os._exit(1)

class Quiet(WSGIRequestHandler):
    def log(self, *arguments):
        pass

server = make_server("127.0.0.1", 0, mortal, threaded=True, request_handler=Quiet)
print(server.port, flush=True)
server.serve_forever()
"""


class Server:
    """The process, what a storage needs to use it, and a look into its bucket."""

    def __init__(self, process, port, order):
        self.process = process
        self.order = order
        self.url = f"http://127.0.0.1:{port}"

    @property
    def options(self):
        once = Config(retries={"total_max_attempts": 1}, connect_timeout=5, read_timeout=20)
        return {**OPTIONS, "endpoint_url": self.url, "client_config": once}

    @property
    def client(self):
        names = {"access_key": "aws_access_key_id", "secret_key": "aws_secret_access_key"}
        keys = {names[name]: OPTIONS[name] for name in names}
        return boto3.client("s3", endpoint_url=self.url, region_name="us-east-1", **keys)

    def die_at(self, method):
        """Let the process end in the middle of the next such request for a backup's data."""
        self.order.write_text(method)

    def names(self):
        found = self.client.list_objects_v2(Bucket=BUCKET)
        return sorted(entry["Key"] for entry in found.get("Contents", ()))

    def read(self, name):
        return self.client.get_object(Bucket=BUCKET, Key=name)["Body"].read()

    def write(self, name, data):
        self.client.put_object(Bucket=BUCKET, Key=name, Body=data)

    def empty(self):
        for name in self.names():
            self.client.delete_object(Bucket=BUCKET, Key=name)


@contextmanager
def serving(folder, *, strict=False):
    """Run a server with a bucket; a strict one knows no keys."""
    order = folder / "order"
    environment = {**os.environ, **({"INITIAL_NO_AUTH_ACTION_COUNT": "1"} if strict else {})}
    command = [sys.executable, "-c", SERVER, order]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
    ) as process:
        try:
            server = Server(process, int(process.stdout.readline()), order)
            server.client.create_bucket(Bucket=BUCKET)
            yield server
        finally:
            process.kill()
