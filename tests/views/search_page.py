from workbench.views import search

search.page()
