"""A RabbitMQ node for one test run: own name, ports and directories, loopback only."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
from pathlib import Path

from tests.services.ports import free_port

_BINARIES = Path("/usr/lib/rabbitmq/bin")


def find() -> Path | None:
    """The directory with rabbitmq-server and rabbitmqctl, or None."""
    if (_BINARIES / "rabbitmq-server").exists():
        return _BINARIES
    found = shutil.which("rabbitmq-server")
    return Path(found).resolve().parent if found else None


class Server:
    """A running node; `stop_app` and `start_app` make it refuse and accept connections again."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._counter = itertools.count(1)
        self.port, distribution, mapper = free_port(), free_port(), free_port()
        self._process: subprocess.Popen[bytes] | None = None
        (directory / "rabbitmq.conf").write_text(
            f"listeners.tcp.1 = 127.0.0.1:{self.port}\nloopback_users = none\nlog.console = false\n", "utf-8"
        )
        (directory / "enabled_plugins").write_text("[].\n", "utf-8")
        self._environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(directory),
            "LANG": "C.UTF-8",
            "RABBITMQ_NODENAME": f"test{self.port}@localhost",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(distribution),
            "ERL_EPMD_PORT": str(mapper),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(directory / "mnesia"),
            "RABBITMQ_LOG_BASE": str(directory / "log"),
            "RABBITMQ_CONFIG_FILE": str(directory / "rabbitmq"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(directory / "enabled_plugins"),
            "RABBITMQ_PID_FILE": str(directory / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
        }

    def _program(self, name: str) -> str:
        directory = find()
        if directory is None:
            raise RuntimeError("RabbitMQ is not installed")
        return str(directory / name)

    def start(self) -> None:
        """Start the node and wait until it accepts connections."""
        self._process = subprocess.Popen(
            [self._program("rabbitmq-server")],
            env=self._environment,
            cwd=self._directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self.control("wait", "--timeout", "60", str(self._directory / "pid"))
        self.control("await_startup")

    def control(self, *arguments: str) -> str:
        """Run rabbitmqctl on this node and return what it printed."""
        done = subprocess.run(
            [self._program("rabbitmqctl"), "-q", *arguments],
            env=self._environment,
            cwd=self._directory,
            check=True,
            capture_output=True,
            timeout=90,
        )
        return done.stdout.decode()

    def stop(self) -> None:
        """Kill the node and the port mapper it started."""
        if self._process is None:
            return
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            self._process.poll()
        self._process.wait(timeout=30)
        self._process = None
        mapper = shutil.which("epmd")
        if mapper:
            subprocess.run(
                [mapper, "-kill"], env=self._environment, capture_output=True, check=False, timeout=10
            )

    def stop_app(self) -> None:
        """Close every connection and refuse new ones; the node keeps its data."""
        self.control("stop_app")

    def start_app(self) -> None:
        """Accept connections again."""
        self.control("start_app")
        self.control("await_startup")

    def create_vhost(self) -> tuple[str, str]:
        """A new, empty virtual host: its name and URL (user guest)."""
        name = f"test-{next(self._counter)}"
        self.control("add_vhost", name)
        self.control("set_permissions", "-p", name, "guest", ".*", ".*", ".*")
        return name, f"amqp://guest:guest@127.0.0.1:{self.port}/{name}"

    def delete_vhost(self, name: str) -> None:
        """Remove a virtual host with all its queues."""
        self.control("delete_vhost", name)
