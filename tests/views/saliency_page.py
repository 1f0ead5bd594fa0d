from workbench.views import saliency

saliency.page()
