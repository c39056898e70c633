"""msgr beside what else a user of Python could take, and beside Ceph's own programs."""
