"""What `workbench app` serves: the dashboard without the checkout's own agents."""

from workbench.views.navigation import run

run()
