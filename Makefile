# make lessons   open the course in JupyterLab           make figures   draw every figure again
# make play      draw a digit in the browser             make site-play  the same page for any server, with Pyodide
# make site      the course as web pages, in build/site
# make gpu-check  all that must hold on a GPU; CHECK_FLAGS=--stand-in runs it without one
# make test      lint, run the tests and the lessons     make setup     only prepare .venv
PYTHON ?= python3
RUN = .venv/bin/python
# One BLAS thread: the products are small, and idle BLAS threads get in each other's way.
export OPENBLAS_NUM_THREADS ?= 1
# JupyterLab asks root for a flag, and a machine without a screen has no browser to open.
LAB_FLAGS = $(shell [ "$$(id -u)" != 0 ] || echo --allow-root) \
            $(shell [ "$$(uname)" != Linux ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser)
# Who can open a page of it can run any code: only from this machine, and only with a token that it makes anew, whatever
# a user's own settings say.
lessons: export JUPYTER_NO_CONFIG = 1
unexport JUPYTER_TOKEN JUPYTER_TOKEN_FILE JUPYTER_PASSWORD
# The tests start hundreds of programs: what they import is compiled once, whatever the user's settings say.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: setup lessons play site-play site test figures gpu-check

setup: .venv/ready

.venv/ready: pyproject.toml requirements.txt
	@echo "Setting up .venv with everything that is needed: about a minute, 600 MB."
	@$(PYTHON) -c 'import sys; sys.exit("draw_np needs Python 3.11 or newer" if sys.version_info < (3, 11) else 0)'
	@$(PYTHON) -m venv .venv
	@$(RUN) -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

lessons: setup
	@echo "Opening the course in JupyterLab: open the address below if no browser does; Ctrl-C stops it."
	@$(RUN) -m jupyter lab $(LAB_FLAGS) --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=lessons --LabApp.default_url=/lab/tree/README.md \
	    --LabApp.app_settings_dir="$(CURDIR)/lessons/.jupyterlab"

play: setup
	@$(RUN) -m draw_np play $(PLAY_FLAGS)

# A folder with a release of Pyodide 0.27; without one, what the tests use is looked for.
PYODIDE ?= build/pyodide
site-play: setup
	@[ -e "$(PYODIDE)/pyodide.mjs" ] || $(RUN) tools/pyodide.py "$(PYODIDE)"
	@$(RUN) -m draw_np play --out build/play --pyodide "$(PYODIDE)"

# Pyodide's packages come from its public servers, or with make site PYODIDE=FOLDER the pages carry them.
site: setup
	@echo "Making the web pages from the notebooks as they are: one or two minutes."
	@$(RUN) -c "import myst_nb, sphinx_book_theme, jupyterlite_pyodide_kernel" 2>/dev/null || \
	    $(RUN) -m pip install --quiet --disable-pip-version-check -e .[site]
	@$(RUN) site/make.py $(if $(filter-out file,$(origin PYODIDE)),--pyodide "$(PYODIDE)")

test: setup
	@echo "Checking the style, then running the tests, the lessons among them, on all cores, at most four: a few minutes."
	@$(RUN) -m ruff check --quiet .
	@$(RUN) -m ruff format --quiet --check . || { echo "run: $(RUN) -m ruff format ."; exit 1; }
	@MPLBACKEND=agg $(RUN) -m pytest -q -rs -n logical --maxprocesses 4 --dist loadgroup --no-loadscope-reorder

figures: setup
	@echo "Drawing every figure and table from the code and the shipped weights: a few minutes."
	@failed=0; for script in figures/[!_]*.py; do MPLBACKEND=agg $(RUN) $$script || failed=1; done; exit $$failed

# Any Python that has CuPy and what draw_np needs: make gpu-check GPU_PYTHON=python3
GPU_PYTHON ?= $(RUN)
gpu-check:
	@echo "Checking everything on the GPU: up to ten minutes."
	@$(GPU_PYTHON) tests/gpu_check.py $(CHECK_FLAGS)
