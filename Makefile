# Each target sets up what it needs (.ci/setup.sh): `make demo` on a fresh machine is enough.
.PHONY: demo lab site test bench soak clean
bin = .venv/bin

demo: .venv/ready                  # build a C-ECHO, send it, record it, see it
	$(bin)/dicomlab demo
lab: .venv/ready                   # the notebooks, in JupyterLab
	$(bin)/dicomlab lab
site: .venv/ready                  # the notebooks as pages, in site/
	$(bin)/python -m docs.site
test: .venv/ready                  # everything that has to hold
	$(bin)/ruff check .
	$(bin)/ruff format --check .
	$(bin)/mypy
	$(bin)/codespell
	$(bin)/pytest -rs -n 2 --no-loadscope-reorder
bench: .venv/ready                 # the figures
	$(bin)/pytest -s -m bench
soak: .venv/ready                  # the same a hundred times
	$(bin)/pytest -s -m soak
clean:
	rm -rf .venv demo-out site build dist .*_cache .hypothesis
.venv/ready: pyproject.toml .ci/setup.sh
	@sh .ci/setup.sh
