"""privet against hand-written loops in PyTorch and NumPy and against Flower, on this machine, one after the other.

    scripts/fetch-data.sh fashion-mnist
    cargo build --release
    pip install numpy torch "flwr[simulation]"     # torch may be left out, and so may flwr
    python3 examples/compare/compare.py [PRIVET]   # from the root of the repository

Prints a table: the median of the seconds a round (evaluation of the 10,000 test rows included, the first two rounds left
out as warming up), and for the whole process its wall time (loading included), its greatest memory and the last test
accuracy. Whatever else runs on the machine is in the figures: the load is printed with them. The memory of Flower is that of
the largest of its processes.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
FOLDER = "data/fashion-mnist"
ROUNDS = 20
WARM_UP = 2
# Name, clients, cohort, epochs, batch size.
WORKLOADS = [("w1", 100, 10, 1, 10), ("w2", 100, 10, 5, 50), ("w3", 1000, 100, 1, 10)]
# Threads of linear algebra get in each other's way with batches this small.
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def run(command, environment=None):
    """What the command prints, its wall time in seconds, and its greatest memory in MB; None if it fails."""
    began = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | (environment or {}))
    printed = child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    child.returncode = status
    return (json.loads(printed), wall, usage.ru_maxrss / 1024) if status == 0 else None


def privet(program, workload, threads, out):
    command = [program, "simulate", str(HERE / f"{workload}.toml"), "--threads", str(threads)]
    done = run(command + ["--json", "--quiet", "--out", f"{out}/{workload}-{threads}"])
    if done is None:
        sys.exit(f"{' '.join(command)} failed")
    document, wall, memory = done
    seconds = [entry["seconds"]["total"] for entry in document["rounds"]]
    return seconds, wall, memory, document["final"]["test_accuracy"]


def peer(script, shape):
    """A peer of `peers.py`, or another program that prints the same; None if it is not installed."""
    command = [sys.executable, *script, *map(str, shape), str(ROUNDS), FOLDER]
    done = run(command, ONE_THREAD)
    if done is None:
        return None
    document, wall, memory = done
    return document["seconds"], wall, memory, document["accuracy"]


def main():
    program = sys.argv[1] if len(sys.argv) > 1 else "target/release/privet"
    cores = os.cpu_count()
    print(f"{cores} cores, load {os.getloadavg()[0]:.1f} at the beginning\n")
    print("| workload | system | s a round | against privet | whole process, s | MB | accuracy |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as out:
        for workload, *shape in WORKLOADS:
            rows = [(f"privet, {cores} threads", privet(program, workload, cores, out))]
            rows.append(("privet, 1 thread", privet(program, workload, 1, out)))
            rows.append(("NumPy loop", peer([HERE / "peers.py", "numpy"], shape)))
            rows.append(("PyTorch loop", peer([HERE / "peers.py", "torch"], shape)))
            rows.append(("Flower on Ray", peer([HERE / "flower.py"], shape)))
            ours = statistics.median(rows[0][1][0][WARM_UP:])
            for system, row in rows:
                if row is None:
                    print(f"| {workload} | {system} | not run | | | | |")
                    continue
                seconds, wall, memory, accuracy = row
                median = statistics.median(seconds[WARM_UP:])
                cells = [f"{median:.3f}", f"{median / ours:.1f} x", f"{wall:.2f}", f"{memory:.0f}"]
                print(f"| {workload} | {system} | {' | '.join(cells)} | {100 * accuracy:.1f} % |", flush=True)
    print(f"\nload {os.getloadavg()[0]:.1f} at the end")


if __name__ == "__main__":
    main()
