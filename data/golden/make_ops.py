"""Writes ops_more.json and ops_more.safetensors: reference values of single operations by PyTorch, in f64.

    python data/golden/make_ops.py [DIR]

The format is that of ops.json, see README.md. The cases are those that it leaves out: other shapes and arguments, negative
axes, axes of no elements, groups and dilation, batched and broadcast products, and numbers that f32 could not hold.
"""

import json
import pathlib
import struct
import sys

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
SEED = 20
rng = torch.Generator().manual_seed(SEED)
cases, tensors = [], {}


def randn(*shape, scale=1.0):
    return torch.randn(shape, generator=rng) * scale


def uniform(low, high, *shape):
    return torch.rand(shape, generator=rng) * (high - low) + low


def integers(high, *shape):
    return torch.randint(high, shape, generator=rng)


def distinct(*shape, step=0.25):
    """Numbers that are far from each other."""
    count = int(torch.tensor(shape).prod())
    return ((torch.randperm(count, generator=rng) - count // 3).double() * step).reshape(shape)


def case(op, run, args=None, grads=None, **inputs):
    """One case: `run` is given the inputs in order; gradients are taken for all that are floats, or for `grads`."""
    name = f"{op}.{sum(c['op'] == op for c in cases)}"
    floats = [key for key, value in inputs.items() if value.is_floating_point()]
    grads = floats if grads is None else grads
    leaves = {k: v.clone().requires_grad_() if k in grads else v for k, v in inputs.items()}
    outputs = run(*leaves.values())
    outputs = list(outputs) if isinstance(outputs, (tuple, list)) else [outputs]
    loss = 0
    for i, output in enumerate(outputs):
        if grads and output.requires_grad:
            cotangent = randn(*output.shape)
            tensors[f"{name}/cot{i}"] = cotangent
            loss = loss + (output * cotangent).sum()
    if torch.is_tensor(loss):
        loss.backward()
    for key, value in inputs.items():
        tensors[f"{name}/in.{key}"] = value
    for i, output in enumerate(outputs):
        tensors[f"{name}/out{i}"] = output.detach()
    for key in grads:
        gradient = leaves[key].grad
        tensors[f"{name}/grad.{key}"] = torch.zeros_like(leaves[key]) if gradient is None else gradient
    cases.append(
        {
            "name": name,
            "op": op,
            "args": args or {},
            "inputs": list(inputs),
            "outputs": [f"out{i}" for i in range(len(outputs))],
            "grads": grads,
        }
    )


def elementwise():
    large = torch.cat([randn(6, scale=100), uniform(-800, 800, 4), randn(4, scale=1e-3)])
    positive = torch.tensor([1e-200, 1e-30, 0.5, 3.0, 1e30, 1e200])
    huge = torch.tensor([-1e200, -1e30, -0.5, 1e-30, 1e30, 1e200])
    shaped = randn(2, 1, 3, 2)
    empty = randn(0, 3)
    for op, run, inputs in [
        ("neg", torch.neg, [huge, empty]),
        ("exp", torch.exp, [uniform(-700, 700, 8), shaped]),
        ("ln", torch.log, [positive]),
        ("sqrt", torch.sqrt, [positive]),
        ("abs", torch.abs, [huge, torch.tensor([0.0, -0.0, 2.0])]),
        ("square", torch.square, [huge / 1e60, shaped]),
        ("recip", torch.reciprocal, [huge / 1e60]),
        ("sin", torch.sin, [randn(3, 4, scale=1e3), torch.tensor(1e8)]),
        ("cos", torch.cos, [randn(3, 4, scale=1e3)]),
        ("tanh", torch.tanh, [large]),
        ("sigmoid", torch.sigmoid, [large]),
        ("relu", torch.relu, [huge, torch.tensor([0.0, -0.0, 1.0])]),
        ("gelu", F.gelu, [large, shaped]),
        ("silu", F.silu, [large]),
        ("softplus", F.softplus, [large, empty]),
        ("erf", torch.erf, [randn(3, 4)]),
    ]:
        for x in inputs:
            case(op, run, x=x)
    case("gelu", lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"}, x=randn(3, 4))
    case("softplus", lambda x: F.softplus(x, 2.5, 10.0), {"beta": 2.5, "threshold": 10.0}, x=randn(12, scale=5))
    for slope in [0.0, 0.3, 2.0]:
        case("leaky_relu", lambda x: F.leaky_relu(x, slope), {"negative_slope": slope}, x=huge)
    case("leaky_relu", F.leaky_relu, x=randn(3))
    for exponent, x in [(-1.5, positive / 1e60 + 0.1), (0.5, positive), (2.0, huge / 1e60), (0.0, torch.tensor([0.0, 2.0]))]:
        case("powf", lambda x: x**exponent, {"exponent": exponent}, x=x)
    case("clamp", lambda x: x.clamp(-1e20, 0.0), {"min": -1e20, "max": 0.0}, x=huge)
    case("clamp", lambda x: x.clamp(min=0.5), {"min": 0.5, "max": None}, x=randn(3, 4))
    case("clamp", lambda x: x.clamp(max=0.5), {"max": 0.5}, x=randn(3, 4))
    shapes = [((3, 1, 4), (2, 1)), ((), (2, 3)), ((0, 3), (1, 3)), ((2, 1, 1, 3), (4, 1))]
    for op, run in [("add", torch.add), ("sub", torch.sub), ("mul", torch.mul), ("div", torch.div)]:
        for a, b in shapes:
            case(op, run, a=randn(*a, scale=1e5), b=randn(*b) + 3)
    case("add", lambda a, b: torch.add(a, b, alpha=-2.5), {"alpha": -2.5}, a=randn(2, 3), b=randn(3))
    case("sub", lambda a, b: torch.sub(a, b, alpha=0.5), {"alpha": 0.5}, a=randn(2, 3), b=randn(2, 1))
    ties = torch.tensor([[1.0, 2.0, 2.0], [0.0, -1.0, 5.0]])
    for op, run in [("maximum", torch.maximum), ("minimum", torch.minimum)]:
        case(op, run, a=ties, b=torch.tensor([1.0, 2.0, 3.0]))
        case(op, run, a=randn(2, 1, 3), b=randn(4, 1))
    for op, run in [("eq", torch.eq), ("ne", torch.ne), ("lt", torch.lt), ("le", torch.le), ("gt", torch.gt), ("ge", torch.ge)]:
        case(op, run, grads=[], a=ties, b=torch.tensor([1.0, 2.0, 3.0]))
    case("where", torch.where, c=integers(2, 2, 1, 3).bool(), a=randn(4, 1), b=randn(1))
    case("masked_fill", lambda x, c: x.masked_fill(c, -1e9), {"value": -1e9}, x=randn(2, 3), c=integers(2, 3).bool())


def reductions():
    inputs = [randn(2, 3, 4, scale=1e6), randn(3, 0, 2), randn(1, 1)]
    for op in ["sum", "mean"]:
        run = getattr(torch, op)
        for x in inputs:
            for dims, keepdim in [(None, False), ([-1], True), ([-2, 0], False), ([1], False)]:
                if dims and len({d % x.dim() for d in dims}) < len(dims):
                    continue
                f = (lambda x: run(x, dims, keepdim=keepdim)) if dims is not None else (lambda x: run(x))
                case(op, f, {"dims": dims, "keepdim": keepdim}, x=x)
    for op in ["var", "std"]:
        run = getattr(torch, op)
        offset = randn(3, 4, scale=1e-2) + 50
        for x, dims, correction in [(inputs[0], [0, -1], 0), (offset, None, 1), (randn(3, 5), [-1], 2)]:
            for keepdim in [False, True]:
                f = lambda x: run(x, dims, correction=correction, keepdim=keepdim)
                case(op, f, {"dims": dims, "keepdim": keepdim, "correction": correction}, x=x)
        case(op, lambda x: run(x, 0, unbiased=False), {"dim": 0, "unbiased": False}, x=randn(3, 2))
    for op in ["max", "min"]:
        run = getattr(torch, op)
        tied = torch.tensor([[1.0, 3.0, 3.0], [0.0, 0.0, -2.0]])
        case(op, run, {"dim": None}, x=tied)
        for dim, keepdim in [(0, False), (-1, True)]:
            args = {"dim": dim, "keepdim": keepdim, "returns": ["values", "indices"]}
            case(op, lambda x: tuple(run(x, dim, keepdim=keepdim)), args, x=tied)
        case(op, lambda x: run(x, 2)[0], {"dim": 2, "returns": ["values"]}, x=randn(2, 2, 3, scale=1e30))
        case(op, lambda x: tuple(run(x, 1)), {"dim": 1, "returns": ["values", "indices"]}, x=randn(0, 3))
    for op in ["amax", "amin"]:
        run = getattr(torch, op)
        case(op, lambda x: run(x, [0, -1], keepdim=True), {"dims": [0, -1], "keepdim": True}, x=torch.tensor([[2.0, 2.0], [1.0, 2.0]]))
        case(op, lambda x: run(x, 1), {"dim": 1}, x=distinct(2, 3, 2))
    for op in ["argmax", "argmin"]:
        run = getattr(torch, op)
        case(op, lambda x: run(x), {"dim": None}, grads=[], x=distinct(2, 5))
        case(op, lambda x: run(x, 0, keepdim=True), {"dim": 0, "keepdim": True}, grads=[], x=distinct(2, 5))
    for x in [torch.tensor([[1.0, 0.0, 3.0], [0.0, 2.0, 0.0], [2.0, -4.0, 0.5]]), randn(2, 0, 3), randn(2, 3, scale=1e50)]:
        case("prod", torch.prod, {"dim": None}, x=x)
        case("prod", lambda x: x.prod(-1, keepdim=True), {"dim": -1, "keepdim": True}, x=x)
    case("cumsum", lambda x: x.cumsum(-2), {"dim": -2}, x=randn(3, 4, 2, scale=1e8))
    case("cumsum", lambda x: x.cumsum(0), {"dim": 0}, x=randn(0, 2))
    for dims, keepdim in [([0, 1], False), ([-1], True)]:
        f = lambda x: x.logsumexp(dims, keepdim)
        case("logsumexp", f, {"dims": dims, "keepdim": keepdim}, x=randn(3, 4, scale=300))
    case("logsumexp", lambda x: x.logsumexp(1), {"dim": 1}, x=randn(2, 0))
    for p, dims, keepdim in [(1.0, None, False), (2.0, [-1], True), (3.5, [0], False), (0.5, [1], False), (2.0, [0, 1], False)]:
        f = lambda x: torch.linalg.vector_norm(x, p, dims, keepdim)
        case("norm", f, {"p": p, "dims": dims, "keepdim": keepdim}, x=randn(3, 4, scale=1e4))
    case("norm", lambda x: torch.linalg.vector_norm(x, float("inf"), 1), {"p": "inf", "dim": 1}, x=distinct(3, 4))
    case("norm", lambda x: x.norm(), x=torch.zeros(3))
    for largest, descending in [(True, False), (False, True)]:
        args = {"k": 2, "dim": 0, "largest": largest}
        case("topk", lambda x: tuple(x.topk(2, 0, largest)), args, x=distinct(4, 3))
        args = {"dim": -1, "descending": descending, "stable": True}
        case("sort", lambda x: tuple(x.sort(stable=True, dim=-1, descending=descending)), args, x=distinct(2, 5))


def views():
    case("reshape", lambda x: x.reshape(-1, 3), {"shape": [-1, 3]}, x=randn(2, 3, 2))
    case("reshape", lambda x: x.reshape(()), {"shape": []}, x=randn(1, 1))
    case("reshape", lambda x: x.reshape(4, 0), {"shape": [4, 0]}, x=randn(0, 2))
    case("flatten", lambda x: x.flatten(), {"start_dim": 0}, x=randn(2, 3))
    case("flatten", lambda x: x.flatten(-3, -2), {"start_dim": -3, "end_dim": -2}, x=randn(2, 3, 2, 2))
    case("transpose", lambda x: x.transpose(-1, 0), {"dim0": -1, "dim1": 0}, x=randn(2, 3, 4))
    case("permute", lambda x: x.permute(-1, 1, -3), {"dims": [-1, 1, -3]}, x=randn(2, 3, 4))
    case("expand", lambda x: x.expand(2, -1, 3, 4), {"shape": [2, -1, 3, 4]}, x=randn(5, 1, 4))
    case("expand", lambda x: x.expand(0, 3), {"shape": [0, 3]}, x=randn(1, 3))
    case("squeeze", lambda x: x.squeeze(-1), {"dim": -1}, x=randn(2, 3))
    case("squeeze", lambda x: x.squeeze(), {"dim": None}, x=randn(1, 2, 1))
    case("unsqueeze", lambda x: x.unsqueeze(-2), {"dim": -2}, x=randn(2, 3))
    case("narrow", lambda x: x.narrow(-1, 1, 0), {"dim": -1, "start": 1, "len": 0}, x=randn(2, 3))
    case("narrow", lambda x: x.narrow(-2, -2, 2), {"dim": -2, "start": -2, "len": 2}, x=randn(4, 3))
    args = {"slices": [[-4, -1, 2], [None, None, None], [5, 1, 1]]}
    case("slice_step", lambda x: x[-4:-1:2, :, 5:1:1], args, x=randn(5, 2, 6))
    case("cat", lambda a, b, c: torch.cat([a, b, c], -1), {"dim": -1}, a=randn(2, 1), b=randn(2, 0), c=randn(2, 3))
    case("stack", lambda a, b, c: torch.stack([a, b, c], -1), {"dim": -1}, a=randn(2, 1), b=randn(2, 1), c=randn(2, 1))
    case("index_select", lambda x, i: x.index_select(-1, i), {"dim": -1}, x=randn(2, 3), i=torch.tensor([2, 0, 2, 2]))
    case("index_select", lambda x, i: x.index_select(0, i), {"dim": 0}, x=randn(2, 3), i=integers(1, 0))
    case("gather", lambda x, i: x.gather(-2, i), {"dim": -2}, x=randn(3, 2, 4), i=integers(2, 2, 5, 3))
    case("embedding", lambda i, w: F.embedding(i, w), i=integers(4, 2, 3, 2), w=randn(4, 3))
    case("embedding", lambda i, w: F.embedding(i, w, padding_idx=-3), {"padding_idx": -3}, i=integers(4, 6), w=randn(4, 2))
    case("pad2d", lambda x: F.pad(x, (0, 3, 2, 0)), {"pad_lrtb": [0, 3, 2, 0]}, x=randn(1, 2, 1, 1))
    case("pad2d", lambda x: F.pad(x, (1, 0, 0, 2), value=7.5), {"pad_lrtb": [1, 0, 0, 2], "value": 7.5}, x=randn(2, 1, 2, 3))
    for mode in ["reflect", "replicate", "circular"]:
        case("pad2d", lambda x: F.pad(x, (2, 1, 1, 2), mode=mode), {"pad_lrtb": [2, 1, 1, 2], "mode": mode}, x=randn(1, 2, 3, 4))


def products():
    shapes = [
        ((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 1, 2, 3), (4, 3, 2)), ((1, 3, 2), (5, 2, 4)), ((2, 2, 3), (3,)),
        ((3,), (2, 3, 4)), ((2, 0), (0, 3)), ((0, 2), (2, 3)), ((3, 2, 5, 4), (3, 2, 4, 1)), ((1, 1), (1, 1)),
    ]
    for a, b in shapes:
        case("matmul", torch.matmul, a=randn(*a, scale=1e3), b=randn(*b, scale=1e-2))
    case("matmul_tn", lambda a, b: a.mT @ b, a=randn(2, 4, 3), b=randn(4, 2))
    case("matmul_nt", lambda a, b: a @ b.mT, a=randn(3, 4), b=randn(2, 5, 4))
    case("linear", F.linear, x=randn(3), w=randn(2, 3), b=randn(2))
    case("linear", F.linear, x=randn(2, 3, 4), w=randn(5, 4), b=randn(5))
    case("linear", F.linear, x=randn(0, 4), w=randn(2, 4))


def images():
    def convolution(x, w, b=True, **args):
        inputs = {"x": randn(*x), "w": randn(*w)} | ({"b": randn(w[0])} if b else {})
        case("conv2d", lambda x, w, b=None: F.conv2d(x, w, b, **args), args, **inputs)

    convolution((2, 4, 5, 6), (6, 2, 3, 2), groups=2, stride=[2, 1], padding=[1, 0], dilation=[1, 2])
    convolution((1, 3, 4, 4), (3, 1, 3, 3), groups=3, padding=1, b=False)
    convolution((2, 2, 1, 1), (3, 2, 3, 3), padding=1)
    convolution((2, 2, 1, 1), (3, 2, 3, 3), padding=[1, 2], dilation=[1, 2], b=False)
    convolution((1, 2, 7, 5), (2, 2, 2, 3), dilation=[3, 2], stride=[2, 1], padding=[2, 3])
    convolution((3, 2, 1, 1), (4, 2, 1, 1))
    convolution((1, 1, 6, 6), (2, 1, 4, 3), padding="same", stride=1, dilation=1, groups=1)
    convolution((1, 2, 5, 4), (2, 2, 2, 2), padding="valid", stride=2)
    convolution((0, 2, 4, 4), (3, 2, 3, 3), padding=1)
    for x, args in [
        (distinct(2, 2, 5, 6), {"kernel": [3, 2], "stride": [2, 3], "padding": [1, 0]}),
        (distinct(1, 2, 1, 1), {"kernel": 3, "stride": 1, "padding": 1}),
        (distinct(1, 1, 7, 6), {"kernel": 2, "stride": 2, "padding": 0, "dilation": [2, 3]}),
        (distinct(1, 2, 6, 5), {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True}),
        (torch.ones(1, 1, 4, 4), {"kernel": 3, "stride": 1, "padding": 1}),
        (distinct(1, 1, 5, 5), {"kernel": 2, "stride": None, "padding": 0}),
    ]:
        kwargs = {k: v for k, v in args.items() if k != "kernel"}
        case("max_pool2d", lambda x: F.max_pool2d(x, args["kernel"], **kwargs), args, x=x)
    for x, args in [
        (randn(2, 2, 5, 6), {"kernel": [3, 2], "stride": [2, 1], "padding": [1, 0], "count_include_pad": False}),
        (randn(1, 2, 1, 1), {"kernel": 3, "stride": 1, "padding": 1, "count_include_pad": True}),
        (randn(1, 1, 6, 5), {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": True}),
        (randn(1, 1, 6, 5), {"kernel": 3, "stride": 2, "padding": 1, "ceil_mode": True, "count_include_pad": False}),
        (randn(1, 1, 5, 5), {"kernel": 2, "stride": 2, "padding": 0, "divisor_override": 3}),
    ]:
        kwargs = {k: v for k, v in args.items() if k != "kernel"}
        case("avg_pool2d", lambda x: F.avg_pool2d(x, args["kernel"], **kwargs), args, x=x)
    for output in [[2, 3], [5, 1], 3, [None, 2]]:
        case("adaptive_avg_pool2d", lambda x: F.adaptive_avg_pool2d(x, output), {"output": output}, x=randn(1, 2, 5, 7))
        case("adaptive_max_pool2d", lambda x: F.adaptive_max_pool2d(x, output), {"output": output}, x=distinct(1, 2, 5, 7))


def norms():
    for shape in [(4, 3), (2, 3, 5), (2, 2, 1, 2)]:
        c = shape[1]
        for training, momentum, eps in [(True, 0.3, 1e-3), (False, 0.1, 1e-5)]:
            def run(x, w, b, running_mean, running_var):
                mean, var = running_mean.clone(), running_var.clone()
                y = F.batch_norm(x, mean, var, w, b, training, momentum, eps)
                return y, mean, var

            args = {"training": training, "momentum": momentum, "eps": eps, "returns": ["y", "running_mean", "running_var"]}
            case("batch_norm", run, args, ["x", "w", "b"], x=randn(*shape, scale=30) + 5, w=randn(c), b=randn(c),
                 running_mean=randn(c), running_var=uniform(0.5, 2, c))
    args = {"training": True, "momentum": 0.1, "eps": 1e-5, "returns": ["y"]}
    case("batch_norm", lambda x: F.batch_norm(x, None, None, training=True), args, x=randn(5, 2))
    for shape, normalized, eps in [((2, 3, 4), [3, 4], 1e-5), ((3, 5), [5], 1e-2), ((0, 4), [4], 1e-5)]:
        args = {"normalized_shape": normalized, "eps": eps}
        run = lambda x, w=None, b=None: F.layer_norm(x, normalized, w, b, eps)
        case("layer_norm", run, args, x=randn(*shape, scale=1e3), w=randn(*normalized), b=randn(*normalized))
        case("layer_norm", run, args, x=randn(*shape))
    for shape, groups in [((2, 4, 3, 2), 2), ((3, 6, 2), 3), ((1, 3, 2, 2), 1), ((2, 4, 2, 2), 4)]:
        args = {"groups": groups, "eps": 1e-5}
        run = lambda x, w=None, b=None: F.group_norm(x, groups, w, b, 1e-5)
        case("group_norm", run, args, x=randn(*shape), w=randn(shape[1]), b=randn(shape[1]))


def losses():
    hundred = torch.cat([uniform(-100, 100, 3, 4), torch.tensor([[100.0, 99.5, -100.0, 98.0]])])
    for op in ["softmax", "log_softmax"]:
        run = getattr(torch, op)
        for dim, x in [(-1, hundred), (0, hundred), (1, randn(2, 3, 2, scale=50)), (0, randn(0, 2)), (0, torch.tensor([0.0, -float("inf")]))]:
            case(op, lambda x: run(x, dim), {"dim": dim}, x=x)
    for reduction in ["mean", "sum", "none"]:
        args = {"reduction": reduction}
        x, t = randn(4, 3, scale=1e3), randn(4, 3, scale=1e3)
        case("mse_loss", lambda x, t: F.mse_loss(x, t, reduction=reduction), args, ["x"], x=x, t=t)
        case("l1_loss", lambda x, t: F.l1_loss(x, t, reduction=reduction), args, ["x"], x=x, t=t)
        beta = {"reduction": reduction, "beta": 0.5}
        case("smooth_l1_loss", lambda x, t: F.smooth_l1_loss(x, t, reduction=reduction, beta=0.5), beta, ["x"], x=randn(4, 3), t=randn(4, 3))
        case("bce_with_logits", lambda x, t: F.binary_cross_entropy_with_logits(x, t, reduction=reduction), args, ["x"],
             x=hundred, t=uniform(0, 1, 4, 4))
        case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction), args, ["x"], x=hundred, t=integers(4, 4))
        case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction), args, ["x"], x=randn(2, 3, 2, 2), t=integers(3, 2, 2, 2))
        ignore = {"reduction": reduction, "ignore_index": 1, "label_smoothing": 0.2}
        case("cross_entropy", lambda x, t, weight: F.cross_entropy(x, t, weight, ignore_index=1, reduction=reduction, label_smoothing=0.2),
             ignore, ["x"], x=randn(5, 3), t=torch.tensor([0, 1, 2, 1, 0]), weight=uniform(0.5, 2, 3))
        soft = torch.softmax(randn(4, 3), 1)
        case("cross_entropy", lambda x, t: F.cross_entropy(x, t, reduction=reduction), args, ["x"], x=randn(4, 3), t=soft)
        smoothing = {"reduction": reduction, "label_smoothing": 0.3}
        case("cross_entropy_smoothing", lambda x, t: F.cross_entropy(x, t, reduction=reduction, label_smoothing=0.3), smoothing, ["x"],
             x=randn(4, 3), t=integers(3, 4))
        ignore = {"reduction": reduction, "ignore_index": 2}
        case("nll_loss", lambda x, t, weight: F.nll_loss(x, t, weight, reduction=reduction, ignore_index=2), ignore, ["x"],
             x=torch.log_softmax(randn(5, 3), 1), t=torch.tensor([0, 2, 1, 2, 0]), weight=uniform(0.5, 2, 3))
    case("bce_with_logits", lambda x, t, weight, pos_weight: F.binary_cross_entropy_with_logits(x, t, weight, pos_weight=pos_weight),
         None, ["x"], x=randn(4, 3, scale=5), t=uniform(0, 1, 4, 3), weight=uniform(0.5, 2, 3), pos_weight=uniform(0.5, 2, 3))

    def mnist_loss(x, t):
        predictions = x.sigmoid()
        return torch.where(t == 1, 1 - predictions, predictions).mean()

    case("mnist_loss", mnist_loss, None, ["x"], x=randn(6, 1, scale=10), t=integers(2, 6, 1))


def write(folder):
    """A safetensors file is the length of a JSON header, the header, and the tensors one behind the other."""
    header, data = {}, b""
    for name, tensor in tensors.items():
        tensor = tensor if tensor.is_floating_point() else tensor.long()
        raw = tensor.contiguous().numpy().tobytes()
        kind = "F64" if tensor.is_floating_point() else "I64"
        header[name] = {"dtype": kind, "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    (folder / "ops_more.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
    head = {"torch": torch.__version__.split("+")[0], "seed": SEED, "dtype": "float64"}
    lines = ",\n".join("  " + json.dumps(c) for c in cases)
    (folder / "ops_more.json").write_text(json.dumps(head)[:-1] + ', "cases": [\n' + lines + "\n]}\n")


for group in [elementwise, reductions, views, products, images, norms, losses]:
    group()
write(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).parent)
print(f"{len(cases)} cases of {len({c['op'] for c in cases})} operations")
