"""What `make bench` measures: the speed bars of the service, each against a bare baseline of the same run."""
