"""Installs the program as a service of systemd, upgrades it and removes it; started by ``install-service.sh``."""
