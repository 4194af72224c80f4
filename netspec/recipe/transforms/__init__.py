"""The transforms of images: arguments and the size of the result. `netspec.trainer.transforms` carries them out."""
