"""What the command that starts the dashboard and the dashboard itself both have to know."""

ROOT_VARIABLE = "WORKBENCH_ROOT"
"""Environment variable that tells the dashboard its folder of recordings."""
DEFAULT_ROOT = "runs"
"""The folder where that is not set, relative to the current one."""
ADDRESS = "127.0.0.1"
"""Where it listens: this machine alone."""
DEFAULT_PORT = 8501
HOSTS = (ADDRESS, "localhost")
"""By what names a browser may have found it: a page of another site whose name was made to lead here has another."""

SERVER_OPTIONS = (
    *("--server.address", ADDRESS),
    *(word for host in HOSTS for word in ("--server.allowedHosts", host)),
    # The library's own choice, which a file in somebody's home or an environment variable could have undone.
    *("--server.enableCORS", "true"),
    *("--server.enableXsrfProtection", "true"),
    *("--server.enableStaticServing", "false"),
    *("--global.developmentMode", "false"),
    *("--server.headless", "true"),
    *("--server.fileWatcherType", "none"),
    *("--browser.gatherUsageStats", "false"),
    # `workbench app` has said the address already.
    *("--logger.hideWelcomeMessage", "true"),
    *("--logger.level", "warning"),
    *("--client.toolbarMode", "minimal"),
    *("--client.showErrorDetails", "none"),
    # As in .streamlit/config.toml, which is found only from the checkout.
    *("--theme.primaryColor", "#0b6fb8"),
    *("--theme.dark.primaryColor", "#56b4e9"),
    *("--theme.baseRadius", "8px"),
)
"""What Streamlit's server is started with, but for the port."""
