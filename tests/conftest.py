"""Settings of the whole test run: one thread a worker, so that workers do not fight for cores."""

from __future__ import annotations

import torch
from hypothesis import settings

torch.set_num_threads(1)
settings.register_profile("house", deadline=None, max_examples=50, derandomize=True)
settings.load_profile("house")
