"""What a newsroom tool feels: one paragraph over HTTP, time to ready, and memory at rest, with the real server.

python -m tests.benchmarks.latency [--requests 300]
"""

import http.client
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import click

from data.paragraphs import split_paragraphs
from data.records import Document
from model.bundle import BUNDLED
from model.classifier import Classifier
from model.session import RUNTIMES

# 120 code points, written for this benchmark.
TEXT = (
    "盛夏的清河县政务服务中心里，县市场监管局把开办饭馆要跑的五个窗口并成一个，申请表从七张减到一张，食品经营许可由十五天压到三天；"
    "县人社局、县医保局的窗口也搬了进来，参保登记当场就能办好。店主老郭说，过去为一个章要来回跑四趟，如今半个上午全都办妥了，很省心。"
)[:120]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def memory_mb(pid: int) -> float:
    """Proportional set size of a process and its children, in MB (10^6 bytes): what the server adds to a machine."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    own = next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) * 1024 / 1e6
    return own + sum(memory_mb(int(child)) for child in children)


def wait_ready(port: int, process: subprocess.Popen[bytes]) -> None:
    """Wait until ``/readyz`` says so."""
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=5) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.01)
    raise click.ClickException("the server ended before it was ready")


def over_http(port: int, requests: int) -> list[float]:
    """Milliseconds of each request, one after the other on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    body = json.dumps({"text": TEXT}, ensure_ascii=False).encode()
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        connection.request("POST", "/v1/label", body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        times.append(1000 * (time.perf_counter() - started))
        if answer.status != 200:
            raise click.ClickException(content.decode())
    return times


def bare(runtime: str, requests: int) -> list[float]:
    """Milliseconds of each call of the classifier in this process."""
    classifier = Classifier.open(BUNDLED, runtime)
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        classifier.label([Document("1", split_paragraphs(TEXT), TEXT)])
        times.append(1000 * (time.perf_counter() - started))
    return times


@click.command()
@click.option("--requests", default=300, show_default=True)
def main(requests: int) -> None:
    """Print latency, time to ready and memory of both runtimes."""
    for runtime in RUNTIMES:
        port = free_port()
        started = time.perf_counter()
        process = subprocess.Popen(
            [str(Path(sys.executable).with_name("lanmu")), "serve", "--port", str(port), "--runtime", runtime],
            env=os.environ,
            stdout=subprocess.DEVNULL,
        )
        try:
            wait_ready(port, process)
            ready = time.perf_counter() - started
            time.sleep(1)
            rest = memory_mb(process.pid)
            times = over_http(port, requests)[requests // 10 :]
            after = memory_mb(process.pid)
        finally:
            process.terminate()
            process.wait(10)
        calls = bare(runtime, requests)[requests // 10 :]
        print(
            f"{runtime}: ready in {ready:.2f} s; memory at rest {rest:.0f} MB, after {requests} requests {after:.0f} MB; "
            f"one paragraph of {len(TEXT)} characters over HTTP p50 {statistics.median(times):.2f} ms, "
            f"p99 {statistics.quantiles(times, n=100)[98]:.2f} ms; bare call p50 {statistics.median(calls):.2f} ms; "
            f"HTTP adds {statistics.median(times) - statistics.median(calls):.2f} ms"
        )


if __name__ == "__main__":
    main()
