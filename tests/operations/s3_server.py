"""A real S3 server of moto's, in a process of its own, and a proxy that cuts connections."""

import json
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager, suppress

KEYS = {"access_key": "anybody", "secret_key": "anything"}
REGION = "us-east-1"


class Server:
    """The server at a port of 127.0.0.1."""

    def __init__(self, port):
        self.url = f"http://127.0.0.1:{port}"

    def post(self, path, body=b""):
        headers = {"Content-Type": "text/plain"}
        request = urllib.request.Request(self.url + path, body, headers, method="POST")
        urllib.request.urlopen(request).read()

    def client(self, service="s3"):
        import boto3

        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=KEYS["access_key"],
            aws_secret_access_key=KEYS["secret_key"],
        )

    def make_bucket(self):
        """Forget all buckets and make an empty one, `backups`."""
        self.post("/moto-api/reset")
        self.client().create_bucket(Bucket="backups")

    def check_keys(self, after):
        """From now on, answer so many requests of anybody, and then only those with rights."""
        self.post("/moto-api/reset-auth", str(after).encode())

    def make_user(self, actions):
        """Return the options of a storage whose keys allow these actions and no other."""
        iam = self.client("iam")
        iam.create_user(UserName="backup")
        statement = {"Effect": "Allow", "Action": actions, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="backup", PolicyName="own", PolicyDocument=policy)
        key = iam.create_access_key(UserName="backup")["AccessKey"]
        return {"access_key": key["AccessKeyId"], "secret_key": key["SecretAccessKey"]}

    def get_names(self):
        found = self.client().list_objects_v2(Bucket="backups").get("Contents", [])
        return [item["Key"] for item in found]


def get_options(url, **options):
    """Return the `OPTIONS` of a storage in the bucket `backups`; it tries each request once."""
    from botocore.config import Config

    config = Config(
        retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=20
    )
    common = {"bucket_name": "backups", "region_name": REGION, "client_config": config}
    return {**common, **KEYS, "endpoint_url": url, **options}


@contextmanager
def serving():
    """Run the server."""
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=pipe, text=True) as process:
        # Its requests are logged there: read on, or it would stop when the pipe is full.
        lines = iter(process.stderr.readline, "")
        port = next(found[1] for line in lines if (found := re.search(r"127.0.0.1:(\d+)", line)))
        thread = threading.Thread(target=lambda: [None for _ in lines])
        thread.start()
        try:
            yield Server(port)
        finally:
            process.kill()
            thread.join()


@contextmanager
def cutting(url, size, direction="up"):
    """Give the address of a proxy that cuts each connection after so many bytes."""
    port = int(url.rpartition(":")[2])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=accept, args=(listener, port, size, direction))
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def accept(listener, port, size, direction):
    threads = []
    with suppress(OSError):
        while True:
            near, _ = listener.accept()
            far = socket.create_connection(("127.0.0.1", port))
            limits = {"up": size if direction == "up" else None}
            limits["down"] = size if direction == "down" else None
            for ends, limit in (((near, far), limits["up"]), ((far, near), limits["down"])):
                threads.append(threading.Thread(target=pump, args=(*ends, limit)))
                threads[-1].start()
    for thread in threads:
        thread.join()


def pump(source, target, limit):
    """Copy until the end, or until the limit; then cut both ways."""
    passed = 0
    with suppress(OSError), source, target:
        while data := source.recv(1 << 14):
            passed += len(data)
            if limit is not None and passed > limit:
                break
            target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
