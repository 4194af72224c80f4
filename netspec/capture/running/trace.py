"""Run a module and write down what it does."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

from netspec.capture.graph import (
    NUMBERS_READ,
    STANDS_AT,
    Modes,
    NotCaptured,
    NumbersRead,
    Place,
    RefusedCall,
    Region,
    Trace,
    Traced,
    TracedCall,
    values_in,
    without_idle,
)
from netspec.capture.running.complexes import ComplexNumbers
from netspec.capture.running.composites import composite_of
from netspec.capture.running.given import TAKES_TENSORS, given_names
from netspec.capture.running.modes import as_it_was, modes_of, set_mode
from netspec.capture.running.named import named_modules
from netspec.capture.running.own import joined, joins, ran_all
from netspec.capture.running.silent import INDEXED, OF_THE_SHAPE, is_of_the_first, says_no_values
from netspec.capture.running.users import is_users, passing, users_own
from netspec.language.names import not_an_output

_DTYPES: Final = {torch.int64: "int64", torch.int32: "int64", torch.bool: "bool"}
"""Of a spec; it has whole numbers of one kind."""


@passing
def traced(
    module: nn.Module,
    inputs: Sequence[tuple[str, Tensor]],
    is_layer: Callable[[nn.Module], bool],
    *,
    training: bool,
    advice: str,
    answers: Sequence[bool] = (),
) -> Trace:
    """Run a module on inputs, without gradients, and write down what it does. Calls that reach no output are left out,
    unless they have weights of their own.

    Args:
        module: the module. Its mode and buffers are those that it had when this returns.
        inputs: its arguments, each with a name, the batch first.
        is_layer: whether a module is a layer, whose inside is of no interest.
        training: run it in training mode.
        advice: what to do where it fails on these inputs.
        answers: what the program reads first, in the place of the truth values that are in its tensors.
    """
    sizes = " and ".join(" x ".join(map(str, tensor.shape)) or "one number" for _, tensor in inputs)
    with as_it_was(module), torch.no_grad(), _without_fast_paths():
        recorder = _Recorder(module, inputs, is_layer, modes_of(module), answers, training=training)
        set_mode(module, training=training)
        fails = users_own(f"the module, on an input of {sizes} with the batch,", advice, _MISTAKES)
        with fails, recorder.calls_of_modules(), recorder:
            result = module(*(tensor for _, tensor in inputs))
        recorder.finish(result)
    without_idle(recorder.trace)
    return recorder.trace


_MISTAKES: Final = (RuntimeError, ValueError, TypeError, IndexError, AssertionError)
"""What a module raises that is given other sizes than it takes."""


@contextmanager
def _without_fast_paths() -> Generator[None]:
    """Transformer layers compute step by step, as they do while training."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


class _Recorder(TorchFunctionMode):
    def __init__(
        self,
        module: nn.Module,
        inputs: Sequence[tuple[str, Tensor]],
        is_layer: Callable[[nn.Module], bool],
        modes: Modes,
        answers: Sequence[bool],
        *,
        training: bool,
    ) -> None:
        super().__init__()
        self._is_layer = is_layer
        self._answers = answers
        self._paths: dict[nn.Module, str] = {part: path for path, part in named_modules(module).items()}
        self._values: Any = WeakTensorKeyDictionary()
        """Of each tensor its value, and the number of times that it had been changed in place by then."""
        for kind, named in (("parameter", module.named_parameters()), ("buffer", module.named_buffers())):
            for key, tensor in named:
                self._keep(
                    tensor,
                    Traced(
                        "parameter" if kind == "parameter" else "buffer", tuple(tensor.shape), dtype_of(tensor), key
                    ),
                )
        given: list[Traced] = []
        for name, tensor in inputs:
            value = Traced("input", tuple(tensor.shape), dtype_of(tensor), name, varies=True)
            self._keep(tensor, value)
            given.append(value)
        root = Region(module, "", given, None, None)
        self.trace, self._region = Trace(root, given, inputs[0][1].shape[0], training, modes), root
        self._complex = ComplexNumbers()
        self._inside = False
        """Whether a layer runs."""
        self._joins = False
        """Whether a module of netspec's joins what its branches give, which says by itself how."""

    # ---- modules

    @contextmanager
    def calls_of_modules(self) -> Generator[None]:
        """See each call of a module."""
        before = nn.Module.__call__

        @passing
        def call(module: nn.Module, *args: Any, **kwargs: Any) -> Any:
            return self._module(before, module, args, kwargs)

        nn.Module.__call__ = call
        try:
            yield
        finally:
            nn.Module.__call__ = before

    @passing
    def _module(
        self, call: Callable[..., Any], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        if self._inside or (module is self.trace.root.module and not self._is_one(module)):
            return call(module, *args, **kwargs)
        path = self._paths.get(module)
        place = _place()
        if path is None and not module.state_dict() and not any(True for _ in module.parameters()):
            return call(module, *args, **kwargs)  # nothing of it is kept: what it computes is seen as functions
        if path is None:
            raise NotCaptured(
                f"{_where(place)}`{type(module).__name__}` has no place in the module: it is made while that runs, or "
                "kept in a list or a dict of Python's; make it in `__init__`, and keep it as an attribute, in a "
                "`ModuleList` or in a `ModuleDict`"
            )
        given = self._told((args, kwargs))
        if self._is_one(module):
            self._inside = True
            try:
                result = _another(call, module, args, kwargs)
            finally:
                self._inside = False
            called = TracedCall(None, module, path, given[0], given[1], place, training=module.training)
            self._record(called, result)
            return result
        region = Region(module, path, list(values_in(given)), place, self._region, given_names(module, *given))
        self._region.steps.append(region)
        outer, self._region = (self._region, self._joins), region
        self._joins = joins(module)
        try:
            result = self._joined(call, region, args, kwargs) if self._joins else call(module, *args, **kwargs)
        finally:
            self._region, self._joins = outer
        region.result = self._told(result)
        return result

    def _joined(self, call: Callable[..., Any], region: Region, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What a module of netspec's gives that joins the results of its branches, as one call."""
        self._inside = ran_all(region.module, *args)
        try:
            result = call(region.module, *args, **kwargs)
        finally:
            self._inside = False
        self._record(joined(region.module, region, region.place), result)
        return result

    def _is_one(self, module: nn.Module) -> bool:
        """Whether a module is a layer, which may be seen by what it computes."""
        self._inside = True
        try:
            return self._is_layer(module)
        finally:
            self._inside = False

    # ---- functions

    @passing
    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self._inside or self._joins:
            return func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        if name == "__getitem__" and isinstance(args[1], str):
            raise NotCaptured(f"{_where(_place())}a tensor is read as a dict, by `{args[1]}`: {TAKES_TENSORS}")
        if func in INDEXED and isinstance(args[1], list):  # which is no tuple: `x[[2, 0]]`
            args = (args[0], (args[1],), *args[2:])
        if func is torch.Tensor.__setitem__:
            self._as_before(*args)
        instead = self._complex.instead(func, args) or composite_of(func, args, kwargs)
        if instead is not None:
            own = instead(self, args, kwargs)
            if own.is_complex():  # for what else reads it than functions whose pairs are known
                given = self._told((args, kwargs))
                self._record(TracedCall(func, None, "", given[0], given[1], _place()), own)
            return own
        given = None if says_no_values(func) else self._told((args, kwargs))
        result: Any = func(*args, **kwargs)
        if given is None:
            return result
        if func is torch.Tensor.__setitem__ and any(value.varies for value in values_in(given)):
            self._record(TracedCall(func, None, "", given[0], given[1], _place()), args[0])
            return result
        if _tensors_in(result):
            self._record(TracedCall(func, None, "", given[0], given[1], _place()), result, args)
        elif any(value.varies for value in values_in(given)) and _has_numbers(result):
            return self._read(name, result)
        return cast("object", result)

    def _read(self, name: str, result: Any) -> Any:
        """Note that the program reads numbers, and what it is told of them."""
        count = len(self.trace.read)
        if count >= MOST_READS:
            raise NotCaptured(f"{_where(_place())}{NUMBERS_READ.format(name)}")
        if count < len(self._answers):
            result = self._answers[count]
        refused = RefusedCall(_place(), NUMBERS_READ.format(name), self._region)
        self.trace.read.append(NumbersRead(refused, result if isinstance(result, bool) else None))
        return result

    def _record(self, call: TracedCall, result: Any, given: Sequence[Any] = ()) -> None:
        read = list(call.reads())
        counted = [] if call.name in OF_THE_SHAPE else read[:1] if is_of_the_first(call, given) else read
        varies = any(value.varies for value in counted)

        def told(tree: Any) -> Any:
            if isinstance(tree, Tensor):
                value = Traced("made", tuple(tree.shape), dtype_of(tree), "", call, None, varies)
                call.results.append(value)
                self._keep(tree, value)
                return value
            if isinstance(tree, (tuple, list)):
                return tuple(told(item) for item in tree)  # pyright: ignore[reportUnknownVariableType]  # any results
            return tree

        call.result = told(result)
        call.region = self._region
        if not varies:
            call.constants = [one.detach().clone() if one.numel() <= 2**22 else None for one in _tensors_in(result)]
        self._region.steps.append(call)

    def _as_before(self, tensor: Tensor, index: Any, part: Any) -> None:
        """Take a tensor for what it was before a part of it was changed in place, which now is put where it is, as
        Python does it in `x[:, 0] += y`."""
        own, other = self._values.get(tensor), self._values.get(part) if isinstance(part, Tensor) else None
        if own is None or other is None or not own[1] + 1 == other[1] == tensor._version:
            return
        there = tensor[index]
        if (there.data_ptr(), there.shape, there.stride()) == (part.data_ptr(), part.shape, part.stride()):
            self._keep(tensor, own[0])

    def _keep(self, tensor: Tensor, value: Traced) -> None:
        if tensor.is_inference():
            raise NotCaptured(f"{_where(_place())}the module computes in `torch.inference_mode`, {_NOT_FOLLOWED}")
        self._values[tensor] = (value, tensor._version)

    def _told(self, tree: Any) -> Any:
        """The same with values in the places of tensors."""
        if isinstance(tree, Tensor):
            return self._value(tree)
        if isinstance(tree, (tuple, list)):
            return tuple(self._told(item) for item in tree)  # pyright: ignore[reportUnknownVariableType]  # any arguments
        if isinstance(tree, dict):
            return {key: self._told(item) for key, item in tree.items()}  # pyright: ignore[reportUnknownVariableType]  # as above
        if isinstance(tree, slice):
            ends = cast("slice[Any, Any, Any]", tree)
            return slice(self._told(ends.start), self._told(ends.stop), self._told(ends.step))
        return tree

    def _value(self, tensor: Tensor) -> Traced:
        found = self._values.get(tensor)
        if found is None:
            numbers = tensor.detach().clone()
            value = Traced("numbers", tuple(tensor.shape), dtype_of(tensor), tensor=numbers)
            self._keep(tensor, value)
            return value
        value, version = found
        if version != tensor._version and not value.varies and value.kind != "parameter":  # numbers in the making
            changed = Traced("numbers", value.shape, value.dtype, tensor=tensor.detach().clone())
            self._keep(tensor, changed)
            return changed
        if version != tensor._version and value.kind in ("made", "input"):
            where = _where(_place()) or "what the module gives: "
            raise NotCaptured(
                f"{where}a tensor is used that was changed in place through another one that shares its memory; "
                "a spec has no values that change"
            )
        return value

    def finish(self, result: Any) -> None:
        """Note what the module gave."""
        self.trace.root.result = self._told(result)
        self.trace.names = _names_in(result)
        if not self.trace.root.outputs:
            raise NotCaptured(
                f"the module gives a `{type(result).__name__}` without tensors in it: a spec's network gives a tensor, "
                "or several in a tuple, a list or a dict"
            )
        if not all(value.varies for value in self.trace.root.outputs):
            read = "".join(f"; {_where(one.place)}{one.why}" for one, _ in self.trace.read[:1])
            raise NotCaptured(
                "no input decides what the module gives, or one of its tensors, as far as torch's own functions "
                f"compute it, which are all that is followed{read}"
            )


MOST_READS: Final = 1000
"""Times that a program looks at numbers, more than which it may do forever."""

_NOT_FOLLOWED: Final = "in which nothing is followed and nothing trains: leave that to who runs it"


def _has_numbers(result: Any) -> bool:
    """Whether a result is numbers that a program may go on by, and NumPy may compute with."""
    return isinstance(result, (bool, int, float, list)) or hasattr(result, "__array_interface__")


@passing
def _another(call: Callable[..., Any], module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """What a layer gives; in a tensor of its own where it gives what it is given, as dropout does in eval mode, so that
    who reads the one does not seem to read the other."""
    given = [(value, value._version) for value in (*args, *kwargs.values()) if isinstance(value, Tensor)]
    result = call(module, *args, **kwargs)
    if any(result is value and result._version == version for value, version in given):
        return result.view_as(result)
    return result


def _names_in(result: Any) -> tuple[tuple[str, int | None], ...]:
    """The names in a dict or a named tuple, with the numbers of tensors in those of several; none where one is no name
    of an output, or holds something else."""
    fields = cast("dict[Any, Any]", result if isinstance(result, dict) else getattr(result, "_asdict", dict)())
    names: list[tuple[str, int | None]] = []
    for name, value in fields.items():
        several = isinstance(value, (tuple, list)) and all(isinstance(one, Tensor) for one in cast("list[Any]", value))
        if not isinstance(name, str) or not_an_output(name) is not None or not (several or isinstance(value, Tensor)):
            return ()
        names.append((name, len(cast("list[Any]", value)) if several else None))
    return tuple(names)


def dtype_of(tensor: Tensor) -> str:
    """The dtype as a spec says it."""
    return "float32" if tensor.is_floating_point() else _DTYPES.get(tensor.dtype, str(tensor.dtype))


def _tensors_in(tree: Any) -> list[Tensor]:
    if isinstance(tree, (tuple, list)):
        return [one for item in tree for one in _tensors_in(item)]  # pyright: ignore[reportUnknownVariableType]  # any results
    return [tree] if isinstance(tree, Tensor) else []


def _place() -> Place | None:
    """The innermost line that is neither torch's nor netspec's; of a graph in a file, what the file tells."""
    told = STANDS_AT.get()
    if told is not None:
        return told
    frame = inspect.currentframe()
    while frame is not None:
        file = frame.f_code.co_filename
        if frame.f_code is traced.__code__:  # further out is who asked for the spec
            return None
        if is_users(file):
            return Place(file, frame.f_lineno)
        frame = frame.f_back
    return None


def _where(place: Place | None) -> str:
    """A place in front of what is told of it."""
    return f"{place}: " if place is not None else ""
