"""The cases of `timings`, from PyTorch: python3 pytorch.py --case NAME [--case NAME ..] [--threads N] [--seconds S].

Prints one JSON object a line: {"case", "unit": "ms", "median", "min", "runs"}. Several cases are run in turn, round
after round. Cases that are another library's work (gemm_gemmcrate_.., expf_.., ..) are left out.
"""

import argparse
import itertools
import json
import pathlib
import re
import sys
import tempfile
import time

try:
    import torch
    from torch.utils.data import DataLoader, TensorDataset
except ImportError:
    sys.exit("no PyTorch: `import torch` failed")
try:
    from PIL import Image
except ImportError:
    Image = None


def work(name):
    """Functions that do the case's work once, of which the fastest counts; none if PyTorch has no such case."""
    if name == "resnet18_epoch":
        with torch.inference_mode(False):
            return epochs_from_files()
    if match := re.fullmatch(r"resnet18_(step|forward)", name):
        with torch.inference_mode(False):
            return network(match[1])
    if match := re.fullmatch(r"conv_(\w+?)_(\d+)x(\d+)x(\d+)x(\d+)_(\d+)x(\d+)x(\d+)s(\d+)p(\d+)", name):
        return convolution(match[1], *map(int, match.groups()[1:]))
    if match := re.fullmatch(r"gemm_(\d+)x(\d+)x(\d+)", name):
        m, k, n = map(int, match.groups())
        a, b = torch.randn(m, k), torch.randn(k, n)
        return [lambda: torch.mm(a, b)]
    if match := re.fullmatch(r"op_(\w+)_(\d+(?:x\d+)*)", name):
        run = operations([int(n) for n in match[2].split("x")]).get(match[1])
        return [run] if run else []
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
    if match := re.fullmatch(r"autograd_overhead_(\d+)", name):
        return [chain(int(match[1]))]
    return []


def operations(shape):
    """Common operations on tensors of this shape, by the names that `benches/src/ops.rs` gives them."""
    functional = torch.nn.functional
    x, y = torch.rand(shape) + 0.1, torch.rand(shape) + 0.1
    first, last = shape[0], shape[-1]
    row, column, mask, likely = x.flatten()[:last].clone(), x[..., :1].clone(), x > 0.5, x > 0.05
    heads, tails = (torch.arange(n) * 7 % n for n in (first, last))
    down, along, targets = x.argsort(0), x.argsort(-1), x.argmax(-1, keepdim=True)
    whole = (x * 100).round()
    pixels, numbers, count = whole.to(torch.uint8), whole.long(), x.numel()
    turned = (0, 2, 3, 1) if len(shape) == 4 else tuple(reversed(range(len(shape))))
    return {
        "exp": lambda: x.exp(),
        "ln": lambda: x.log(),
        "tanh": lambda: x.tanh(),
        "sigmoid": lambda: x.sigmoid(),
        "erf": lambda: x.erf(),
        "sqrt": lambda: x.sqrt(),
        "sin": lambda: x.sin(),
        "gelu": lambda: functional.gelu(x),
        "softplus": lambda: functional.softplus(x),
        "pow": lambda: x.pow(2.5),
        "round": lambda: x.round(),
        "abs": lambda: x.abs(),
        "add": lambda: x + y,
        "mul_number": lambda: x * 2.0,
        "div": lambda: x / y,
        "add_row": lambda: x + row,
        "add_column": lambda: x + column,
        "relu": lambda: x.relu(),
        "clamp": lambda: x.clamp(0.3, 0.8),
        "gt": lambda: x > 0.5,
        "eq": lambda: x == y,
        "where": lambda: torch.where(mask, x, y),
        "masked_fill": lambda: x.masked_fill(mask, 0.0),
        "maximum": lambda: torch.maximum(x, y),
        "sum": lambda: x.sum(),
        "sum_first": lambda: x.sum(0),
        "sum_last": lambda: x.sum(-1),
        "mean": lambda: x.mean(),
        "var_first": lambda: x.var(0),
        "var_last": lambda: x.var(-1),
        "norm": lambda: x.norm(),
        "norm_last": lambda: torch.linalg.vector_norm(x, dim=-1),
        "prod": lambda: x.prod(),
        "prod_last": lambda: x.prod(-1),
        "max": lambda: x.max(),
        "max_last": lambda: x.max(-1),
        "amax_first": lambda: x.amax(0),
        "amax_last": lambda: x.amax(-1),
        "argmax": lambda: x.argmax(),
        "argmax_first": lambda: x.argmax(0),
        "argmax_last": lambda: x.argmax(-1),
        "any": lambda: likely.any(),
        "all_last": lambda: likely.all(-1),
        "softmax_first": lambda: x.softmax(0),
        "softmax_last": lambda: x.softmax(-1),
        "log_softmax_last": lambda: x.log_softmax(-1),
        "logsumexp_last": lambda: x.logsumexp(-1),
        "cumsum_first": lambda: x.cumsum(0),
        "cumsum_last": lambda: x.cumsum(-1),
        "sort_last": lambda: x.sort(dim=-1, stable=True),
        "topk_last": lambda: x.topk(5, -1),
        "index_select_first": lambda: x.index_select(0, heads),
        "index_select_last": lambda: x.index_select(-1, tails),
        "gather_first": lambda: x.gather(0, down),
        "gather_last": lambda: x.gather(-1, along),
        "gather_targets": lambda: x.gather(-1, targets),
        "flip_first": lambda: x.flip(0),
        "flip_last": lambda: x.flip(-1),
        "cat_first": lambda: torch.cat([x, y], 0),
        "cat_last": lambda: torch.cat([x, y], -1),
        "stack_first": lambda: torch.stack([x, y], 0),
        "stack_last": lambda: torch.stack([x, y], -1),
        "pad": lambda: functional.pad(x, [1, 2]),
        "transposed": lambda: x.permute(turned).contiguous(),
        "narrow_last": lambda: x.narrow(-1, 1, last - 2).contiguous(),
        "select_last": lambda: x.select(-1, 1).contiguous(),
        "step_last": lambda: x[..., ::2].contiguous(),
        "to_f64": lambda: x.double(),
        "from_u8": lambda: pixels.float(),
        "from_i64": lambda: numbers.float(),
        "arange": lambda: torch.arange(count, dtype=torch.float32),
        "rand": lambda: torch.rand(shape),
        "randn": lambda: torch.randn(shape),
    }


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


class Unit(torch.nn.Module):
    """A convolution and its batch norm."""

    def __init__(self, c, oc, kernel, stride):
        super().__init__()
        self.conv = torch.nn.Conv2d(c, oc, kernel, stride, kernel // 2, bias=False)
        self.norm = torch.nn.BatchNorm2d(oc)

    def forward(self, x):
        return self.norm(self.conv(x))


class Block(torch.nn.Module):
    """A residual block of resnet18."""

    def __init__(self, c, oc, stride):
        super().__init__()
        self.first, self.second = Unit(c, oc, 3, stride), Unit(oc, oc, 3, 1)
        self.residual = Unit(c, oc, 1, 2) if stride == 2 else torch.nn.Identity()

    def forward(self, x):
        y = self.second(torch.relu_(self.first(x)))
        return torch.relu_(y.add_(self.residual(x)))


def resnet18():
    layers = [Unit(3, 64, 7, 2), torch.nn.ReLU(inplace=True), torch.nn.MaxPool2d(3, 2, 1)]
    c = 64
    for oc in (64, 128, 256, 512):
        layers += [Block(c, oc, 1 if c == oc else 2), Block(oc, oc, 1)]
        c = oc
    head = [torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(512, 2)]
    return torch.nn.Sequential(*layers, *head)


def network(kind):
    """resnet18 on a batch of 64 images, in each of PyTorch's two memory formats; a step with Adam, fused and plain."""
    runs = []
    for memory, fused in itertools.product((torch.contiguous_format, torch.channels_last), (True, False)):
        model = resnet18().to(memory_format=memory)
        x = torch.randn(64, 3, 28, 28).to(memory_format=memory)
        y = torch.arange(64) % 2
        opt = torch.optim.Adam(model.parameters(), 1e-3, fused=fused)

        def step(model=model, x=x, y=y, opt=opt):
            with torch.inference_mode(False), torch.enable_grad():
                torch.nn.functional.cross_entropy(model(x), y).backward()
                opt.step()
                opt.zero_grad(set_to_none=True)

        if kind == "step":
            runs.append(step)
        elif fused:
            runs.append(lambda model=model.eval(), x=x: model(x))
    return runs


class Files(torch.utils.data.Dataset):
    """The images under folder/class as bytes of three channels, decoded anew each time."""

    def __init__(self, folder):
        classes = sorted(folder.iterdir())
        self.files = [(path, i) for i, kind in enumerate(classes) for path in sorted(kind.iterdir())]

    def __len__(self):
        return len(self.files)

    def __getitem__(self, i):
        path, target = self.files[i]
        with Image.open(path) as image:
            pixels = bytearray(image.convert("RGB").tobytes())
            shape = (image.height, image.width, 3)
        return torch.frombuffer(pixels, dtype=torch.uint8).view(shape).permute(2, 0, 1), target


def epochs_from_files():
    """Training on and validation with the files that `timings` has left, in each of PyTorch's two memory formats; none
    without them or without Pillow. A plain head, a constant rate, and no recorder."""
    folder = pathlib.Path(tempfile.gettempdir(), "downhill-mnist-sample-png")
    if Image is None or not folder.exists():
        return []
    workers = torch.get_num_threads()
    train = DataLoader(Files(folder / "train"), 64, shuffle=True, drop_last=True, num_workers=workers)
    valid = DataLoader(Files(folder / "valid"), 64, num_workers=workers)
    runs = []
    for memory in (torch.contiguous_format, torch.channels_last):
        model = resnet18().to(memory_format=memory)
        opt = torch.optim.Adam(model.parameters(), 1e-3, fused=True)

        @torch.inference_mode(False)
        def epoch(model=model, opt=opt, memory=memory):
            model.train()
            with torch.enable_grad():
                for x, y in train:
                    x = x.float().div_(255).to(memory_format=memory)
                    torch.nn.functional.cross_entropy(model(x), y).backward()
                    opt.step()
                    opt.zero_grad(set_to_none=True)
            model.eval()
            with torch.no_grad():
                for x, y in valid:
                    x = x.float().div_(255).to(memory_format=memory)
                    (model(x).argmax(1) == y).float().mean().item()

        runs.append(epoch)
    return runs


def resnet18_shapes():
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
            params = [torch.nn.Parameter(torch.randn(shape)) for shape in resnet18_shapes()]
            for p in params:
                p.grad = torch.randn_like(p)
            opt = torch.optim.Adam(params, lr=1e-3, **how)
        # Outside of the mode: the averages that the first step makes must not be tensors of inference.
        return torch.inference_mode(False)(opt.step)

    def time_of(step):
        return min(milliseconds(step, 1) for _ in range(8))

    return min([steps(fused=True), steps(foreach=True)], key=time_of)


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
