"""What the tabs share: looks, charts, viewers that compare, the status panel, inputs."""
