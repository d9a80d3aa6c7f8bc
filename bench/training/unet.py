"""The U-Net of packages/training (instance norm) in PyTorch, started from the same distribution."""
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


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
    def __init__(self, classes, width=16, levels=5, inputs=1):
        super().__init__()
        channels = [width * 2**level for level in range(levels)]
        self.down = nn.ModuleList(DoubleConvolution(i, o) for i, o in zip([inputs] + channels, channels))
        pairs = list(zip(channels[:-1], channels[1:]))[::-1]
        self.up = nn.ModuleList(nn.ConvTranspose2d(high, low, 2, stride=2) for low, high in pairs)
        self.join = nn.ModuleList(DoubleConvolution(2 * low, low) for low, _ in pairs)
        self.head = nn.Conv2d(width, classes, 1)
        for module in self.modules():
            # He normal by what one output element sums over: of the transposed 2 x 2 kernel, one tap of every channel.
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, std=math.sqrt(2 / module.weight[0].numel()))
            elif isinstance(module, nn.ConvTranspose2d):
                nn.init.normal_(module.weight, std=math.sqrt(2 / module.in_channels))
            if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)) and module.bias is not None:
                nn.init.zeros_(module.bias)

    def forward(self, x):
        skips = []
        for level, down in enumerate(self.down):
            x = down(F.max_pool2d(x, 2) if level else x)
            skips.append(x)
        for up, join, skip in zip(self.up, self.join, skips[-2::-1]):
            x = join(torch.cat([skip, up(x)], 1))
        return self.head(x)

    def ordered_parameters(self):
        """In the order of the flat vector of packages/training: the order of use."""
        ordered = [parameter for down in self.down for parameter in down.parameters()]
        for up, join in zip(self.up, self.join):
            ordered += [*up.parameters(), *join.parameters()]
        return ordered + list(self.head.parameters())
