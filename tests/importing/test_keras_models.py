"""`netspec import model.keras` against Keras itself: the net that is written gives what the model gives."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netspec
from netspec.importing import NotImportable, from_keras

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")
pytest.importorskip("h5py")
pytestmark = [
    pytest.mark.skipif(keras.backend.backend() != "torch", reason="Keras runs here on torch"),
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),  # of Keras, as it saves
    pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel:UserWarning"),
]

layers = keras.layers
Model = Any


def random(model: Model) -> Model:
    """The model with weights of which none is what a layer begins with."""
    generator = torch.Generator().manual_seed(0)
    for variable in model.weights:
        shape = tuple(variable.shape)
        if not variable.dtype.startswith("float"):
            continue
        value = torch.rand(shape, generator=generator)
        fan = max(1, value.numel() // max(1, shape[-1] if shape else 1))
        spread = (value - 0.5) * 2 * (3 / fan) ** 0.5 if len(shape) > 1 else 0.5 + value
        variable.assign(spread)
    return model


def agrees(model: Model, path: Path, sizes: dict[str, int] | None = None) -> str:
    """The spec of a model, once both were compared."""
    from safetensors.torch import load

    file = path / "model.keras"
    random(model).save(file)
    found = from_keras(file)
    net = netspec.loads(found.spec.text, set=sizes or {})
    built = netspec.build(net).eval()
    assert found.weights is not None
    built.load_state_dict(load(found.weights))
    theirs, ours = [], []
    length = next(iter((sizes or {"": 7}).values()))
    generator = torch.Generator().manual_seed(1)
    for wanted, own in zip(model.inputs, net.inputs, strict=True):
        shape = [2, *(length if size is None else size for size in wanted.shape[1:])]
        if own.type.dtype == "int64":
            x = torch.randint(0, 10, shape, generator=generator)
        else:
            x = torch.rand(shape, generator=generator)
        theirs.append(x)
        ours.append(x.movedim(-1, 1).contiguous() if len(shape) > 3 else x)
    with torch.no_grad(), keras.device("cpu"):
        want = model(theirs if len(theirs) > 1 else theirs[0], training=False)
        have = built(*ours)
    pairs = [(want[name], getattr(have, name)) for name in want] if isinstance(want, dict) else [(want, have)]
    for one, other in pairs:
        one = one.movedim(-1, 1) if one.ndim > 3 else one
        assert one.shape == other.shape
        assert one.std() > 0  # what is one number everywhere would agree with anything
        assert (one - other).abs().max() <= 1e-5 * one.abs().max()
    return found.spec.text


def chain(*items: Any) -> Model:
    return keras.Sequential(list(items))


def residual(x: Any, width: int, stride: int) -> Any:
    shortcut = x
    y = layers.Conv2D(width, 3, strides=stride, padding="same", use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.ReLU()(y)
    y = layers.Conv2D(width, 3, padding="same", use_bias=False)(y)
    y = layers.BatchNormalization()(y)
    if stride != 1:
        shortcut = layers.Conv2D(width, 1, strides=stride, padding="same")(x)
    return layers.Activation("relu")(layers.Add()([y, shortcut]))


def resnet() -> Model:
    image = keras.Input((30, 31, 3))
    x = layers.Conv2D(8, 7, strides=2, padding="same")(image)
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for width, stride in ((8, 1), (16, 2), (16, 1)):
        x = residual(x, width, stride)
    return keras.Model(image, layers.Dense(5)(layers.GlobalAveragePooling2D()(x)))


def mobile() -> Model:
    image = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(image)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu6")(x)
    for stride in (1, 2):
        x = layers.DepthwiseConv2D(3, strides=stride, padding="same", depth_multiplier=2)(x)
        x = layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
        x = layers.SeparableConv2D(12, 3, activation="swish", depth_multiplier=2)(x)
    scale = layers.GlobalAveragePooling2D(keepdims=True)(x)
    x = layers.Multiply()([x, layers.Conv2D(12, 1, activation="hard_sigmoid")(scale)])
    return keras.Model(image, layers.Dense(4)(layers.Flatten()(x)))


def text() -> Model:
    words = keras.Input((None,))
    x = layers.Embedding(10, 6)(words)
    x = layers.Bidirectional(layers.LSTM(5, return_sequences=True))(x)
    x = layers.GRU(4, return_sequences=True)(x)
    x = layers.TimeDistributed(layers.Dense(3, activation="tanh"))(x)
    return keras.Model(words, layers.Dense(1, activation="sigmoid")(layers.SimpleRNN(4)(x)))


def attention() -> Model:
    tokens, memory = keras.Input((7, 8)), keras.Input((7, 6))
    x = layers.MultiHeadAttention(2, 4)(tokens, tokens, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, tokens]))
    x = x + layers.MultiHeadAttention(2, 3, value_dim=5)(x, memory) * 0.5
    return keras.Model([tokens, memory], x)


def siamese() -> Model:
    one, other = keras.Input((12,)), keras.Input((12,))
    tower = chain(keras.Input((12,)), layers.Dense(6, activation="gelu"), layers.Dense(4))
    table = layers.Dense(3)
    left, right = tower(one), tower(other)
    x = layers.Concatenate()([table(left), table(right), layers.Subtract()([left, right])])
    return keras.Model([one, other], {"score": layers.Dense(1)(x), "left": left})


def frozen() -> Model:
    image = keras.Input((16, 16, 3))
    base = keras.Model(image, layers.BatchNormalization()(layers.Conv2D(4, 3)(image)), name="base")
    base.trainable = False
    x = keras.Input((16, 16, 3))
    return keras.Model(x, layers.Dense(2)(layers.GlobalMaxPooling2D()(base(x, training=False))))


def inlined() -> Model:
    """A model of two inputs and two outputs, called twice."""
    a, b = keras.Input((4,)), keras.Input((4,))
    inner = keras.Model([a, b], [layers.Dense(3)(a), layers.Average()([a, layers.Dense(4)(b)])], name="pair")
    x, y = keras.Input((4,)), keras.Input((4,))
    first, second = inner([x, y])
    third, fourth = inner([y, second])
    return keras.Model([x, y], layers.Concatenate()([first, third, fourth]))


MODELS: dict[str, Callable[[], Model]] = {
    "mnist": lambda: chain(
        keras.Input((28, 28, 1)),
        layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
        layers.MaxPooling2D(pool_size=(2, 2)),
        layers.Flatten(),
        layers.Dropout(0.5),
        layers.Dense(10, activation="softmax"),
    ),
    "vgg": lambda: chain(
        keras.Input((32, 24, 3)),
        *(layers.Conv2D(width, 3, padding="same", activation="relu") for width in (4, 4)),
        layers.MaxPooling2D(),
        layers.Conv2D(6, (3, 2), padding="same", activation="relu"),
        layers.AveragePooling2D(3, strides=1, padding="same"),  # by 2, Keras's backends divide by different numbers
        layers.Flatten(),
        layers.BatchNormalization(),
        layers.Dense(9, activation="elu"),
        layers.PReLU(),
        layers.Dense(3),
    ),
    "mlp": lambda: chain(
        keras.Input((20,)),
        layers.Normalization(),
        layers.Dense(16, activation="relu"),
        layers.Dropout(0.1),
        layers.Dense(3, use_bias=False),
    ),
    "resnet": resnet,
    "mobile": mobile,
    "text": text,
    "attention": attention,
    "siamese": siamese,
    "frozen": frozen,
    "inlined": inlined,
    "decoder": lambda: chain(
        keras.Input((6,)),
        layers.Dense(4 * 4 * 8),
        layers.Reshape((4, 4, 8)),
        layers.Conv2DTranspose(6, 4, strides=2, padding="same"),
        layers.LeakyReLU(),
        layers.LayerNormalization(),
        layers.UpSampling2D(2, interpolation="bilinear"),
        layers.Conv2DTranspose(4, 3, strides=2, padding="same"),
        layers.Cropping2D(((1, 0), (2, 1))),
        layers.GroupNormalization(2),
        layers.ZeroPadding2D((1, 2)),
        layers.Dense(3, activation="sigmoid"),
    ),
    "sequence": lambda: chain(
        keras.Input((20, 3)),
        layers.Conv1D(6, 3, padding="causal", dilation_rate=2, activation="relu"),
        layers.SpatialDropout1D(0.1),
        layers.BatchNormalization(),
        layers.MaxPooling1D(2),
        layers.SeparableConv1D(5, 3, padding="same"),
        layers.LSTM(4, return_sequences=True),
        layers.Permute((2, 1)),
        layers.Dense(6),
        layers.Conv1DTranspose(5, 3, strides=2),
    ),
    "volume": lambda: chain(
        keras.Input((8, 9, 10, 2)),
        layers.Conv3D(4, 3, strides=2, padding="same"),
        layers.MaxPooling3D(2),
        layers.Conv3DTranspose(3, 2, strides=3),
        layers.Permute((3, 1, 2, 4)),
        layers.Flatten(),
        layers.Softmax(),
    ),
    "reordered": lambda: chain(
        keras.Input((5, 6, 4)), layers.Conv2D(3, 2), layers.Flatten(), layers.Reshape((10, 6)), layers.Softmax(axis=1)
    ),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_net_gives_what_the_model_gives(name: str, tmp_path: Path) -> None:
    agrees(MODELS[name](), tmp_path, {"L": 7} if name == "text" else None)


def test_a_model_that_is_not_trained_is_frozen(tmp_path: Path) -> None:
    spec = agrees(frozen(), tmp_path)
    assert spec.count("freeze: true") == 1


def test_padding_that_hangs_on_an_unknown_size_is_refused(tmp_path: Path) -> None:
    image = keras.Input((None, None, 3))
    keras.Model(image, layers.Conv2D(4, 3, strides=2, padding="same", name="stem")(image)).save(tmp_path / "m.keras")
    with pytest.raises(NotImportable, match=r"`stem`.*`padding: \"same\"`"):
        from_keras(tmp_path / "m.keras")


def test_a_lambda_and_a_class_of_ones_own_are_refused(tmp_path: Path) -> None:
    x = keras.Input((4,))
    keras.Model(x, layers.Lambda(lambda y: y * 2, name="twice", output_shape=(4,))(x)).save(tmp_path / "m.keras")
    with pytest.raises(NotImportable, match=r"`twice`: `class_name: Lambda`"):
        from_keras(tmp_path / "m.keras")

    class Own(layers.Layer):
        def call(self, x: Any) -> Any:
            return x

    keras.Model(x, Own(name="mine")(x)).save(tmp_path / "n.keras")
    with pytest.raises(NotImportable, match=r"`mine`: .*somebody's own"):
        from_keras(tmp_path / "n.keras")
