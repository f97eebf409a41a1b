"""How packages of PyPI are called in conda's channels. conda-lock wants a table of that, and would fetch one unseen.

It decides two things: which conda package a name in `pyproject.toml` means, and which conda packages keep pip from installing the
same once more. Names that differ only by `-` and `_` are found without it where a file names conda's own.
"""

from __future__ import annotations

import json
import os

from reprun.core.errors import UsageError
from reprun.core.text import show
from reprun.system.files import find_bytes

# What differs in conda-forge, of what research code uses. `[environment] pypi_names` takes another table.
_KNOWN = """
apache-airflow=airflow blosc=python-blosc brotli=brotli-python build=python-build cupy-cuda11x=cupy cupy-cuda12x=cupy
dask=dask-core duckdb=python-duckdb et-xmlfile=et_xmlfile flatbuffers=python-flatbuffers geopandas=geopandas-base
graphviz=python-graphviz huggingface-hub=huggingface_hub igraph=python-igraph importlib-resources=importlib_resources
isal=python-isal jaraco-classes=jaraco.classes jupyter-client=jupyter_client jupyter-console=jupyter_console
jupyter-core=jupyter_core jupyter-events=jupyter_events jupyter-server=jupyter_server jupyterlab-pygments=jupyterlab_pygments
jupyterlab-server=jupyterlab_server jupyterlab-widgets=jupyterlab_widgets kaleido=python-kaleido line-profiler=line_profiler
lmdb=python-lmdb matplotlib=matplotlib-base memory-profiler=memory_profiler ml-dtypes=ml_dtypes msgpack=msgpack-python
opencv-python-headless=opencv opencv-python=opencv opt-einsum=opt_einsum prometheus-client=prometheus_client
psycopg2-binary=psycopg2 pure-eval=pure_eval pyqt5=pyqt pytorch-ignite=ignite ray=ray-core ruamel-yaml-clib=ruamel.yaml.clib
ruamel-yaml=ruamel.yaml seaborn=seaborn-base sphinx-rtd-theme=sphinx_rtd_theme stack-data=stack_data tables=pytables
torch-geometric=pytorch_geometric torch=pytorch xxhash=python-xxhash zope-interface=zope.interface
"""


def table_of_names(known: str = _KNOWN) -> bytes:
    """The table, as conda-lock reads it."""
    pairs = (pair.split("=") for pair in known.split())
    return json.dumps({pypi: {"pypi_name": pypi, "conda_name": conda} for pypi, conda in pairs}).encode()


def digest_of_names(place: str) -> str:
    """What is different when the table is: for a file its content, for an address that."""
    from hashlib import sha256

    data = find_bytes(place) if os.path.isabs(place) else None
    return sha256(data if data is not None else place.encode()).hexdigest()


def place_of_names(wanted: str, top: str) -> str:
    """The table that the settings name, as conda-lock takes it: an address, or a file below `top`; empty for ours.

    Raises `UsageError` for a file that is not there.
    """
    if not wanted or wanted.startswith(("https://", "http://", "file://")):
        return wanted
    path = os.path.join(top, wanted)
    if not os.path.isfile(path):
        raise UsageError(f"the table of names {show(wanted)} is not there", hint="[environment] pypi_names in reprun.toml")
    return path
