"""The transforms of images: arguments and the size of the result. `netspec.train.transforms` carries them out."""
