from workbench.views import probes

probes.page()
