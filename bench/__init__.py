"""One scenario per question; each prints its command, machine and spread."""
