"""The cases of `timings`, from PyTorch: python3 pytorch.py --case NAME [--case NAME ..] [--threads N] [--seconds S].

Prints one JSON object a line: {"case", "unit": "ms", "median", "min", "runs"}. Several cases are run in turn, round
after round. Cases that are another library's work (gemm_gemmcrate_.., expf_.., ..) are left out.
"""

import argparse
import json
import re
import sys
import time

try:
    import torch
except ImportError:
    sys.exit("no PyTorch: `import torch` failed")


def work(name):
    """The function that does the case's work once, or None if PyTorch has no such case."""
    if match := re.fullmatch(r"gemm_(\d+)x(\d+)x(\d+)", name):
        m, k, n = map(int, match.groups())
        a, b = torch.randn(m, k), torch.randn(k, n)
        return lambda: torch.mm(a, b)
    if match := re.fullmatch(r"(add|exp|sum|memcpy)_(\d+)", name):
        x = torch.rand(int(match[2])) * 20 - 10
        y = x + 1
        works = {"add": lambda: x + y, "exp": lambda: x.exp(), "sum": lambda: x.sum(), "memcpy": lambda: y.copy_(x)}
        return works[match[1]]
    if match := re.fullmatch(r"autograd_overhead_(\d+)", name):
        return chain(int(match[1]))
    return None


def chain(n):
    """Forward and backward through a chain of n operations on one number."""
    with torch.inference_mode(False):
        x = torch.tensor(0.5, requires_grad=True)

    def run():
        with torch.inference_mode(False):
            y = x
            for _ in range(n // 2):
                y = y * 1.000001 + 1e-6
            y.backward()
            x.grad = None

    return run


def milliseconds(run, repeat):
    start = time.perf_counter()
    for _ in range(repeat):
        run()
    return (time.perf_counter() - start) * 1e3 / repeat


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--case", action="append", required=True)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    with torch.inference_mode():
        timers = []
        for name in options.case:
            if run := work(name):
                repeat = 1
                while milliseconds(run, repeat) * repeat < 1.0:
                    repeat *= 2
                timers.append((name, run, repeat, []))
        if not timers:
            return
        start = time.perf_counter()
        budget = options.seconds * len(timers)
        while len(timers[0][3]) < 5 or time.perf_counter() - start < budget:
            for _, run, repeat, samples in timers:
                samples.append(milliseconds(run, repeat))
    for name, _, _, samples in timers:
        samples.sort()
        median = samples[len(samples) // 2]
        print(json.dumps({"case": name, "unit": "ms", "median": median, "min": samples[0], "runs": len(samples)}))


if __name__ == "__main__":
    main()
