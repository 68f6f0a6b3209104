"""What red, green and blue weigh in grey. Torch-free: decode workers use it, too."""

from __future__ import annotations

LUMINANCE = (0.2125, 0.7154, 0.0721)  # ITU-R BT.709, of pixels as they are, as scikit-image's rgb2gray has it
LUMA = (0.299, 0.587, 0.114)  # ITU-R BT.601, as OpenCV and Pillow have grey
