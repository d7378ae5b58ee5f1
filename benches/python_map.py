"""`fanfold.map` of 100,000 rows beside the program alone: times as ratios within one run, and memory.

    PYTHONPATH=python FANFOLD_PROGRAM=target/release/fanfold python benches/python_map.py [ROWS] [ROUNDS]

Each round runs both against the same simulator, which answers at once. Needs pandas and pyarrow.
"""

import os
import resource
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

import pandas

import fanfold
from fanfold._program import program

ROWS = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
ROUNDS = int(sys.argv[2]) if len(sys.argv) > 2 else 3
PROMPT = "Summarise: {{ body }}"


def main():
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ.update(FANFOLD_STATE_DIR=os.path.join(folder, "state"), DASHSCOPE_API_KEY="sk-none")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        server = subprocess.Popen([program(), "simulate", f"--port={port}", "--latency=none"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            time.sleep(1)
            measure(f"http://127.0.0.1:{port}/compatible-mode/v1")
        finally:
            server.terminate()
            server.wait()


def measure(url):
    table = pandas.DataFrame({"id": range(ROWS), "body": [f"{number} " + "some words of a row " * 20 for number in range(ROWS)]})
    table.to_parquet("in.parquet")
    ratios = []
    for number in range(ROUNDS):
        shutil.rmtree("state", ignore_errors=True)
        alone = seconds(lambda: cli(url, f"out{number}.jsonl"))
        mapped = seconds(lambda: fanfold.map(table, PROMPT, model={"name": "qwen-plus", "base_url": url}, progress=False))
        ratios.append(mapped / alone)
        print(f"round {number + 1}: program alone {alone:.2f} s, map {mapped:.2f} s, {ratios[-1]:.3f}")
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{ROWS:,} rows: map takes {statistics.median(ratios):.3f} of the program's time; {own:.0f} MiB at most in Python, its table included")


def cli(url, output):
    command = [program(), "run", "--input=in.parquet", f"--output={output}", "--model=qwen-plus", f"--prompt={PROMPT}"]
    subprocess.run([*command, f"--base-url={url}", "--quiet"], check=True, stderr=subprocess.DEVNULL)


def seconds(work):
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
