"""Errors say where, what was found, and what comes next."""

from gslb.errors import ConfigError, GslbError, Problem, RequestError


def test_a_problem_prints_place_path_message_and_hint() -> None:
    problem = Problem("zones/a.yaml:3:7", "pools.web.members.tokyo.weight", "must be at least 0 (got -1)", "use 0")
    assert str(problem) == "zones/a.yaml:3:7: pools.web.members.tokyo.weight: must be at least 0 (got -1) (use 0)"
    assert str(Problem("a.yaml:1:1", "", "empty file")) == "a.yaml:1:1: empty file"


def test_a_config_error_lists_every_problem() -> None:
    error = ConfigError([Problem("a:1:1", "x", "one"), Problem("b:2:2", "y", "two")])
    assert str(error) == "a:1:1: x: one\nb:2:2: y: two"
    assert (error.http_status, error.exit_code) == (422, 1)


def test_errors_carry_hints_and_pointers() -> None:
    assert GslbError("no", hint="try again").hint == "try again"
    assert RequestError("bad", pointer="/target").pointer == "/target"
