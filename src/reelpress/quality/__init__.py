"""How much two videos differ, by numbers: PSNR, SSIM, XPSNR, text at rest, sound against picture, colour tags."""
