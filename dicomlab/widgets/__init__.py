"""What can be touched: anywidgets over the same views as everywhere, composed by ipywidgets."""
