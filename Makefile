.PHONY: install check test docs bench

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

docs:
	mkdocs build --strict

bench:
	python benchmarks/separate.py
