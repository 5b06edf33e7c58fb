"""Cohorts with a planted truth."""
