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
    from torch.utils.data import DataLoader, TensorDataset
except ImportError:
    sys.exit("no PyTorch: `import torch` failed")


def work(name):
    """Functions that do the case's work once, of which the fastest counts; none if PyTorch has no such case."""
    if match := re.fullmatch(r"conv_(\w+?)_(\d+)x(\d+)x(\d+)x(\d+)_(\d+)x(\d+)x(\d+)s(\d+)p(\d+)", name):
        return convolution(match[1], *map(int, match.groups()[1:]))
    if match := re.fullmatch(r"gemm_(\d+)x(\d+)x(\d+)", name):
        m, k, n = map(int, match.groups())
        a, b = torch.randn(m, k), torch.randn(k, n)
        return [lambda: torch.mm(a, b)]
    if match := re.fullmatch(r"(add|exp|sum|memcpy)_(\d+)", name):
        x = torch.rand(int(match[2])) * 20 - 10
        y = x + 1
        works = {"add": lambda: x + y, "exp": lambda: x.exp(), "sum": lambda: x.sum(), "memcpy": lambda: y.copy_(x)}
        return [works[match[1]]]
    if name == "adam_step":
        return [adam()]
    if name == "loader_epoch":
        x = torch.randint(0, 256, (12396, 28, 28), dtype=torch.uint8)
        loader = DataLoader(TensorDataset(x, torch.zeros(12396, 1)), batch_size=256, shuffle=True)

        def epoch():
            for xb, _ in loader:
                xb.float().div_(255)

        return [epoch]
    if name in ("linear_epoch", "simple_net_epoch"):
        return [chapter(name)]
    return []


def chapter(name):
    """An epoch of the chapter's models by a bare loop over tensors that are cut into batches: training, then validation."""

    @torch.inference_mode(False)
    def made():
        linear = torch.nn.Linear
        layers = [linear(784, 1)] if name == "linear_epoch" else [linear(784, 30), torch.nn.ReLU(), linear(30, 1)]
        sets = [(torch.rand(n, 784), (torch.rand(n, 1) < 0.5).long()) for n in (12396, 2038)]
        return torch.nn.Sequential(*layers), sets

    model, (train, valid) = made()
    opt = torch.optim.SGD(model.parameters(), lr=1.0 if name == "linear_epoch" else 0.1)

    def mnist_loss(predictions, targets):
        predictions = predictions.sigmoid()
        return torch.where(targets == 1, 1 - predictions, predictions).mean()

    def batches(part):
        return zip(part[0].split(256), part[1].split(256))

    @torch.inference_mode(False)
    def epoch():
        losses, values = [], []
        for xb, yb in batches(train):
            loss = mnist_loss(model(xb), yb)
            loss.backward()
            losses.append(loss.item())
            opt.step()
            opt.zero_grad()
        with torch.no_grad():
            for xb, yb in batches(valid):
                preds = model(xb)
                accuracy = ((preds.sigmoid() > 0.5) == yb).float().mean()
                values.append((mnist_loss(preds, yb).item(), accuracy.item(), len(xb)))

    return epoch


def convolution(kind, n, c, h, w, oc, kh, kw, stride, padding):
    """The work in each of PyTorch's two memory formats; the faster one counts."""
    runs = []
    for memory in (torch.contiguous_format, torch.channels_last):
        x = torch.randn(n, c, h, w).to(memory_format=memory)
        weight = torch.randn(oc, c, kh, kw).to(memory_format=memory)
        y = torch.nn.functional.conv2d(x, weight, None, stride, padding)
        g = torch.randn_like(y)
        mask = {"input": [True, False, False], "weight": [False, True, False]}.get(kind)
        if kind == "forward":
            runs.append(lambda x=x, weight=weight: torch.nn.functional.conv2d(x, weight, None, stride, padding))
        elif mask:
            arguments = (None, [stride] * 2, [padding] * 2, [1, 1], False, [0, 0], 1, mask)
            backward = torch.ops.aten.convolution_backward
            runs.append(lambda g=g, x=x, weight=weight: backward(g, x, weight, *arguments))
    return runs


def resnet18():
    """The shapes of resnet18's parameters."""
    shapes = []

    def conv(c_out, c_in, k):
        shapes.extend([(c_out, c_in, k, k), (c_out,), (c_out,)])

    conv(64, 3, 7)
    for c_in, c_out in [(64, 64), (64, 128), (128, 256), (256, 512)]:
        conv(c_out, c_in, 3)
        for _ in range(3):
            conv(c_out, c_out, 3)
        if c_in != c_out:
            conv(c_out, c_in, 1)
    return shapes + [(1000, 512), (1000,)]


def adam():
    """A step of Adam over resnet18's parameters: fused or foreach, whichever is faster here."""

    def steps(**how):
        with torch.inference_mode(False):
            params = [torch.nn.Parameter(torch.randn(shape)) for shape in resnet18()]
            for p in params:
                p.grad = torch.randn_like(p)
            opt = torch.optim.Adam(params, lr=1e-3, **how)
        # Outside of the mode: the averages that the first step makes must not be tensors of inference.
        return torch.inference_mode(False)(opt.step)

    def time_of(step):
        return min(milliseconds(step, 1) for _ in range(8))

    return min([steps(fused=True), steps(foreach=True)], key=time_of)


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
            for run in work(name):
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
    best = {}
    for name, _, _, samples in timers:
        samples.sort()
        median = samples[len(samples) // 2]
        if name not in best or median < best[name]["median"]:
            best[name] = {"case": name, "unit": "ms", "median": median, "min": samples[0], "runs": len(samples)}
    for line in best.values():
        print(json.dumps(line))


if __name__ == "__main__":
    main()
