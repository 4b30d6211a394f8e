"""Stylization on the fly, as a torchvision transform: `from nst_core.transforms import Stylize`."""

from nst_core.transforms.stylize import Stylize as Stylize
