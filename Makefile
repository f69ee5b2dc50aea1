.PHONY: install check test from-nothing docs bench

# torch by itself first: together with the extras, gigabytes of CUDA may come along.
install:
	pip install torch
	pip install -e ".[dev,train,docs]"

check:
	ruff check .
	ruff format --check .
	mypy

test:
	pytest

# Raw sources, pools, shards, ten steps of training, an exported model, a separated song.
from-nothing:
	python tools/from_nothing.py

docs:
	mkdocs build --strict

bench:
	python benchmarks/separate.py
