# Two commands do everything on a fresh machine: `make paper` and `make test`.
# Written for the make and the shell that a Mac brings (GNU Make 3.81, POSIX sh).

VENV := .venv
PYTHON := $(VENV)/bin/python
ARGS ?=

.PHONY: paper test check bench clean install-cron remove-cron install-launchd remove-launchd

paper: $(VENV)/.installed
	@$(PYTHON) scripts/main.py --paper $(ARGS)

test: $(VENV)/.installed-tests
	@$(PYTHON) -m pytest -n 3 --dist loadgroup $(ARGS)

check: $(VENV)/.installed-tests
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy

bench: $(VENV)/.installed-tests
	@$(PYTHON) tests/benchmarks/start_up.py
	@$(PYTHON) tests/benchmarks/replayed_day.py
	@$(PYTHON) tests/benchmarks/simulation.py
	@$(PYTHON) tests/benchmarks/backtest.py
	@$(PYTHON) tests/benchmarks/sweep.py
	@$(PYTHON) tests/benchmarks/alpaca_orders.py
	@$(PYTHON) tests/benchmarks/ibkr_orders.py
	@$(PYTHON) tests/benchmarks/broker_start.py
	@$(PYTHON) tests/benchmarks/dashboard.py

install-cron: $(VENV)/.installed
	@$(PYTHON) scripts/install_cron.py $(ARGS)

remove-cron: $(VENV)/.installed
	@$(PYTHON) scripts/install_cron.py --remove $(ARGS)

install-launchd: $(VENV)/.installed
	@$(PYTHON) scripts/install_cron.py --launchd $(ARGS)

remove-launchd: $(VENV)/.installed
	@$(PYTHON) scripts/install_cron.py --launchd --remove $(ARGS)

clean:
	rm -rf $(VENV)

$(VENV)/.installed: requirements.txt scripts/make_venv.sh
	@sh scripts/make_venv.sh $(VENV) requirements.txt
	@touch $@

$(VENV)/.installed-tests: $(VENV)/.installed requirements-dev.txt
	@sh scripts/make_venv.sh $(VENV) requirements-dev.txt
	@touch $@
