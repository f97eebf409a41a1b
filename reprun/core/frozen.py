"""`dataclass` and its helpers for the records that a launch uses, without the cost of the standard module.

Importing `dataclasses` and letting it compile methods for thirty classes takes 18 ms, a fifth of a launch
(docs/decisions/0008). These are the same names with the same meaning for plain records: no inheritance, no `__post_init__`,
no slots. For type checkers they are the standard ones.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import asdict, astuple, dataclass, field, fields, replace
else:
    _MISSING = object()

    class _Field:
        def __init__(self, name="", default=_MISSING, default_factory=None, repr=True, compare=True):  # noqa: A002
            self.name, self.default, self.default_factory, self.repr, self.compare = name, default, default_factory, repr, compare

    def field(*, default=_MISSING, default_factory=None, repr=True, compare=True):  # noqa: A002
        """The options of one field."""
        return _Field("", default, default_factory, repr, compare)

    def dataclass(cls=None, *, frozen=False):
        """Gives a class with annotated fields the methods of a record."""
        if cls is None:
            return lambda decorated: dataclass(decorated, frozen=frozen)
        found = []
        for name in cls.__annotations__:
            value = cls.__dict__.get(name, _MISSING)
            one = value if isinstance(value, _Field) else _Field(default=value)
            one.name = name
            if isinstance(value, _Field):
                delattr(cls, name)
            found.append(one)
        cls.__record_fields__ = tuple(found)
        cls.__init__, cls.__repr__, cls.__eq__ = _init, _repr, _eq
        cls.__hash__ = _hash if frozen else None
        if frozen:
            cls.__setattr__ = cls.__delattr__ = _refuse
        return cls

    def _init(self, *args, **kwargs):
        found = self.__record_fields__
        if len(args) > len(found):
            raise TypeError(f"{type(self).__name__} takes {len(found)} values, not {len(args)}")
        values = dict(zip((one.name for one in found), args, strict=False))
        for name in kwargs:
            if name in values or all(one.name != name for one in found):
                raise TypeError(f"{type(self).__name__} got an unexpected value {name!r}")
        values.update(kwargs)
        self.__dict__.update((one.name, _value(self, one, values)) for one in found)

    def _value(self, one, values):
        if one.name in values:
            return values[one.name]
        if one.default_factory is not None:
            return one.default_factory()
        if one.default is _MISSING:
            raise TypeError(f"{type(self).__name__} needs a value for {one.name!r}")
        return one.default

    def _compared(self):
        return tuple(getattr(self, one.name) for one in self.__record_fields__ if one.compare)

    def _eq(self, other):
        return _compared(self) == _compared(other) if other.__class__ is self.__class__ else NotImplemented

    def _hash(self):
        return hash(_compared(self))

    def _repr(self):
        shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in self.__record_fields__ if one.repr)
        return f"{type(self).__qualname__}({shown})"

    def _refuse(self, name, *_):
        raise AttributeError(f"cannot assign to field {name!r}")

    def fields(record):
        """The fields of a record or its class, in order."""
        return record.__record_fields__

    def replace(record, **changes):
        """A record with other values in the named fields."""
        return type(record)(**{**record.__dict__, **changes})

    def asdict(record):
        """The record as nested mappings."""
        return {one.name: _plain(getattr(record, one.name), asdict) for one in record.__record_fields__}

    def astuple(record):
        """The values of the record, in order."""
        return tuple(_plain(getattr(record, one.name), astuple) for one in record.__record_fields__)

    def _plain(value, into):
        if hasattr(value, "__record_fields__"):
            return into(value)
        if isinstance(value, (list, tuple)):
            return type(value)(_plain(item, into) for item in value)
        if isinstance(value, dict):
            return {key: _plain(item, into) for key, item in value.items()}
        return value


__all__ = ["asdict", "astuple", "dataclass", "field", "fields", "replace"]
