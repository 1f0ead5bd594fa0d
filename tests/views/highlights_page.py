from workbench.views import highlights

highlights.page()
