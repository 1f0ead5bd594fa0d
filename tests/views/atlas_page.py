from workbench.views import atlas

atlas.page()
