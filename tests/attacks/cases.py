"""The crafted releases: each file of cases adds its own when it is imported."""

from tests.attacks import manifest_cases, people_cases, release_cases
from tests.attacks.case import CASES, Case

__all__ = ["CASES", "Case", "manifest_cases", "people_cases", "release_cases"]
