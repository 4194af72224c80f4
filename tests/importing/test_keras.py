"""`netspec import model.keras`: a file is read as data, and a hostile one is refused with its place."""

from __future__ import annotations

import io
import json
import re
import sys
import zipfile
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netspec
from netspec.importing import NotImportable, from_keras
from netspec.importing.keras.archive import WEIGHTS
from netspec.importing.keras.model import written_model
from netspec.importing.keras.values import flat_parts, order_of
from tests.commands import program

Config = dict[str, Any]


def layer(kind: str, name: str, /, **config: Any) -> Config:
    return {
        "module": "keras.layers",
        "class_name": kind,
        "config": {"name": name, "trainable": True, "dtype": "float32", **config},
        "registered_name": None,
    }


def chain(shape: list[int | None], *layers: Config, dtype: str = "float32") -> Config:
    first = layer("InputLayer", "image", batch_shape=[None, *shape]) | {}
    first["config"]["dtype"] = dtype
    config = {"name": "net", "trainable": True, "layers": [first, *layers]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": None}


def tensor(name: str, call: int = 0, result: int = 0) -> Config:
    return {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, result]}}


def called(found: Config, *given: Any, **kwargs: Any) -> Config:
    return found | {"name": found["config"]["name"], "inbound_nodes": [{"args": list(given), "kwargs": kwargs}]}


def graph(shape: list[int], *layers: Config, ends: str) -> Config:
    first = layer("InputLayer", "x", batch_shape=[None, *shape]) | {"name": "x", "inbound_nodes": []}
    config = {
        "name": "net", "layers": [first, *layers], "input_layers": [["x", 0, 0]], "output_layers": [[ends, 0, 0]],
    }  # fmt: skip
    return {"module": "keras", "class_name": "Functional", "config": config, "registered_name": "Functional"}


def archive(path: Path, config: Config | bytes, weights: bytes | None = None, packed: bool = False) -> Path:
    kind = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", kind) as file:
        file.writestr("config.json", config if isinstance(config, bytes) else json.dumps(config))
        if weights is not None:
            file.writestr(WEIGHTS, weights)
    return path


def hdf5(tensors: dict[str, Any], names: dict[str, str] | None = None) -> bytes:
    h5py: Any = pytest.importorskip("h5py")
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        for at, array in tensors.items():
            file[at] = array
        for at, name in (names or {}).items():
            file[at].attrs["name"] = name
    return data.getvalue()


def spec(config: Config) -> str:
    return written_model(config, None).text


def items(config: Config) -> list[str]:
    return [line.strip() for line in spec(config).partition("layers:\n")[2].splitlines()]


CONV = layer(
    "Conv2D", "conv", filters=4, kernel_size=[3, 3], strides=[1, 1], padding="valid", dilation_rate=[1, 1], groups=1,
    activation="relu", use_bias=True,
)  # fmt: skip
DENSE = layer("Dense", "dense", units=3, activation="softmax", use_bias=True)
FLATTEN = layer("Flatten", "flatten", data_format="channels_last")
SMALL = chain([5, 6, 2], CONV, FLATTEN, DENSE)


def test_a_chain_reads_as_a_person_would_write_it() -> None:
    assert spec(SMALL) == (
        "netspec: 1\n"
        "name: net\n"
        "input: [2, 5, 6]\n"
        "\n"
        "layers:\n"
        "  - Conv2d: {out_channels: 4, kernel_size: 3}\n"
        "    name: conv\n"
        "  - ReLU\n"
        "  - Flatten\n"
        "  - Linear: 3\n"
        "    name: dense\n"
        "  - Softmax: -1\n"
    )


def test_a_graph_names_what_is_used_again() -> None:
    found = graph(
        [8],
        called(layer("Dense", "one", units=8, activation="linear", use_bias=True), tensor("x")),
        called(layer("Add", "sum"), [tensor("one"), tensor("x")]),
        ends="sum",
    )
    assert items(found) == ["- as: x", "- Linear: 8", "name: one", "- add: [[], x]"]


def test_names_that_the_language_has_are_changed() -> None:
    names = ("Linear", "add", "0", "in shape", "forward", "true", "max", "dense")
    found = chain([4], *(layer("Dense", name, units=4, activation="linear", use_bias=True) for name in names))
    text = spec(found)
    assert re.findall("name: (.*)", text)[1:] == [
        "Linear_1", "add_1", "layer_0", "in_shape_1", "forward_1", "true_1", "max_1", "dense",
    ]  # fmt: skip
    assert netspec.loads(text).params == 8 * 20


def test_weights_of_a_small_net_give_what_keras_computes(tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    numpy: Any = pytest.importorskip("numpy")
    random = numpy.random.default_rng(0)
    kernel, bias = random.normal(size=(3, 3, 2, 4)).astype("f"), random.normal(size=4).astype("f")
    matrix, shift = random.normal(size=(48, 3)).astype("f"), random.normal(size=3).astype("f")
    arrays = {"conv2d/vars/0": kernel, "conv2d/vars/1": bias, "dense/vars/0": matrix, "dense/vars/1": shift}
    weights = hdf5({f"layers/{at}": array for at, array in arrays.items()}, {"layers/dense/vars": "dense"})
    for packed in (False, True):
        found = from_keras(archive(tmp_path / "m.keras", SMALL, weights, packed))
        assert found.weights is not None
        from safetensors.torch import load

        model = netspec.build(netspec.loads(found.spec.text)).eval()
        model.load_state_dict(load(found.weights))
        x = random.normal(size=(2, 5, 6, 2)).astype("f")  # as Keras has it
        windows = numpy.lib.stride_tricks.sliding_window_view(x, (3, 3), axis=(1, 2))
        scores = numpy.maximum(numpy.einsum("nhwcij,ijco->nhwo", windows, kernel) + bias, 0).reshape(2, -1) @ matrix
        powers = numpy.exp(scores + shift - (scores + shift).max(axis=1, keepdims=True))
        ours = model(torch.from_numpy(x).permute(0, 3, 1, 2)).detach().numpy()
        numpy.testing.assert_allclose(ours, powers / powers.sum(axis=1, keepdims=True), rtol=1e-5, atol=1e-7)


def test_an_average_over_an_edge_counts_what_is_there() -> None:
    """As TensorFlow and JAX do; Keras on torch divides by the whole window."""
    torch: Any = pytest.importorskip("torch")
    pool = layer("AveragePooling2D", "pool", pool_size=[3, 3], strides=[2, 2], padding="same")
    net = netspec.build(netspec.loads(spec(chain([4, 4, 1], pool))))
    assert net(torch.arange(16.0).reshape(1, 1, 4, 4))[0, 0].tolist() == [[5, 6.5], [11, 12.5]]


def test_parts_of_a_flat_vector_are_put_in_order() -> None:
    assert order_of(((2, 3), (2,))) == [0, 3, 1, 4, 2, 5, 6, 7]
    assert flat_parts((1, 1, 5)) == () and flat_parts((2, 2, 5)) == ((2, 2, 5),)


# ---- what is refused


LAMBDA = layer("Lambda", "twice", function={"class_name": "__lambda__", "config": {"code": "4wEAAAA="}})
OWN = layer("Mine", "mine") | {"module": "my_code", "registered_name": "my_code>Mine"}
REFUSED: dict[str, tuple[Config, str]] = {
    "Lambda": (chain([4], LAMBDA), r"layer `twice`: `class_name: Lambda` .*nothing of a file is run"),
    "a name of its own lines": (chain([4], LAMBDA | {"config": {"name": "a\x1b[2J\nb"}}), r"layer `a\?\[2J\?b`: "),
    "own class": (chain([4], OWN), r"layer `mine`: `class_name: Mine` of the module `my_code`"),
    "registered": (chain([4], DENSE | {"registered_name": "a>Dense"}), "somebody's own"),
    "unknown": (chain([4], layer("GaussianNoise", "noise", stddev=1.0)), r"`noise` \(GaussianNoise\) has no form"),
    "Keras 2": (graph([4], DENSE | {"inbound_nodes": [[["x", 0, 0, {}]]]}, ends="dense"), "as Keras 2 wrote them"),
    "channels first": (chain([4, 4, 2], layer("Flatten", "f", data_format="channels_first")), "`data_format: "),
    "a word": (chain([4], layer("Dense", "dense", units="many")), '`units: "many"` is no whole number'),
    "a huge number": (chain([4], layer("Dense", "dense", units=10**20)), "`units: 1000"),
    "true": (chain([4], layer("Dense", "dense", units=True)), "`units: true`"),
    "minus": (chain([4], layer("Dense", "dense", units=-1)), "`units: -1`"),
    "a function": (
        chain([4], layer("Activation", "act", activation={"module": "builtins", "class_name": "function",
                                                          "config": "mine", "registered_name": "function"})),
        "`activation: .*somebody's own",
    ),
    "an unknown activation": (chain([4], layer("Activation", "act", activation="sparsemax")), '"sparsemax"` is none'),
    "an unknown key": (chain([4], DENSE | {"config": DENSE["config"] | {"rank": 3}}), "`rank: 3` is a key that is not"),
    "mask": (chain([4], layer("Embedding", "e", input_dim=4, output_dim=2, mask_zero=True)), "`mask_zero: true`"),
    "a size": (chain([4, 2], layer("LSTM", "lstm", units=3, dropout=0.5)), "`lstm` .*`dropout: 0.5`"),
    "two names": (chain([4], DENSE, DENSE), "`dense` is the name of two layers"),
    "no end": (graph([4], called(DENSE, tensor("x")), ends="nowhere"), "`nowhere` is given on, and is no layer"),
    "no call": (graph([4], called(DENSE, tensor("x", 3)), ends="dense"), "call 3 is used"),
    "itself": (graph([4], called(DENSE, tensor("dense")), ends="dense"), "`dense` is given its own result"),
    "no result": (graph([4], called(DENSE, tensor("x", 0, 7)), ends="dense"), "result 7 of `x` is used"),
    "training": (graph([4], called(DENSE, tensor("x"), training=True), ends="dense"), "`training=True`"),
    "shapes": (
        graph([4], called(DENSE, tensor("x")), called(layer("Add", "a"), [tensor("x"), tensor("dense")]), ends="a"),
        "`a` .*joins tensors whose sizes differ: 4 and 3",
    ),
    "a quantized layer": (chain([4], DENSE | {"config": DENSE["config"] | {"dtype": "int8"}}), '`dtype: "int8"`'),
    "a window": (chain([2, 2, 2], CONV), "does not take what comes to it"),
    "a subclass": ({"module": "keras", "class_name": "Own", "config": {}, "registered_name": None}, "is code, which"),
    "nothing": ({}, "has no `class_name`"),
    "no shape": (
        {"module": "keras", "class_name": "Sequential", "config": {"name": "s", "layers": [DENSE]}},
        "nothing says what the model takes",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_form_is_named_with_its_place(name: str, tmp_path: Path) -> None:
    config, said = REFUSED[name]
    with pytest.raises(NotImportable, match=said):
        from_keras(archive(tmp_path / "m.keras", config))


def nested(depth: int) -> Config:
    found = chain([4], DENSE)
    for number in range(depth):
        inner = found | {"config": found["config"] | {"name": f"n{number}"}}
        found = chain([4], inner)
    return found


def test_models_inside_one_another_have_an_end(tmp_path: Path) -> None:
    assert netspec.loads(spec(nested(3))).params == 15
    with pytest.raises(NotImportable, match=r"inside one another"):
        from_keras(archive(tmp_path / "m.keras", nested(30)))


def called_twice(depth: int, shape: list[int]) -> Config:
    """Models that call the one inside them twice, 2 to the power of the depth in all."""
    found = chain(list(shape), layer("Flatten", "flat"))
    for number in range(depth):
        inner = found | {"config": found["config"] | {"name": f"n{number}"}}
        calls = {"name": f"n{number}", "inbound_nodes": [{"args": [tensor("x")], "kwargs": {}}] * 2}
        join = layer("Concatenate", "c", axis=-1)
        found = graph(
            list(shape), inner | calls, called(join, [tensor(f"n{number}"), tensor(f"n{number}", 1)]), ends="c"
        )
    return found


def doubled(times: int) -> Config:
    """A flat map beside itself, and so on."""
    names = ["flat", *(f"c{number}" for number in range(times))]
    joins = [called(layer("Concatenate", new, axis=-1), [tensor(old), tensor(old)]) for old, new in pairwise(names)]
    return graph([2, 2, 2], called(layer("Flatten", "flat"), tensor("x")), *joins, ends=names[-1])


@pytest.mark.slow
def test_what_grows_at_each_step_has_an_end() -> None:
    assert netspec.loads(spec(called_twice(3, [2, 1]))).output_shape == (16,)
    with pytest.raises(NotImportable, match=r"more than 30,000 layers"):
        spec(called_twice(16, [2, 1]))
    with pytest.raises(NotImportable, match="more than 1000 maps side by side"):
        spec(doubled(40))
    alike = chain([4], *(DENSE | {"config": DENSE["config"] | {"name": "é" * number}} for number in (1, 2, 3)))
    assert re.findall("name: (.*)", spec(alike))[1:] == ["layer", "layer_2", "layer_3"]


def test_without_its_library_the_spec_is_written_and_the_rest_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "h5py", None)  # as if it were not installed
    found = from_keras(archive(tmp_path / "m.keras", chain([4], DENSE), b"never read"))
    assert found.weights is None and "- Linear: 3" in found.spec.text
    assert re.search(r"without its weights, which are read by h5py.*: .*install .*\[keras\]", found.spec.notes[-1])


DAMAGED: dict[str, tuple[Callable[[Path], Path], str]] = {
    "no archive": (lambda p: _bytes(p, b"\x89HDF\r\n\x1a\n" + bytes(100)), "is no `.keras` file.*save it as `.keras`"),
    "no config": (lambda p: _empty(p), "has no `config.json`"),
    "no JSON": (lambda p: archive(p, b"{,"), "is no JSON"),
    "no object": (lambda p: archive(p, b"[1]"), "holds no object"),
    "deep": (lambda p: archive(p, b'{"a":' + b"[" * 200 + b"]" * 200 + b"}"), "more than 60 deep"),
    "very deep": (lambda p: archive(p, b"[" * 100_000), "is no JSON"),
    "a bomb": (lambda p: archive(p, b" " * (2**24 + 1), packed=True), "16,777,217 bytes; at most 16,777,216"),
}


def _bytes(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def _empty(path: Path) -> Path:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", "{}")
    return path


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_file_is_told(name: str, tmp_path: Path) -> None:
    make, said = DAMAGED[name]
    with pytest.raises(NotImportable, match=said):
        from_keras(make(tmp_path / "m.keras"))


def test_weights_that_are_not_the_layers_own_are_told(tmp_path: Path) -> None:
    numpy: Any = pytest.importorskip("numpy")
    h5py: Any = pytest.importorskip("h5py")
    config, matrix, bias = chain([4], DENSE), numpy.zeros((4, 3), "f"), numpy.zeros(3, "f")

    def told(data: bytes) -> str:
        with pytest.raises(NotImportable) as caught:
            from_keras(archive(tmp_path / "m.keras", config, data))
        return str(caught.value)

    good = {"layers/dense/vars/0": matrix, "layers/dense/vars/1": bias}
    assert from_keras(archive(tmp_path / "m.keras", config, hdf5(good))).weights is not None
    assert "there is no `layers/dense/vars/1`" in told(hdf5({"layers/dense/vars/0": matrix}))
    assert "has the shape 3 × 4, and the layer `dense` wants 4 × 3" in told(
        hdf5(good | {"layers/dense/vars/0": matrix.T})
    )
    assert "weights of `other`, and not of `dense`" in told(hdf5(good, {"layers/dense/vars": "other"}))
    assert "is no tensor of numbers" in told(hdf5(good | {"layers/dense/vars/1": numpy.array([b"a"] * 3)}))
    assert "is damaged" in told(b"no HDF5")
    assert "is damaged" in told(hdf5(good)[:-40])
    secret = tmp_path / "secret.h5"
    secret.write_bytes(hdf5({"bias": bias}))
    for link in (h5py.ExternalLink(str(secret), "bias"), h5py.SoftLink("/layers/dense/vars/0")):
        assert "leads to another place or file" in told(hdf5(good | {"layers/dense/vars/1": link}))
    data = io.BytesIO()
    with h5py.File(data, "w") as file:
        file["layers/dense/vars/1"] = bias
        file.create_dataset("layers/dense/vars/0", data=matrix, compression="gzip", chunks=(2, 2))
    assert "packed or lie in another file" in told(data.getvalue())


def test_a_declared_size_is_not_believed(tmp_path: Path) -> None:
    """A layer of 2³⁰ units asks the file for its weights before any memory is taken for them."""
    numpy: Any = pytest.importorskip("numpy")
    huge = chain([1], layer("Dense", "dense", units=2**30, activation="linear", use_bias=True))
    weights = hdf5({"layers/dense/vars/0": numpy.zeros((1, 3), "f")})
    with pytest.raises(NotImportable, match="wants 1 × 1073741824"):
        from_keras(archive(tmp_path / "m.keras", huge, weights))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def _places(found: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [at, *(place for key, value in inner for place in _places(value, (*at, key)))]


BASES = (
    SMALL,
    nested(2),
    chain([6], layer("Embedding", "e", input_dim=5, output_dim=4), layer("GRU", "g", units=3, return_sequences=True)),
    graph([4], called(DENSE, tensor("x")), called(layer("Concatenate", "c", axis=-1), [tensor("x"), tensor("dense")]),
          ends="c"),
)  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.sampled_from(BASES), st.data())
def test_a_config_with_anything_in_it_is_a_spec_or_an_error(base: Config, data: st.DataObject) -> None:
    found = json.loads(json.dumps(base))
    for _ in range(data.draw(st.integers(1, 3))):
        *way, last = data.draw(st.sampled_from(_places(found)[1:]))
        inner = found
        for key in way:
            inner = inner[key]
        inner[last] = data.draw(values)
    with suppress(NotImportable, netspec.SpecError):
        netspec.loads(spec(found))


# ---- the command


def test_the_command_writes_the_spec_and_the_weights_beside_it(tmp_path: Path) -> None:
    numpy: Any = pytest.importorskip("numpy")
    weights = hdf5({"layers/dense/vars/0": numpy.zeros((4, 3), "f"), "layers/dense/vars/1": numpy.zeros(3, "f")})
    archive(tmp_path / "m.keras", chain([4], DENSE), weights)
    done = program("import", "m.keras", "-o", "net.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "wrote net.safetensors: the weights" in done.stderr and "wrote net.yaml, 15 parameters" in done.stderr
    assert (tmp_path / "net.safetensors").stat().st_size > 60
    (tmp_path / "net.yaml").unlink()
    again = program("import", "m.keras", "-o", "net.yaml", cwd=tmp_path)
    assert again.returncode == 2 and "net.safetensors is there already" in again.stderr
    assert not (tmp_path / "net.yaml").exists()
    assert program("import", "m.keras", "-o", "net.yaml", "--force", cwd=tmp_path).returncode == 0


def test_the_command_says_what_it_cannot_do(tmp_path: Path) -> None:
    archive(tmp_path / "m.keras", chain([4], DENSE))
    printed = program("import", "m.keras", cwd=tmp_path)
    assert printed.returncode == 0 and "- Linear: 3" in printed.stdout and "without weights" in printed.stderr
    for option in (("--input", "4"), ("--flat",), ("--unverified",)):
        refused = program("import", "m.keras", *option, cwd=tmp_path)
        assert refused.returncode == 2 and f"`{option[0]}` is for a module" in refused.stderr
    archive(tmp_path / "l.keras", chain([4], LAMBDA))
    refused = program("import", "l.keras", "-o", "l.yaml", cwd=tmp_path)
    assert refused.returncode == 1 and "`twice`: `class_name: Lambda`" in refused.stderr
    assert not (tmp_path / "l.yaml").exists() and "Traceback" not in refused.stderr
