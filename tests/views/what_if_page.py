from workbench.views import what_if

what_if.page()
