"""What the tests call of the SDK, and what each call sends.

The recorder wraps the public methods of the SDK's classes where they are defined and
the one place through which its requests leave. It changes neither arguments nor
answers. A call counts for a class when a test made it, not the SDK itself: methods of
the SDK call each other a lot.
"""

import functools
import inspect
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import requests.adapters
from azureml.core import Environment, Model, Webservice, Workspace
from azureml.core.compute import AksCompute, ComputeTarget, KubernetesCompute
from azureml.core.webservice import AksEndpoint, AksWebservice

CLASSES = (
    AksCompute, KubernetesCompute, ComputeTarget,
    AksWebservice, AksEndpoint, Webservice,
    Model, Environment, Workspace,
)
# Which of these fetch their object from the server.
CONSTRUCTORS = {ComputeTarget: "__new__", Webservice: "__new__", Model: "__init__",
                Workspace: "__init__", Environment: "__init__"}


def own_methods(cls):
    """Public methods and properties that a class defines, by name, as they are kept."""
    kinds = (staticmethod, classmethod, property)
    return {
        name: member for name, member in vars(cls).items()
        if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, kinds))
    }


def public_methods():
    """`Class.method` of all classes. What works on an object is named for each class
    that has it; what works on a class, for the one that defines it."""
    names = {f"{cls.__name__}()" for cls in CONSTRUCTORS}
    for cls in CLASSES:
        for base in cls.__mro__:
            for name, member in own_methods(base).items():
                if base is cls or not isinstance(member, (staticmethod, classmethod)):
                    names.add(f"{cls.__name__}.{name}")
    return names


def given(signature, args, kwargs):
    """The names of arguments that have another value than their default."""
    try:
        bound = signature.bind_partial(*args, **kwargs).arguments
    except TypeError:
        return set()
    return {name for name, value in bound.items()
            if value is not None and value is not signature.parameters[name].default}


@dataclass(eq=False)
class Call:
    """One call that a test made: the arguments it gave, the hosts it asked, its end."""

    test: str
    given: set
    hosts: set = field(default_factory=set)
    # The exception it ended with, None if it answered.
    error: str | None = None


class Recorder:
    """The calls of one session."""

    def __init__(self):
        self.calls = defaultdict(list)
        self.passed = set()
        self.test = ""
        self.watchers = []
        self._stack = threading.local()
        self._under_way = []

    def install(self):
        for cls in CLASSES:
            for name, member in own_methods(cls).items():
                setattr(cls, name, self._wrapped(cls, name, member))
        for cls, name in CONSTRUCTORS.items():
            member = vars(cls)[name]
            function = getattr(member, "__func__", member)
            recorded = self._recorded(function, lambda *_, cls=cls: [f"{cls.__name__}()"])
            setattr(cls, name, staticmethod(recorded) if name == "__new__" else recorded)
        self._watch_requests()
        return self

    def ended(self, method, served=None):
        """The calls of a method that a passed test made; those that reached `served`."""
        calls = [call for call in self.calls[method] if call.test in self.passed]
        return calls if served is None else [call for call in calls if served in call.hosts]

    def _wrapped(self, cls, name, member):
        def on_class(*_):
            return [f"{cls.__name__}.{name}"]

        def on_object(this, *_):
            return [f"{base.__name__}.{name}" for base in type(this).__mro__
                    if base in CLASSES and hasattr(base, name)]

        if isinstance(member, property):
            return member.getter(self._recorded(member.fget, on_object))
        if isinstance(member, staticmethod):
            return staticmethod(self._recorded(member.__func__, on_class))
        if isinstance(member, classmethod):
            return classmethod(self._recorded(member.__func__, on_class))
        return self._recorded(member, on_object)

    def _recorded(self, function, names):
        signature = inspect.signature(function)

        @functools.wraps(function)
        def recorded(*args, **kwargs):
            if "/azureml/" in sys._getframe(1).f_code.co_filename:
                return function(*args, **kwargs)
            call = Call(self.test, given(signature, args, kwargs))
            stack = self._stack.__dict__.setdefault("calls", [])
            stack.append(call)
            self._under_way.append(call)
            try:
                return function(*args, **kwargs)
            except BaseException as error:
                call.error = type(error).__name__
                raise
            finally:
                stack.pop()
                self._under_way.remove(call)
                for method in names(*args):
                    self.calls[method].append(call)

        return recorded

    def _watch_requests(self):
        send = requests.adapters.HTTPAdapter.send

        @functools.wraps(send)
        def watched(adapter, request, *args, **kwargs):
            host = urlsplit(request.url).netloc
            # The SDK's own threads ask for whatever call is under way.
            for call in self._stack.__dict__.get("calls") or list(self._under_way):
                call.hosts.add(host)
            answer = send(adapter, request, *args, **kwargs)
            for watcher in self.watchers:
                watcher(request, answer)
            return answer

        requests.adapters.HTTPAdapter.send = watched


RECORDER = Recorder()
