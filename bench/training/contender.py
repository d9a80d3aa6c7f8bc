"""The other side of bench/train.ts: the same network, loss and optimiser in PyTorch."""
import argparse
import resource
import sys
import time

import torch
import torch.nn.functional as F
from unet import UNet

options = argparse.ArgumentParser()
for name in ("size", "batch", "threads"):
    options.add_argument(f"--{name}", type=int)
options = options.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(1)

network = UNet(classes=3)
optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0)
image = torch.randn(options.batch, 1, options.size, options.size)
target = (torch.rand(options.batch, 3, options.size, options.size) < 0.3).float()
for _ in sys.stdin:
    started = time.perf_counter()
    optimiser.zero_grad()
    loss = F.binary_cross_entropy_with_logits(network(image), target)
    loss.backward()
    optimiser.step()
    value = float(loss.detach())
    milliseconds = (time.perf_counter() - started) * 1000
    print(milliseconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, value, flush=True)
