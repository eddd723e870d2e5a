"""The pages that the admin of the runs has beside its list and its form."""
