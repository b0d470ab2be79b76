"""Check that every promise was kept: every invariant, over every store and tenant.

Owns: which rules are checked, and how a broken one is told.
Does not own: any repair; it only reads, and may run while everything else works.
In: State, Log, Registry, the files of a home.  Out: Report of Findings.
"""

from sendopt.verify.report import Finding, Report
from sendopt.verify.run import Subject, verify

__all__ = ["Finding", "Report", "Subject", "verify"]
