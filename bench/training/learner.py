"""The other side of bench/training/learning.ts: trains on the batches of a file, and writes the parameters to another.

A record of the batches is, in float32: the learning rate, the images, the targets.
"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from unet import UNet

options = argparse.ArgumentParser()
for name in ("seed", "threads", "steps", "batch", "rows", "columns", "width", "levels", "classes"):
    options.add_argument(f"--{name}", type=int)
options.add_argument("--batches")
options.add_argument("--out")
options = options.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)

network = UNet(options.classes, options.width, options.levels)
optimiser = torch.optim.AdamW(network.parameters(), weight_decay=0)
image_shape = (options.batch, 1, options.rows, options.columns)
target_shape = (options.batch, options.classes, options.rows, options.columns)
records = np.fromfile(options.batches, np.float32).reshape(options.steps, -1)
for record in records:
    rate, image, target = np.split(record, [1, 1 + int(np.prod(image_shape))])
    image = torch.from_numpy(image.reshape(image_shape).copy())
    target = torch.from_numpy(target.reshape(target_shape).copy())
    for group in optimiser.param_groups:
        group["lr"] = float(rate[0])
    optimiser.zero_grad()
    logits = network(image)
    p = torch.sigmoid(logits)
    axes = (0, 2, 3)
    dice = (2 * (p * target).sum(axes) + 1) / (p.sum(axes) + target.sum(axes) + 1)
    loss = F.binary_cross_entropy_with_logits(logits, target) + 1 - dice.mean()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimiser.step()
values = [parameter.detach().numpy().ravel() for parameter in network.ordered_parameters()]
np.concatenate(values).astype("<f4").tofile(options.out)
