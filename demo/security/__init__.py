"""Who may ask the server for what: hosts, origins, routes, sizes, log-ins, files, room on disk."""

from demo.security.disk import Disk
from demo.security.guard import guarding
from demo.security.hosts import exposure
from demo.security.payloads import check_files

__all__ = ["Disk", "check_files", "exposure", "guarding"]
