"""Use a trained run: open it, evaluate it on its data, predict the classes of images."""
