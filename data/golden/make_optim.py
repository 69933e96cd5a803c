"""Writes optim_more.json and optim_more.safetensors: runs of PyTorch's and fastai's optimizers, in f64.

    python data/golden/make_optim.py [DIR]

Needs torch, fastai and safetensors. The format is that of optim.json, see README.md. The runs are those that it leaves out:
arguments other than the defaults, several at a time, and gradients that are zero, small and large.
"""

import json
import pathlib
import sys

import fastai
import torch
from fastai import optimizer as fastai_optimizer
from fastcore.foundation import L
from safetensors.torch import save_file

torch.set_default_dtype(torch.float64)
STEPS = 12
rng = torch.Generator().manual_seed(21)
lr = [0.05 * (1 + (step % 4)) for step in range(STEPS)]
mom = [0.95 - 0.04 * step for step in range(STEPS)]

TORCH = {
    "sgd": "SGD", "adam": "Adam", "adamw": "AdamW", "rmsprop": "RMSprop", "adagrad": "Adagrad", "adadelta": "Adadelta",
    "nadam": "NAdam", "radam": "RAdam",
}
FASTAI = {"sgd": "SGD", "adam": "Adam", "rmsprop": "RMSProp", "radam": "RAdam", "lamb": "Lamb", "ranger": "ranger"}
betas = {"betas": [0.8, 0.95], "eps": 1e-3, "weight_decay": 0.1}
averages = {"mom": 0.8, "sqr_mom": 0.95, "eps": 1e-3, "wd": 0.1}
CASES = [
    ("torch", "sgd_maximize", {"momentum": 0.8, "dampening": 0.3, "weight_decay": 0.1, "maximize": True}),
    ("torch", "sgd_nesterov_wd", {"momentum": 0.7, "nesterov": True, "weight_decay": 0.1}),
    ("torch", "adam_all", betas),
    ("torch", "adam_amsgrad_maximize", betas | {"amsgrad": True, "maximize": True}),
    ("torch", "adam_decoupled", betas | {"decoupled_weight_decay": True}),
    ("torch", "adam_eps", {"eps": 1e-1}),
    ("torch", "adamw_default", {}),
    ("torch", "adamw_amsgrad", betas | {"amsgrad": True}),
    ("torch", "rmsprop_all", {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "momentum": 0.5, "maximize": True}),
    ("torch", "rmsprop_centered", {"alpha": 0.9, "eps": 1e-3, "weight_decay": 0.1, "centered": True}),
    ("torch", "adagrad_all", {"lr_decay": 0.1, "initial_accumulator_value": 0.2, "weight_decay": 0.05, "eps": 1e-3}),
    ("torch", "adagrad_maximize", {"maximize": True}),
    ("torch", "adadelta_all", {"rho": 0.8, "eps": 1e-2, "weight_decay": 0.1, "maximize": True}),
    ("torch", "nadam_all", betas | {"momentum_decay": 0.1}),
    ("torch", "nadam_decoupled", betas | {"decoupled_weight_decay": True, "maximize": True}),
    ("torch", "radam_all", betas),
    ("torch", "radam_short", betas | {"betas": [0.5, 0.6]}),
    ("torch", "radam_decoupled", betas | {"decoupled_weight_decay": True, "maximize": True}),
    ("fastai", "sgd_all", {"mom": 0.8, "wd": 0.1}),
    ("fastai", "sgd_l2", {"mom": 0.8, "wd": 0.1, "decouple_wd": False}),
    ("fastai", "adam_all", averages),
    ("fastai", "adam_l2", averages | {"decouple_wd": False}),
    ("fastai", "adam_scheduled", averages | {"mom": mom}),
    ("fastai", "rmsprop_all", averages),
    ("fastai", "rmsprop_l2", averages | {"decouple_wd": False, "mom": 0.0}),
    ("fastai", "radam_all", averages),
    ("fastai", "radam_smooth", averages | {"beta": 2.0}),
    ("fastai", "lamb_all", averages),
    ("fastai", "lamb_l2", averages | {"decouple_wd": False}),
    ("fastai", "ranger_all", averages | {"k": 4, "alpha": 0.3}),
]


def randn(*shape):
    return torch.randn(shape, generator=rng)


def gradient(step, *shape):
    """Of another size in every step, a quarter of it zero."""
    return randn(*shape) * 10.0 ** (step % 5 - 3) * (torch.rand(shape, generator=rng) < 0.75)


def optimizer(library, kind, params, args):
    if library == "torch":
        return getattr(torch.optim, TORCH[kind])(params, lr=lr[0], **args)
    return getattr(fastai_optimizer, FASTAI[kind])(L(params), lr=lr[0], **args)


def run(library, name, args):
    params = [torch.nn.Parameter(tensors[key].clone()) for key in ("p0", "p1")]
    moms = args.get("mom") if isinstance(args.get("mom"), list) else None
    opt = optimizer(library, name.split("_")[0], params, {k: v for k, v in args.items() if v is not moms or k != "mom"})
    if library == "fastai" and "eps" in args:
        opt.set_hyper("eps", args["eps"])  # RMSProp forgets its argument
    for step in range(STEPS):
        if library == "torch":
            opt.param_groups[0]["lr"] = lr[step]
        else:
            opt.set_hyper("lr", lr[step])
            if moms:
                opt.set_hyper("mom", moms[step])
        for i, p in enumerate(params):
            p.grad = tensors[f"g{step}.{i}"].clone()
        opt.step()
        for i, p in enumerate(params):
            tensors[f"{library}.{name}/step{step}.p{i}"] = p.detach().clone()


tensors = {"p0": randn(3, 4), "p1": randn(5)}
for step in range(STEPS):
    tensors |= {f"g{step}.0": gradient(step, 3, 4), f"g{step}.1": gradient(step, 5)}
for library, name, args in CASES:
    run(library, name, args)
cases = [{"name": f"{library}.{name}", "library": library, "args": args} for library, name, args in CASES]
versions = {"torch": torch.__version__, "fastai": fastai.__version__}
golden = versions | {"dtype": "f64", "steps": STEPS, "lr": lr, "cases": cases}
folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
(folder / "optim_more.json").write_text(json.dumps(golden, indent=1) + "\n")
save_file(tensors, folder / "optim_more.safetensors")
