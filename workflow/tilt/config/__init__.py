"""Everything a user writes, checked and resolved once per cohort."""
