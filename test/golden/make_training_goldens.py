"""Gradients and optimiser steps by PyTorch in float64, as references for packages/training.

    apt-get install python3-torch    (or pip install torch; written with 1.13)
    python3 test/golden/make_training_goldens.py

Inputs are not stored: both sides make them by the same linear congruential generator (see `draw`), rounded to float32.
Writes test/golden/training/expected.json.
"""

import base64
import json
import math
import pathlib

import numpy as np
import torch
import torch.nn.functional as F


def draw(seed, shape):
    """Uniform in [-1, 1): state = 1664525 * state + 1013904223 mod 2^32, value = state / 2^31 - 1, as float32."""
    count = math.prod(shape)
    values = np.empty(count, np.float64)
    state = seed
    for index in range(count):
        state = (1664525 * state + 1013904223) % 2**32
        values[index] = state / 2**31 - 1
    return torch.from_numpy(values.astype(np.float32).astype(np.float64).reshape(shape))


def binary(seed, shape):
    return (draw(seed, shape) > 0.2).double()


IMAGES = (2, 3, 8, 6)
TARGET = binary(101, IMAGES)
WEIGHTS = binary(102, (2, 1, 8, 6))
POSITIVE = torch.tensor([1.0, 7.0, 20.0]).double().reshape(1, 3, 1, 1)
CHOICE = F.one_hot(draw(103, IMAGES).argmax(1), 3).permute(0, 3, 1, 2).double()
CLASSES = torch.softmax(draw(103, IMAGES), 1).float().double()


def bce(z, positive=None, weights=None):
    loss = F.binary_cross_entropy_with_logits(z, TARGET, pos_weight=positive, reduction="none")
    if weights is None:
        return loss.mean()
    return (loss * weights).sum() / (weights.expand_as(loss).sum() + 1e-8)


def dice(p, squared, axes, smooth=1.0):
    mass = (lambda v: (v * v).sum(axes)) if squared else (lambda v: v.sum(axes))
    return 1 - ((2 * (p * TARGET).sum(axes) + smooth) / (mass(p) + mass(TARGET) + smooth)).mean()


def cross_entropy(z, weights):
    loss = -(CLASSES * torch.log_softmax(z, 1)).sum(1, keepdim=True)
    return (loss * weights).sum() / (weights.sum() + 1e-8)


def ce_dice(z, target, weights=None):
    """Half of (cross-entropy + soft Dice over all channels and the batch, squared sums below)."""
    m = torch.ones_like(z[:, :1]) if weights is None else weights
    ce = -(target * torch.log_softmax(z, 1)).sum(1, keepdim=True)
    p, axes = torch.softmax(z, 1), (0, 2, 3)
    overlap, mass = (p * target * m).sum(axes), (p * p * m).sum(axes) + (target * target * m).sum(axes)
    ratio = (2 * overlap + 1e-5) / (mass + 1e-5)
    return 0.5 * ((ce * m).sum() / (m.sum() + 1e-8) + 1 - ratio.mean())


def mask(index, shape, probability):
    """Inverted dropout's mask number `index` of a graph."""
    return binary(300 + index, shape) / (1 - probability)


def entropy(z, softmax, weights=None):
    if softmax:
        values = -(torch.softmax(z, 1) * torch.log_softmax(z, 1)).sum(1, keepdim=True)
    else:
        p = torch.sigmoid(z)
        values = -(p * F.logsigmoid(z) + (1 - p) * F.logsigmoid(-z))
    if weights is None:
        return values.mean()
    return (values * weights).sum() / (weights.expand_as(values).sum() + 1e-8)


def upsample(x, factor):
    return F.interpolate(x, scale_factor=factor, mode="bilinear", align_corners=False)


CASES = {
    "convolution3x3": ([(2, 3, 8, 6), (5, 3, 3, 3)], lambda x, w: F.conv2d(x, w, padding=1)),
    "stridedConvolution": (
        [(2, 3, 8, 7), (5, 3, 3, 3), (5,)],
        lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
    ),
    "convolution1x1": ([(2, 3, 8, 6), (5, 3, 1, 1), (5,)], lambda x, w, b: F.conv2d(x, w, b)),
    "transposedConvolution": (
        [(2, 3, 4, 5), (3, 4, 2, 2), (4,)],
        lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2),
    ),
    "instanceNorm": ([IMAGES, (3,), (3,)], lambda x, g, b: F.instance_norm(x, weight=g, bias=b, eps=1e-5)),
    "batchNorm": ([IMAGES, (3,), (3,)], lambda x, g, b: F.batch_norm(x, None, None, g, b, training=True, eps=1e-5)),
    "leakyRelu": ([IMAGES], lambda x: F.leaky_relu(x, 0.01)),
    "maxPool": ([IMAGES], lambda x: F.max_pool2d(x, 2)),
    "sigmoid": ([IMAGES], torch.sigmoid),
    "softmax": ([IMAGES], lambda x: torch.softmax(x, 1)),
    "binaryCrossEntropy": ([IMAGES], bce),
    "weightedBinaryCrossEntropy": ([IMAGES], lambda z: bce(z, POSITIVE, WEIGHTS)),
    "dicePlainOverImage": ([IMAGES], lambda z: dice(torch.sigmoid(z), False, (2, 3))),
    "dicePlainOverBatch": ([IMAGES], lambda z: dice(torch.sigmoid(z), False, (0, 2, 3))),
    "diceSquaredOverImage": ([IMAGES], lambda z: dice(torch.sigmoid(z), True, (2, 3))),
    "diceSquaredOverBatch": ([IMAGES], lambda z: dice(torch.sigmoid(z), True, (0, 2, 3))),
    "crossEntropy": ([IMAGES], lambda z: cross_entropy(z, WEIGHTS)),
    "bilinearUpsample2": ([(2, 3, 5, 4)], lambda x: upsample(x, 2)),
    "bilinearUpsample3": ([(1, 2, 3, 4)], lambda x: upsample(x, 3)),
    "sigmoidEntropy": ([IMAGES], lambda z: entropy(z, False, WEIGHTS)),
    "softmaxEntropy": ([IMAGES], lambda z: entropy(z, True)),
    "meanSquaredError": ([IMAGES, IMAGES], F.mse_loss),
    "dropout": ([IMAGES], lambda x: x * mask(0, IMAGES, 0.3)),
    "concatenateChannels": ([IMAGES, (2, 2, 8, 6)], lambda a, b: torch.cat([a, b], 1)),
    "matrixProduct": ([(2, 3, 4, 5), (3, 5, 6)], torch.matmul),
    "ceDice": ([IMAGES], lambda z: ce_dice(z, CHOICE, WEIGHTS)),
}


def encode(values):
    flat = np.concatenate([np.asarray(v, np.float64).ravel() for v in values])
    return base64.b64encode(flat.astype("<f8").tobytes()).decode()


def gradient_case(shapes, function):
    inputs = [draw(seed + 1, shape).requires_grad_() for seed, shape in enumerate(shapes)]
    output = function(*inputs)
    (output * draw(50, tuple(output.shape))).sum().backward()
    return {"shapes": shapes, "output": encode([output.detach()]), "gradients": encode([x.grad for x in inputs])}


def unet_case(width=4, levels=3, size=64, batch=2, classes=2):
    """The U-Net of methods.md 1.3 under BCE + soft Dice, parameters in the order in which packages/training lists them."""
    channels = [width * 2**level for level in range(levels)]
    shapes = []

    def double(inputs, outputs):
        for c in (inputs, outputs):
            shapes.extend([(outputs, c, 3, 3), (outputs,), (outputs,)])

    for level, c in enumerate(channels):
        double(1 if level == 0 else channels[level - 1], c)
    for level in reversed(range(levels - 1)):
        shapes.extend([(channels[level + 1], channels[level], 2, 2), (channels[level],)])
        double(2 * channels[level], channels[level])
    shapes.extend([(classes, width, 1, 1), (classes,)])

    parameters = [(0.5 * draw(200 + i, shape)).float().double().requires_grad_() for i, shape in enumerate(shapes)]
    take = iter(parameters)

    def apply_double(x):
        for _ in range(2):
            weight, gamma, beta = next(take), next(take), next(take)
            x = F.conv2d(x, weight, padding=1)
            x = F.leaky_relu(F.instance_norm(x, weight=gamma, bias=beta, eps=1e-5), 0.01)
        return x

    x = draw(1, (batch, 1, size, size))
    skips = []
    for level in range(levels):
        x = apply_double(F.max_pool2d(x, 2) if level else x)
        skips.append(x)
    for level in reversed(range(levels - 1)):
        weight, bias = next(take), next(take)
        x = apply_double(torch.cat([skips[level], F.conv_transpose2d(x, weight, bias, stride=2)], 1))
    logits = F.conv2d(x, next(take), next(take))

    target = binary(2, tuple(logits.shape))
    p = torch.sigmoid(logits)
    axes = (0, 2, 3)
    loss = F.binary_cross_entropy_with_logits(logits, target)
    loss = loss + 1 - ((2 * (p * target).sum(axes) + 1) / (p.sum(axes) + target.sum(axes) + 1)).mean()
    loss.backward()
    return {
        "width": width,
        "levels": levels,
        "size": size,
        "batch": batch,
        "classes": classes,
        "loss": float(loss),
        "gradient": encode([parameter.grad for parameter in parameters]),
    }


def ssl4mis_case(width=4, levels=3, size=32, batch=2, classes=3):
    """The U-Net of methods.md 3.3 with batch statistics and dropout under half of (cross-entropy + Dice)."""
    channels = [width * 2**level for level in range(levels)]
    probabilities = [0.05, 0.1, 0.2]
    shapes = []

    def double(inputs, outputs):
        for c in (inputs, outputs):
            shapes.extend([(outputs, c, 3, 3), (outputs,), (outputs,), (outputs,)])

    for level, c in enumerate(channels):
        double(1 if level == 0 else channels[level - 1], c)
    for level in reversed(range(levels - 1)):
        shapes.extend([(channels[level + 1], channels[level], 2, 2), (channels[level],)])
        double(2 * channels[level], channels[level])
    shapes.extend([(classes, width, 3, 3), (classes,)])

    parameters = [(0.5 * draw(200 + i, shape)).float().double().requires_grad_() for i, shape in enumerate(shapes)]
    take = iter(parameters)

    def apply_double(x, level=None):
        for half in range(2):
            weight, bias, gamma, beta = next(take), next(take), next(take), next(take)
            x = F.conv2d(x, weight, bias, padding=1)
            x = F.leaky_relu(F.batch_norm(x, None, None, gamma, beta, training=True, eps=1e-5), 0.01)
            if half == 0 and level is not None:
                x = x * mask(level, tuple(x.shape), probabilities[level])
        return x

    x = draw(1, (batch, 1, size, size))
    skips = []
    for level in range(levels):
        x = apply_double(F.max_pool2d(x, 2) if level else x, level)
        skips.append(x)
    for level in reversed(range(levels - 1)):
        weight, bias = next(take), next(take)
        x = apply_double(torch.cat([skips[level], F.conv_transpose2d(x, weight, bias, stride=2)], 1))
    logits = F.conv2d(x, next(take), next(take), padding=1)

    target = F.one_hot(draw(2, tuple(logits.shape)).argmax(1), classes).permute(0, 3, 1, 2).double()
    loss = ce_dice(logits, target)
    loss.backward()
    return {
        "width": width,
        "levels": levels,
        "size": size,
        "batch": batch,
        "classes": classes,
        "loss": float(loss),
        "gradient": encode([parameter.grad for parameter in parameters]),
    }


def optimiser_case(make, steps=4, length=12, clip=None):
    parameters = draw(1, (length,)).requires_grad_()
    optimiser = make([parameters])
    for step in range(steps):
        parameters.grad = draw(10 + step, (length,)).clone()
        if clip:
            torch.nn.utils.clip_grad_norm_([parameters], clip)
        optimiser.step()
    return {"steps": steps, "length": length, "parameters": encode([parameters.detach()])}


expected = {
    "torch": torch.__version__,
    "gradients": {name: gradient_case(*case) for name, case in CASES.items()},
    "unet": unet_case(),
    "ssl4misUnet": ssl4mis_case(),
    "optimisers": {
        "adamw": optimiser_case(lambda p: torch.optim.AdamW(p, lr=0.01, weight_decay=0.1)),
        "sgd": optimiser_case(lambda p: torch.optim.SGD(p, lr=0.01, momentum=0.9, weight_decay=1e-2)),
        "clippedSgd": optimiser_case(lambda p: torch.optim.SGD(p, lr=0.1, momentum=0, weight_decay=0), clip=0.5),
    },
}
path = pathlib.Path(__file__).parent / "training" / "expected.json"
path.write_text(json.dumps(expected, indent=1) + "\n")
print(path, path.stat().st_size, "bytes")
