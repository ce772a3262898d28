"""What every benchmark shares: processes with their CPU and memory, wrk, and a table with its JSON."""

from __future__ import annotations

import contextlib
import json
import os
import platform
import re
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results"
_TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory_mb(pid: int, field: str = "VmRSS") -> float:
    """Resident memory of a process now (`VmRSS`) or at its highest (`VmHWM`), in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"no {field}")


def wait_for(port: int, seconds: float = 30.0) -> None:
    """Return once something accepts connections on the port."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.01)
    raise RuntimeError(f"nobody listens on {port}")


@contextlib.contextmanager
def static_provider(body: bytes, content_type: str) -> Iterator[int]:
    """The static provider (Go) on a free port."""
    go = shutil.which("go")
    if go is None:
        raise SystemExit("the static provider is a Go program: apt-get install golang-go")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        program = directory / "provider"
        source = ROOT / "benchmarks/provider/main.go"
        subprocess.run([go, "build", "-o", str(program), str(source)], check=True, cwd=directory)
        (directory / "body").write_bytes(body)
        port = free_port()
        process = subprocess.Popen([str(program), f"127.0.0.1:{port}", str(directory / "body"), content_type])
        try:
            wait_for(port)
            yield port
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True, slots=True)
class Load:
    """What wrk measured: requests a second, latencies in milliseconds, errors, CPU of the process."""

    rate: float
    p50: float
    p95: float
    p99: float
    requests: int
    errors: int
    cpu_ms_per_1000: float | None


_LUA = """
wrk.method = "POST"
wrk.body = {body}
{headers}
done = function(summary, latency, requests)
  io.write(string.format("RESULT %d %d %d %.3f %.3f %.3f\\n", summary.requests, summary.duration,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status
    + summary.errors.timeout, latency:percentile(50) / 1000, latency:percentile(95) / 1000,
    latency:percentile(99) / 1000))
end
"""


def load(
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    *,
    connections: int,
    seconds: float,
    pids: Sequence[int] = (),
) -> Load:
    """Run wrk, one thread, keep-alive; CPU is that of `pids` together."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk makes the load: apt-get install wrk")
    lines = "\n".join(f"wrk.headers[{json.dumps(n)}] = {json.dumps(v)}" for n, v in headers.items())
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(_LUA.format(body=json.dumps(body.decode()), headers=lines))
        script.flush()
        command = [
            wrk,
            "-t1",
            f"-c{connections}",
            f"-d{seconds}s",
            "--timeout",
            "10s",
            "-s",
            script.name,
            url,
        ]
        before = sum(map(cpu_seconds, pids))
        printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        spent = sum(map(cpu_seconds, pids)) - before
    found = re.search(r"RESULT (\d+) (\d+) (\d+) ([\d.]+) ([\d.]+) ([\d.]+)", printed)
    if found is None:
        raise RuntimeError(printed)
    requests, duration_us, errors = (int(found[i]) for i in (1, 2, 3))
    p50, p95, p99 = (float(found[i]) for i in (4, 5, 6))
    cpu = spent * 1e6 / requests if pids and requests else None
    return Load(requests * 1e6 / duration_us, p50, p95, p99, requests, errors, cpu)


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, min and max."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values)}


def keep(name: str, content: object) -> Path:
    """Keep results as JSON with what machine they were measured on."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
    path.write_text(json.dumps({"machine": machine, "results": content}, indent=1) + "\n", "utf-8")
    return path


def table(rows: Sequence[Sequence[str]]) -> str:
    """Rows as aligned columns; the first row is the heading."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
