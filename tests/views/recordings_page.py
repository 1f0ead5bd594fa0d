from workbench.views import recordings

recordings.page()
