"""What the table, the diagram and the comparison share: words for layers, folding of repeats, the graph."""
