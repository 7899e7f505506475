"""Network namespaces: private network stacks joined by virtual cables, without a way outside."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import re
import socket
import struct
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self

_CLONE_NEWNET = 0x40000000
_SIOCETHTOOL = 0x8946
_ETHTOOL_SWITCHES = (0x15, 0x17, 0x19, 0x1F, 0x24, 0x2C)
"""Setters for receive checksum, send checksum, scatter-gather, TSO, GSO and GRO."""

ROOT = Path(__file__).resolve().parents[2]
"""The checkout; emulators and servers are started as modules from here."""


class LabError(Exception):
    """Something the lab needs is missing, or a command of it failed; one sentence."""


def run_command(*words: str) -> str:
    """Run a command to its end and give its standard output.

    Raises:
        LabError: The command ended with another status than 0.
    """
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


@dataclass(frozen=True, slots=True)
class Namespace:
    """One private network stack, known to ``ip netns`` by ``name``."""

    name: str

    def configure(self, *words: str) -> None:
        """Run ``ip`` with these words inside the namespace."""
        run_command("ip", "-n", self.name, *words)

    def tune(self, settings: Mapping[str, str]) -> None:
        """Set kernel parameters, dotted names as sysctl writes them."""
        with self.entered():
            for key, value in settings.items():
                Path("/proc/sys", *key.split(".")).write_text(value)

    def start(self, words: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
        """Start a program in the namespace; it writes both its outputs to ``log``."""
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, *words],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=ROOT,
        )

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Move the calling thread into the namespace for the length of a block.

        A socket opened meanwhile stays in the namespace. /proc/sys/net follows the thread.
        """
        home_path, there_path = Path("/proc/thread-self/ns/net"), Path("/run/netns", self.name)
        with home_path.open("rb") as home, there_path.open("rb") as there:
            _set_namespace(there.fileno())
            try:
                yield
            finally:
                _set_namespace(home.fileno())


def _set_namespace(descriptor: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(descriptor, _CLONE_NEWNET):
        raise LabError(f"setns: {os.strerror(ctypes.get_errno())}")


def disable_offload(namespace: Namespace, interface: str) -> None:
    """Make an interface carry frames as a wire would: true checksums, nothing above the MTU.

    Switches that the driver does not know are left alone.
    """
    with namespace.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in _ETHTOOL_SWITCHES:
            value = ctypes.create_string_buffer(struct.pack("=II", command, 0))
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            with contextlib.suppress(OSError):
                fcntl.ioctl(control, _SIOCETHTOOL, request)


@dataclass(slots=True)
class Network:
    """All namespaces of one run; leaving its ``with`` block stops every program and removes them.

    ``prefix`` is unique per run, so that several runs live side by side.
    """

    prefix: str
    folder: Path
    """Where programs of this run log and keep their state."""
    namespaces: list[Namespace] = field(default_factory=list)
    programs: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    """Running programs by the name of their log."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for program in self.programs.values():
            program.terminate()
        for program in self.programs.values():
            with contextlib.suppress(subprocess.TimeoutExpired):
                program.wait(3)
        for namespace in self.namespaces:
            _kill_rest(namespace)
            run_command("ip", "netns", "del", namespace.name)

    def add_namespace(self, role: str, settings: Mapping[str, str]) -> Namespace:
        """Make an empty network stack with its loopback up."""
        namespace = Namespace(f"{self.prefix}-{role}")
        run_command("ip", "netns", "add", namespace.name)
        self.namespaces.append(namespace)
        namespace.tune(settings)
        namespace.configure("link", "set", "lo", "up")
        return namespace

    def start_program(self, namespace: Namespace, name: str, words: Sequence[str]) -> None:
        """Start a program that lives until the end of the run and logs to ``<name>.log``."""
        log = (self.folder / f"{name}.log").open("ab")
        with log:
            self.programs[name] = namespace.start(words, log)

    def remove_namespace(self, namespace: Namespace) -> None:
        """End everything in a namespace and remove it, as a power failure does to a box."""
        self.namespaces.remove(namespace)
        _kill_rest(namespace)
        run_command("ip", "netns", "del", namespace.name)

    def forget_programs(self, prefix: str) -> None:
        """Stop the programs whose names begin so; their end is no fault."""
        for name in [name for name in self.programs if name.startswith(prefix)]:
            program = self.programs.pop(name)
            program.kill()
            program.wait()

    def dead_programs(self) -> list[str]:
        """Names of programs that ended although they should live on."""
        return [name for name, program in self.programs.items() if program.poll() is not None]


def remove_orphans(prefix: str) -> None:
    """Remove namespaces named ``<prefix><process id>-...`` whose process was killed before it could."""
    for line in run_command("ip", "netns").splitlines():
        owner = re.match(rf"{re.escape(prefix)}(\d+)-", line)
        if owner and not Path("/proc", owner[1]).exists():
            orphan = Namespace(line.split()[0])
            _kill_rest(orphan)
            run_command("ip", "netns", "del", orphan.name)


def _kill_rest(namespace: Namespace) -> None:
    """End what a program left running, such as its DHCP client."""
    for pid in run_command("ip", "netns", "pids", namespace.name).split():
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(pid), 9)


def join_by_cable(left: Namespace, left_name: str, right: Namespace, right_name: str) -> None:
    """Lay a virtual Ethernet cable between two namespaces; both ends stay down."""
    run_command(
        *("ip", "link", "add", left_name, "netns", left.name, "type", "veth"),
        *("peer", "name", right_name, "netns", right.name),
    )
    disable_offload(left, left_name)
    disable_offload(right, right_name)
