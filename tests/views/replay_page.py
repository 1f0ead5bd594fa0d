from workbench.views import replay

replay.page()
