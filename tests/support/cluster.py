"""A real cluster on this machine, each part a process of its own: scheduler and workers with TLS, and an S3 server."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

BUCKET = "captures"
PATIENCE_S = 120
_PRELOAD = '''
"""Makes three captures special on a worker: one kills it, one waits to be killed with it, one never ends."""
import asyncio, os, signal
from pcapaudit.engine import order

# Dask loads this twice.
folder, run_audit = {folder!r}, getattr(order, "plain", order.run_audit)

def tell(word):
    with open(folder + "/news", "w") as news:
        news.write(f"{{word}} {{os.getpid()}}\\n")

async def run(sources, *words, **named):
    name = os.path.basename(sources[0])
    if name == "deadly.pcapng":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "held.pcapng" and not os.path.exists(folder + "/was-held"):
        open(folder + "/was-held", "x").close()
        tell("held")
        await asyncio.Event().wait()
    if name == "endless.pcapng":
        tell("started")
        try:
            await asyncio.Event().wait()
        finally:
            tell("ended")
    await run_audit(sources, *words, **named)

order.plain, order.run_audit = run_audit, run
'''
_TELLS_ADDRESS = """
def dask_setup(scheduler):
    print(scheduler.address, flush=True)
"""
_S3 = """
import sys
from pathlib import Path
import boto3
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
address = "http://%s:%d" % server.get_host_and_port()
store = boto3.client("s3", endpoint_url=address)
store.create_bucket(Bucket=sys.argv[1])
for path in map(Path, sys.argv[2:]):
    store.upload_file(str(path), sys.argv[1], f"{path.parent.name}/{path.name}")
print(address, flush=True)
sys.stdin.read()
"""


@dataclass(frozen=True)
class Cluster:
    """What runs.

    Attributes:
        address: The scheduler.
        tls: Settings of Dask for those who want to speak with it.
        environment: The same and the S3 server's as environment variables.
        folder: Where all of it writes.
        s3: Address of the S3 server.
        news: What the special captures tell is read from here.
    """

    address: str
    tls: Mapping[str, str]
    environment: Mapping[str, str]
    folder: Path
    s3: str
    news: int

    def hear(self, word: str) -> int:
        """Wait until a special capture tells this; the worker's process."""
        ready, _, _ = select.select([self.news], [], [], PATIENCE_S)
        assert ready, f"nobody said {word!r}"
        told, pid = os.read(self.news, 4096).decode().split()
        assert told == word
        return int(pid)

    def list_bucket(self) -> list[tuple[str, str]]:
        """Name and time of each object that the S3 server has."""
        with urlopen(f"{self.s3}/{BUCKET}?list-type=2") as answer:
            listing = answer.read().decode()
        return re.findall(r"<Key>(.*?)</Key><LastModified>(.*?)</LastModified>", listing)

    def count_fetched(self, name: str) -> int:
        """How often the whole of a file was had from the S3 server."""
        log = (self.folder / "log").read_text(encoding="utf-8", errors="replace")
        return len(re.findall(rf'"GET \S*/{re.escape(name)} HTTP/\S+" 200', log))

    def kill_holder(self) -> None:
        """Kill the worker that has the held capture, as the system does when it is out of memory."""
        os.kill(self.hear("held"), signal.SIGKILL)


@contextmanager
def run_cluster(folder: Path, stored: list[Path]) -> Iterator[Cluster]:
    """Start everything, and end it.

    Args:
        folder: For certificates, logs and what else there is.
        stored: Files that the S3 server has, each below the name of its folder.
    """
    tls = _make_certificate(folder)
    os.mkfifo(folder / "news")
    special = _PRELOAD.format(folder=str(folder))
    # Opened for both, so that neither side waits for the other to open it.
    news = os.open(folder / "news", os.O_RDWR)
    environment = {
        **os.environ,
        **{f"DASK_{name.upper().replace('.', '__').replace('-', '_')}": value for name, value in tls.items()},
        "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    with ExitStack() as running:
        running.callback(os.close, news)
        s3 = _start(running, folder, environment, "-c", _S3, BUCKET, *map(str, stored))
        scheduler = _start_dask(running, folder, environment, "scheduler", _TELLS_ADDRESS)
        address = _read_line(scheduler)
        environment["AWS_ENDPOINT_URL_S3"] = _read_line(s3)
        few = ("--nworkers", "1", "--nthreads", "1", "--local-directory", str(folder / "workers"))
        for _ in range(2):
            _start_dask(running, folder, environment, "worker", special, address, *few)
        yield Cluster(address, tls, environment, folder, environment["AWS_ENDPOINT_URL_S3"], news)


def _start_dask(
    running: ExitStack, folder: Path, environment: Mapping[str, str], role: str, preload: str, *words: str
) -> subprocess.Popen[bytes]:
    loaded = folder / f"{role}_preload.py"
    loaded.write_text(preload, encoding="utf-8")
    common = ("--host", "tls://127.0.0.1:0", "--no-dashboard", "--preload", str(loaded))
    return _start(running, folder, environment, "-m", f"distributed.cli.dask_{role}", *words, *common)


def _start(running: ExitStack, folder: Path, environment: Mapping[str, str], *words: str) -> subprocess.Popen[bytes]:
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, *words], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log
        )
    running.callback(_end, process)
    return process


def _end(process: subprocess.Popen[bytes]) -> None:
    # The S3 server ends with its input; a worker's nanny takes the worker along when it is asked to end.
    with process:
        process.terminate()


def _read_line(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().decode().strip()


def _make_certificate(folder: Path) -> dict[str, str]:
    """One certificate for all, which is its own authority; the settings of Dask that name it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "cluster of a test")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    public, private = folder / "cluster.pem", folder / "cluster.key"
    public.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    settings = {"distributed.comm.tls.ca-file": str(public), "distributed.comm.require-encryption": "true"}
    for role in ("scheduler", "worker", "client"):
        settings[f"distributed.comm.tls.{role}.cert"] = str(public)
        settings[f"distributed.comm.tls.{role}.key"] = str(private)
    return settings
