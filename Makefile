.PHONY: install check test docs bench

install:
	pip install -e ".[dev]"

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
