"""Writes a file of the format of resnet18.json, with weights that follow from another salt.

    python data/golden/make_resnet18.py SALT FILE

Needs torch, torchvision and fastai. The salt of resnet18.json is empty: with it that file's numbers come out again, up to
the order of summation. README.md has the formula of the weights and says what the entries are.
"""

import gzip
import json
import pathlib
import sys

import fastai
import numpy as np
import torch
import torch.nn.functional as F
from fastai.callback.schedule import combined_cos
from fastai.optimizer import Adam
from fastai.torch_core import norm_bias_params
from fastai.vision.learner import create_vision_model, model_meta
from torchvision.models import resnet18

torch.set_default_dtype(torch.float64)
BS, STEPS, BATCHES = 64, 10, 193
LR_MAX, DIV, DIV_FINAL, MOMS = 0.1, 25.0, 1e5, (0.95, 0.85, 0.95)
SAMPLE = pathlib.Path(__file__).parent.parent / "mnist_sample"


def read_idx(name):
    data = gzip.decompress((SAMPLE / f"train-{name}.gz").read_bytes())
    kind, rank = data[2], data[3]
    shape = [int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(rank)]
    return np.frombuffer(data, {8: np.uint8, 12: ">i4"}[kind], offset=4 + 4 * rank).reshape(shape)


def digits():
    """All threes, then all sevens, each by the index in the MNIST file, sorted as a string."""
    images, labels, index = map(read_idx, ("images-idx3-ubyte", "labels-idx1-ubyte", "index-idx1-int"))
    order = sorted(range(len(labels)), key=lambda i: (labels[i], str(index[i])))
    return torch.from_numpy(images[order]), torch.from_numpy((labels[order] == 7).astype(np.int64))


def weights(salt, name, shape):
    h = 0xCBF29CE484222325
    for byte in (salt + name).encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    u64 = np.uint64
    z = u64(h) + np.arange(1, np.prod(shape, dtype=int) + 1, dtype=u64) * u64(0x9E3779B97F4A7C15)
    z = (z ^ z >> u64(30)) * u64(0xBF58476D1CE4E5B9)
    z = (z ^ z >> u64(27)) * u64(0x94D049BB133111EB)
    z ^= z >> u64(31)
    u = 2 * (z >> u64(40)).astype(np.float64) / 2**24 - 1
    if len(shape) > 1:
        value = u * np.sqrt(3 / np.prod(shape[1:]))
    else:
        value = 1 + 0.1 * u if name.endswith("weight") else 0.1 * u
    return torch.from_numpy(value.astype(np.float32).astype(np.float64).reshape(shape))


def norms(tensors):
    return {name: tensor.norm().item() for name, tensor in tensors}


def main(salt, file):
    images, labels = digits()

    def batch(b):
        rows = (torch.arange(BS) * 193 + b) % len(images)
        grey = (images[rows].float() / 255).double()
        return grey[:, None].expand(-1, 3, -1, -1), labels[rows]

    model = create_vision_model(resnet18, 2, pretrained=False).double()
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(weights(salt, name, list(parameter.shape)))

    golden = {"torch": torch.__version__, "fastai": fastai.__version__, "dtype": str(torch.float64)}
    golden |= {"salt": salt, "bs": BS, "head": str(model[1])}
    golden["parameters"] = {name: list(p.shape) for name, p in model.named_parameters()}
    golden["buffers"] = [name for name, _ in model.named_buffers()]
    x, y = batch(0)
    with torch.no_grad():
        logits = model.eval()(x)
    golden["eval_logits_first8"] = logits[:8].tolist()
    golden["eval_loss"] = F.cross_entropy(logits, y).item()

    opt = Adam(model_meta[resnet18]["split"](model), lr=LR_MAX)
    for parameter in norm_bias_params(model, True):
        opt.state[parameter]["do_wd"] = False
    lr = combined_cos(0.25, LR_MAX / DIV, LR_MAX, LR_MAX / DIV_FINAL)
    mom = combined_cos(0.25, *MOMS)
    model.train()
    steps = []
    for step in range(STEPS):
        x, y = batch(step)
        logits = model(x)
        loss = F.cross_entropy(logits, y)
        loss.backward()
        if step == 0:
            golden["train_logits_first8"] = logits[:8].tolist()
            golden["grad_norms_step0"] = norms((name, p.grad) for name, p in model.named_parameters())
            for kind in ("running_mean", "running_var"):
                buffers = {name: b.sum().item() for name, b in model.named_buffers() if name.endswith(kind)}
                golden[f"{kind}_sum_step0"] = buffers
        values = {"lr": lr(step / BATCHES), "mom": mom(step / BATCHES)}
        opt.set_hypers(**values)
        opt.step()
        opt.zero_grad()
        steps.append(values | {"loss": loss.item()})
    golden["steps"] = steps
    golden["param_norms_after10"] = norms(model.named_parameters())
    pathlib.Path(file).write_text(json.dumps(golden, indent=1) + "\n")


if len(sys.argv) != 3:
    sys.exit(__doc__)
main(*sys.argv[1:])
