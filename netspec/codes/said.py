"""What other tools say, and people ask, where netspec would report a code: `netspec explain` finds by it.

Messages are PyTorch's, Keras's, PyYAML's and Python's own, shortened, without the numbers of one case.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from netspec.diagnostics import Code


class Said(NamedTuple):
    """What is said elsewhere of what a code means."""

    messages: tuple[str, ...] = ()
    """Of other tools, as they print them."""
    asked: tuple[str, ...] = ()
    """Of people, in their words."""


SAID: Final[dict[Code, Said]] = {
    # of the text
    "empty-file": Said(
        ("'NoneType' object is not subscriptable",),
        ("the file is empty", "nothing in the file"),
    ),
    "yaml-syntax": Said(
        (
            "mapping values are not allowed here",
            "could not find expected ':'",
            "did not find expected key",
            "while parsing a block mapping, expected <block end>, but found",
            "while parsing a flow mapping, expected ',' or '}'",
            "found character '\\t' that cannot start any token",
            "found unexpected end of stream",
        ),
        ("wrong indentation", "a tab in YAML", "bracket or brace not closed", "missing dash", "invalid YAML"),
    ),
    "not-utf8": Said(
        ("UnicodeDecodeError: 'utf-8' codec can't decode byte: invalid start byte",), ("encoding of the file",)
    ),
    "yaml-tag": Said(("could not determine a constructor for the tag",), ("python/object in YAML",)),
    "yaml-merge-key": Said((), ("merge two mappings with << and an anchor", "reuse a mapping with <<")),
    "several-documents": Said(
        ("expected a single document in the stream",), ("three dashes in a file", "several networks in one file")
    ),
    "duplicate-key": Said(("found duplicate key",), ("the same key twice", "the later value wins in silence")),
    "undefined-alias": Said(("found undefined alias",), ("a star in front of a name", "anchor not found")),
    "too-deep": Said((), ("nested too deep",)),
    "too-many-aliases": Said((), ("billion laughs",)),
    "control-character": Said(
        ("unacceptable character: special characters are not allowed",),
        ("invisible character", "no-break space pasted from a web page", "zero width space"),
    ),
    "flow-split": Said((), ("comma inside parentheses in braces", "a tuple as kernel_size (3, 5)")),
    "comment-in-expression": Said((), ("a # cuts the line off",)),
    # of the language
    "not-a-spec": Said(
        ("list indices must be integers or slices, not str", "'list' object has no attribute 'get'"),
        ("the file is a list", "paste Python code, class Net(nn.Module)"),
    ),
    "unknown-key": Said(
        ("Additional properties are not allowed", "extra fields not permitted", "unexpected key in config"),
        ("backbone and head in place of layers", "misspelt key at the top", "key is not known"),
    ),
    "missing-key": Said(
        ("is a required property", "field required", "KeyError"), ("no input", "no layers", "key is missing")
    ),
    "language-version": Said((), ("which version of the language",)),
    "name-taken": Said((), ("name is reserved", "name already used", "variable named like a function")),
    "duplicate-name": Said(("attribute already exists",), ("two modules with the same name",)),
    "bad-name": Said(
        ('module name can\'t contain "."', "module name can't be empty string"), ("not a valid identifier",)
    ),
    "unknown-layer": Said(
        (
            "module 'torch.nn' has no attribute",
            "Unknown layer. Please ensure you are using a keras.utils.custom_object_scope",
            "KeyError: is not in the models registry",
        ),
        ("custom layer", "misspelt layer", "my own layer is not found", "layer does not exist"),
    ),
    "layer-not-offered": Said((), ("why is there no MultiheadAttention", "torch layer that is missing")),
    "two-heads": Said((), ("two layers in one item",)),
    "option-as-argument": Said((), ("name inside the arguments of a layer", "as or name among the arguments")),
    "unknown-option": Said((), ("bias beside the layer", "argument level with its layer", "from: -1, skip connection")),
    "scalar-argument": Said((), ("a bare number behind the layer",)),
    "list-argument": Said((), ("arguments in a list", "positional arguments in torch's order, Conv2d: [1, 6, 5]")),
    "unknown-argument": Said(
        (
            "__init__() got an unexpected keyword argument",
            "Unrecognized keyword arguments passed to Dense",
            "Keyword argument not understood",
        ),
        ("filters, units, activation, return_sequences from Keras", "misspelt argument"),
    ),
    "omitted-argument": Said((), ("device and dtype of a layer", "batch_first")),
    "missing-argument": Said(
        ("__init__() missing 1 required positional argument",), ("kernel_size was left out", "required argument")
    ),
    "too-many-arguments": Said(("takes from 3 to 4 positional arguments but 5 were given",), ()),
    "quoted-value": Said((), ("a number in quotes", "string instead of int")),
    "endless-block": Said(("maximum recursion depth exceeded",), ("a block calls itself", "infinite recursion")),
    "too-many-layers": Said((), ("too many repeats", "network too large")),
    "unknown-name": Said(
        ("NameError: name is not defined",),
        ("misspelt variable", "variable is not known", "undefined name", "typo in a name"),
    ),
    "expression-syntax": Said(("SyntaxError: invalid syntax",), ("${width}", "dollar sign in front of a variable")),
    "expression-forbidden": Said(
        ("'Tensor' object has no attribute",), ("torch.cat in an expression", "call a method in a spec", "import, eval")
    ),
    "expression-type": Said(
        ("unsupported operand type(s) for +: 'int' and 'str'", "can't multiply sequence by non-int"), ()
    ),
    "expression-value": Said(("list index out of range", "math domain error"), ()),
    "division-by-zero": Said(("ZeroDivisionError: integer division or modulo by zero",), ()),
    "unknown-function": Said((), ("softmax in an expression", "which functions may an expression use")),
    "branch-mismatch": Said(
        (
            "Sizes of tensors must match except in dimension 1. Expected size but got size for tensor number 1",
            "The size of tensor a must match the size of tensor b at non-singleton dimension",
            "A `Concatenate` layer requires inputs with matching shapes except for the concatenation axis",
            "Inputs have incompatible shapes. Received shapes",
            "stack expects each tensor to be equal size",
        ),
        (
            "U-Net skip connection, concat one off",
            "residual shortcut does not fit",
            "skip connection has another size",
            "add two branches of different shapes",
            "input must be divisible by 32",
            "torch.cat dimension",
        ),
    ),
    "inplace-in-branch": Said(
        ("one of the variables needed for gradient computation has been modified by an inplace operation",),
        ("ReLU inplace=True", "in-place operation overwrites the skip"),
    ),
    "split-mismatch": Said((), ("channel split does not divide", "chunk into equal parts for the branches")),
    "symbols-conflict": Said((), ("no input size fits", "which image size fits all layers")),
    "unknown-initializer": Said(("module 'torch.nn.init' has no attribute",), ("xavier, kaiming, he initialisation",)),
    "init-axes": Said(
        ("Fan in and fan out can not be computed for tensor with fewer than 2 dimensions",), ("xavier on a bias",)
    ),
    "unused-block": Said((), ("dead code", "block is never called")),
    "unused-variable": Said((), ("variable is not used", "variable has no effect", "override without effect")),
    # of named values
    "value-kind": Said(
        (
            "'tuple' object has no attribute 'size'",
            "linear(): argument 'input' must be Tensor, not tuple",
            "not enough values to unpack",
            "too many values to unpack",
        ),
        ("LSTM returns a tuple", "output and hidden state of a recurrent layer"),
    ),
    "value-mismatch": Said(("operands could not be broadcast together with shapes",), ("broadcasting two values",)),
    "unused-value": Said((), ("input is never used", "named value that nobody reads", "hidden state is ignored")),
    "constant-value": Said((), ("parameter without a batch axis", "positional embedding parameter as an input")),
    # of shared modules and parameters
    "shared-differs": Said((), ("weight sharing", "siamese network, the same layer twice")),
    "shared-once": Said((), ("shared layer used once",)),
    "tie-mismatch": Said((), ("tied weights of embedding and output layer", "weight tying")),
    "unknown-parameter": Said((), ("tie to a parameter that is not there", "key of the state_dict")),
    # of the layers
    "invalid-argument": Said(
        (
            "non-positive stride is not supported",
            "dropout probability has to be between 0 and 1, but got",
            "pad should be at most half of effective kernel size",
            "padding='same' is not supported for strided convolutions",
            "out_channels must be divisible by groups",
            "align_corners option can only be set with the interpolating modes",
        ),
        (
            "value out of range",
            "same padding with a stride",
            "half pixel, align_corners of an upsampling",
            "negative kernel size",
            "stride 0",
            "wrong type of a value",
            "dropout 50 percent",
        ),
    ),
    "width-mismatch": Said(
        (
            "mat1 and mat2 shapes cannot be multiplied",
            "size mismatch, m1: m2:",
            "Given groups=1, weight of size, expected input to have 3 channels, but got 1 channels instead",
            "running_mean should contain elements not",
            "input.size(-1) must be equal to input_size. Expected, got",
            "Given normalized_shape, expected input with shape, but got input of size",
            "expected axis -1 of input shape to have value, but received input with shape",
            "Matrix size-incompatible: In[0], In[1]",
        ),
        (
            "why is my linear wrong",
            "in_features of the first linear layer behind flatten",
            "how many features come out of the convolutions",
            "forgot to flatten",
            "wrong flatten size",
            "channels last, NHWC, height width channels",
            "Conv2d expects 3 channels, but got 4",
            "grayscale image into a network for RGB",
            "wrong number of channels",
            "number of input channels",
            "fully connected layer has the wrong input size",
        ),
    ),
    "shape-mismatch": Said(
        (
            "Calculated padded input size per channel. Kernel size can't be greater than actual input size",
            "Given input size, calculated output size. Output size is too small",
            "Negative dimension size caused by subtracting 3 from 1",
            "Computed output size would be negative",
            "in_channels must be divisible by groups",
            "num_channels must be divisible by num_groups",
            "embed_dim must be divisible by num_heads",
            "The hidden size is not a multiple of the number of attention heads",
            "shape is invalid for input of size",
            "Provided sizes don't multiply up to the size of dim in the input tensor",
            "Padding size should be less than the corresponding input dimension",
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of upscale_factor",
            "split_with_sizes expects split_sizes to sum exactly to",
        ),
        (
            "image too small for the network",
            "kernel larger than the map",
            "too many pooling layers",
            "attention heads do not divide the embedding",
            "groups of a depthwise convolution",
            "reshape, view to another size",
            "group norm groups",
        ),
    ),
    "wrong-rank": Said(
        (
            "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size",
            "expected 4D input (got 2D input)",
            "expected 2D or 3D input (got 4D input)",
            "Input 0 of layer is incompatible with the layer: expected ndim=4, found ndim=3",
            "expected min_ndim=4, found ndim=2. Full shape received",
            "Dimension out of range (expected to be in range of [-2, 1], but got 2)",
            "RNN: Expected input to be 2D or 3D, got 4D instead",
        ),
        (
            "how many dimensions does the input have",
            "batch size in the input shape",
            "missing channel axis",
            "BatchNorm1d or BatchNorm2d",
            "number of axes, unsqueeze",
        ),
    ),
    "batch-axis": Said(
        (), ("dim 0 is the batch", "softmax over dim 0", "flatten start_dim 0", "mix examples of a batch")
    ),
    "wrong-dtype": Said(
        (
            "expected scalar type Float but found Long",
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: Long, Int",
            "mat1 and mat2 must have the same dtype",
            "Input type (torch.cuda.ByteTensor) and weight type should be the same",
        ),
        (
            "token ids into a linear layer",
            "floats into an embedding",
            "integer input, cast to float",
            "dtype of the input",
        ),
    ),
    "needs-number": Said(
        ("The last dimension of the inputs to a Dense layer should be defined. Found None",),
        ("dynamic size, variable input size", "symbolic size where a number is needed"),
    ),
    "needs-batch-2": Said(
        ("Expected more than 1 value per channel when training, got input size",), ("batch norm over a single value",)
    ),
    # of the recipe
    "unknown-data-set": Said(("module 'torchvision.datasets' has no attribute",), ("my own data", "custom dataset")),
    "unknown-transform": Said(
        ("module 'torchvision.transforms' has no attribute",), ("ToTensor", "augmentation that is not known")
    ),
    "unknown-optimizer": Said(
        ("module 'torch.optim' has no attribute", "Unknown optimizer"), ("adam in small letters",)
    ),
    "unknown-scheduler": Said(
        ("module 'torch.optim.lr_scheduler' has no attribute",), ("learning rate schedule, warm-up, decay",)
    ),
    "unknown-loss": Said(
        ("Unknown loss function",), ("categorical_crossentropy, sparse_categorical_crossentropy", "criterion")
    ),
    "unknown-metric": Said(
        ("module 'torchmetrics' has no attribute",), ("IoU, Dice, mAP, top-5 under another name", "AUC, RMSE, MAE")
    ),
    "metric-mismatch": Said(
        ("Expected both `target` to have the same shape as `preds`",), ("a metric of values for a net of classes",)
    ),
    "data-mismatch": Said(
        (),
        (
            "images of the data set have another size than the input",
            "colour images for a gray network",
            "resize the data",
        ),
    ),
    "classes-mismatch": Said(
        (
            "Target 10 is out of bounds",
            "CUDA error: device-side assert triggered",
            "Assertion `t >= 0 && t < n_classes` failed",
        ),
        ("number of classes", "last layer gives too few classes", "output units do not match the labels"),
    ),
    "loss-mismatch": Said(
        (
            "Expected target size, got",
            "Using a target size that is different to the input size",
            "Target size must be the same as input size",
            "0D or 1D target tensor expected, multi-target not supported",
            "all elements of input should be between 0 and 1",
            "expected scalar type Long but found Float",
            "logits and labels must have the same shape",
        ),
        (
            "one-hot labels with cross entropy",
            "MSE for a classification",
            "softmax before cross entropy",
            "loss wants logits",
        ),
    ),
    "transform-mismatch": Said(
        (), ("mean and std of normalize", "normalisation for three channels", "crop larger than the image")
    ),
    "recipe-conflict": Said((), ("two keys that exclude each other", "early stopping without validation")),
    "batch-of-one": Said(
        ("Expected more than 1 value per channel when training",), ("batch size 1 with batch norm", "drop_last")
    ),
    "unknown-output": Said((), ("output of that name", "loss of several outputs")),
    "unread-output": Said((), ("output without a loss", "auxiliary head is not trained")),
    # of what the spec expects
    "expectation-unmet": Said((), ("parameter budget", "too many parameters", "model size limit", "memory budget")),
    # of a command's work
    "wrong-usage": Said(("No such option", "No such file or directory"), ("command line", "wrong option")),
    "bad-plugin": Said(("ModuleNotFoundError of a plugin",), ("layers of my own in a plugin",)),
    "plugin-failed": Said((), ("my plugin's layer raises",)),
    "weights-mismatch": Said(
        (
            "Error(s) in loading state_dict: size mismatch, copying a param with shape from checkpoint",
            "Missing key(s) in state_dict",
            "Unexpected key(s) in state_dict",
        ),
        ("load pretrained weights", "transfer learning"),
    ),
    "missing-extra": Said(
        (
            "No module named 'torch'",
            "failed to execute 'dot', make sure the Graphviz executables are on your systems' PATH",
        ),
        ("install an optional part", "graphviz not found"),
    ),
    "not-finite": Said(
        ("Function returned nan values in its 0th output",),
        ("loss is nan", "loss becomes inf, goes to infinity", "exploding gradients", "training diverges"),
    ),
    "callback-failed": Said((), ("my callback raises", "error in a callback")),
    "resource-failed": Said(
        (
            "No space left on device",
            "Dataset not found or corrupted. You can use download=True to download it",
            "DataLoader worker is killed by signal: Bus error. Workers are out of shared memory (shm)",
        ),
        ("disk is full", "download failed"),
    ),
    "out-of-memory": Said(
        (
            "CUDA out of memory. Tried to allocate",
            "DefaultCPUAllocator: can't allocate memory",
            "ResourceExhaustedError: OOM when allocating tensor with shape",
        ),
        ("not enough GPU memory", "OOM", "batch is too large for the memory"),
    ),
    "damaged-checkpoint": Said(
        ("PytorchStreamReader failed reading zip archive: failed finding central directory", "invalid load key"),
        ("checkpoint is corrupt",),
    ),
    "does-not-fit": Said((), ("will it fit into the memory of my GPU", "memory estimate")),
    "own-defect": Said((), ("bug in netspec", "internal error, traceback")),
    "run-interrupted": Said(("KeyboardInterrupt",), ("continue a run, resume training", "stopped by Ctrl-C, SIGTERM")),
}
"""By code; a code of which nothing is said elsewhere has no entry."""

ASKED: Final = {
    "Upsample": ("half pixel", "align_corners", "interpolate, resize a map", "nearest or bilinear upsampling"),
    "Rearrange": (
        "channels last",
        "NHWC to NCHW",
        "permute the axes",
        "transpose",
        "swap two axes",
        "view with other axes",
        "unsqueeze, torch.unsqueeze, squeeze, torch.squeeze, expand_dims, add an axis of size 1",
    ),
    "Where": ("torch.where, np.where", "choose one of two tensors by a condition"),
    "MaskedFill": ("masked_fill, torch.masked_fill", "-inf where a mask is true, hide scores by a mask"),
    "Gather": ("torch.gather, take_along_dim", "the last hidden state of each text, the token at its end"),
    "ArgMax": ("torch.argmax, the place of the largest value",),
    "IndexSelect": ("torch.index_select", "pick channels by their indices"),
    "Equal": ("torch.eq, compare a tensor with a number, padding tokens",),
    "Unflatten": ("reshape a vector to a map", "view as a map", "Reshape"),
    "Flatten": ("view(-1)", "one vector for a linear layer", "reshape to a vector"),
    "AdaptiveAvgPool2d": ("global average pooling", "GlobalAveragePooling2D", "any input size", "GAP"),
    "ConvTranspose2d": ("transposed convolution, deconvolution", "Conv2DTranspose", "upsampling that is learned"),
    "SelfAttention": (
        "multi-head attention",
        "MultiheadAttention, MultiHeadAttention",
        "transformer attention, heads",
        "causal mask, grouped query attention, key and value heads",
        "rotary position embedding, rope_scaling, rope_theta",
    ),
    "rotary": ("rope", "RoPE"),
    "MultiheadAttention": ("cross attention, attention on another sequence", "key padding mask, key_padding_mask"),
    "TransformerDecoder": ("transformer decoder, encoder decoder",),
    "Transformer": ("nn.Transformer, encoder and decoder in one, sequence to sequence",),
    "RelativePositionBias": ("T5 relative attention bias, relative_attention_num_buckets", "distances in buckets"),
    "Sinusoids": ("PositionalEncoding, sinusoidal positions",),
    "parametrize": ("weight norm, weight_norm, spectral norm", "weight standardization"),
    "Linear": ("Dense, fully connected layer", "FC layer"),
    "Embedding": ("token ids, vocabulary", "word vectors"),
    "LSTM": ("last hidden state, return_sequences", "recurrent layer"),
    "Softmax": ("probabilities of classes",),
    "variants": ("several networks in one file", "sizes small, base, large of a model", "hyperparameter"),
    "blocks": ("reuse layers, function, macro, template", "define my own block"),
    "repeat": ("the same layer many times", "number of times a layer is repeated", "depth"),
    "for": ("loop over widths", "list of channels"),
    "vars": ("constants, hyperparameters", "define a variable"),
    "shared": ("weight sharing, siamese network", "the same weights twice"),
    "tie": ("tied weights, weight tying",),
    "freeze": ("requires_grad false", "do not train a layer", "fine-tuning"),
    "init": ("xavier, kaiming, he initialisation", "initial weights"),
    "as": ("name of a value", "keep a tensor for later"),
    "use": ("go back to an earlier value", "arithmetic on tensors"),
    "input": ("input shape, batch axis", "image size"),
    "output": ("several outputs, heads",),
    "when": ("if, condition", "optional layer"),
    "plugins": ("my own layer, custom layer",),
}
"""What people call a layer or a word of the language, or want of it; of a combinator its table says it."""
