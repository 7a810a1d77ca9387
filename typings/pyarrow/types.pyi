# What Basis uses of pyarrow.types.

from pyarrow import DataType

def is_decimal(kind: DataType) -> bool: ...
