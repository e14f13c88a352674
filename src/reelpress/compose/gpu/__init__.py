"""The compositor on the GPU: one device, one pass over YUV planes, NV12 before read-back."""
