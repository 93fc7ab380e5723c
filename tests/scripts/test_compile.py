"""Set-up compiles what it can and tells of the rest."""

from sobolev.scripts import compile


def test_a_problem_that_fails_is_told_and_the_others_go_on(capsys):
    assert compile.main(["no_such_problem", "poisson"]) == 0
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 1
    assert told[0].startswith("no_such_problem: not compiled yet: unknown problem")
