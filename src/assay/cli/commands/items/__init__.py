"""Commands about kept inputs."""
