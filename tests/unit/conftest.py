"""Fixtures shared by the unit tests."""

import pytest
from projects import Project


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Project(tmp_path)
