"""The other side of bench/train.ts: the same network, loss and optimiser in PyTorch."""
import argparse
import resource
import sys
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

options = argparse.ArgumentParser()
for name in ("size", "batch", "threads"):
    options.add_argument(f"--{name}", type=int)
options = options.parse_args()
torch.set_num_threads(options.threads)
torch.manual_seed(1)


class DoubleConvolution(nn.Sequential):
    def __init__(self, inputs, outputs):
        layers = []
        for channels in (inputs, outputs):
            layers += [
                nn.Conv2d(channels, outputs, 3, padding=1, bias=False),
                nn.InstanceNorm2d(outputs, affine=True),
                nn.LeakyReLU(0.01),
            ]
        super().__init__(*layers)


class UNet(nn.Module):
    def __init__(self, classes=3, width=16, levels=5):
        super().__init__()
        channels = [width * 2**level for level in range(levels)]
        self.down = nn.ModuleList(DoubleConvolution(i, o) for i, o in zip([1] + channels, channels))
        pairs = list(zip(channels[:-1], channels[1:]))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(high, low, 2, stride=2) for low, high in pairs)
        self.join = nn.ModuleList(DoubleConvolution(2 * low, low) for low, _ in pairs)
        self.head = nn.Conv2d(width, classes, 1)

    def forward(self, x):
        skips = []
        for level, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1]):
            x = join(torch.cat([skip, up(x)], 1))
        return self.head(x)


network = UNet()
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
