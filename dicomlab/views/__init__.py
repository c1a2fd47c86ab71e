"""Everything that shows something: text, HTML, figures, mermaid, JSON, over one view model."""
