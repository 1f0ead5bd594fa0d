"""The residual block of the convolutional networks that ship.

Axis legend: B batch, C channels, H and W squares of the board or the maze.
"""

from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """Two 3 by 3 convolutions, each after a ReLU, added to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.relu_0 = nn.ReLU()
        self.convolution_0 = nn.Conv2d(channels, channels, 3, padding=1)
        self.relu_1 = nn.ReLU()
        self.convolution_1 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """`[B, C, H, W]` to the same shape."""
        return inputs + self.convolution_1(self.relu_1(self.convolution_0(self.relu_0(inputs))))
